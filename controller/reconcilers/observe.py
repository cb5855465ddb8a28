"""One snapshot of everything a pass looks at, from the caches alone."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller import meta
from controller.api.kinds import ALL_CHILDREN, AUTOSCALING_POLICY_BINDING, MODEL_INFER, MODEL_ROUTE
from controller.api.model import Backend, Model
from controller.informers import BY_NAMESPACE, BY_OWNER, Lister, SharedInformer
from controller.meta import Object, Resource
from controller.reconcilers.pods import BY_INFER, belongs_to
from controller.reconcilers.status import BackendView, backend_view
from controller.render import RenderOptions
from controller.render.names import MODEL_UID, child_name

BY_TARGET = "target"
BY_MODEL = "model"


def binding_targets(binding: Object) -> Iterable[str]:
    """``namespace/name`` of every ModelInfer that a binding scales."""
    spec = meta.spec_of(binding)
    optimizer, scaling = spec.get("optimizerConfiguration"), spec.get("scalingConfiguration")
    params = optimizer.get("params") if isinstance(optimizer, Mapping) else None
    entries = [*(params if isinstance(params, list) else ()), scaling]
    for entry in entries:
        target = entry.get("target") if isinstance(entry, Mapping) else None
        reference = target.get("targetRef") if isinstance(target, Mapping) else None
        if isinstance(reference, Mapping) and reference.get("kind") == "ModelInfer":
            yield f"{meta.namespace_of(binding)}/{reference.get('name')}"


def answered_names(route: Object) -> Iterable[str]:
    """The names in requests that a route answers: the model's and its adapters'."""
    spec = meta.spec_of(route)
    adapters = spec.get("loraAdapters")
    return dict.fromkeys(map(str, [spec.get("modelName", ""), *(adapters if isinstance(adapters, list) else ())]))


@dataclass(frozen=True, slots=True)
class Observed:
    """The Model and what is there around it. Nothing here is to be changed.

    ``scaled_by`` has the bindings of every wanted ModelInfer, also of one that the cache does not show: it may lack the label that the
    cache selects by.
    """

    model: Object
    children: Mapping[tuple[str, str], Object]
    owned: tuple[tuple[Resource, Object], ...]
    scaled_by: Mapping[str, tuple[Object, ...]]
    foreign_routes: tuple[Object, ...]
    pods: Mapping[str, tuple[Object, ...]]

    def child(self, resource: Resource, name: str) -> Object | None:
        """The live object of this kind and name in the Model's namespace."""
        return self.children.get((resource.kind, name))


class Observer:
    """Reads the informers' stores."""

    def __init__(
        self,
        models: SharedInformer,
        children: Mapping[Resource, SharedInformer],
        pods: Lister,
        options: Callable[[], RenderOptions],
    ) -> None:
        self.models = models
        self.children = children
        self._pods = pods
        self.options = options

    def model(self, name: str, namespace: str) -> Object | None:
        """The Model, if it is there."""
        return self.models.lister.get(name, namespace)

    def versions(self, model: Object) -> dict[tuple[str, str], str | None]:
        """The resourceVersion of everything that a pass for this Model looks at, by kind and name."""
        seen: dict[tuple[str, str], str | None] = {
            (resource.kind, key.name): version
            for resource, informer in self.children.items()
            for key, version in informer.lister.versions(BY_OWNER, meta.uid_of(model)).items()
        }
        bindings = self.children[AUTOSCALING_POLICY_BINDING].lister
        for kind, name in tuple(seen):
            if kind == MODEL_INFER.kind:
                target = f"{meta.namespace_of(model)}/{name}"
                for key, version in bindings.versions(BY_TARGET, target).items():
                    seen[AUTOSCALING_POLICY_BINDING.kind, key.name] = version
                seen |= {("Pod", key.name): rv for key, rv in self._pods.versions(BY_INFER, target).items()}
        return seen

    def _owned(self, model: Object) -> Iterable[tuple[Resource, Object]]:
        uid = meta.uid_of(model)
        for resource, informer in self.children.items():
            for obj in informer.lister.by_index(BY_OWNER, uid):
                yield resource, obj

    def observe(self, model: Object, wanted: Sequence[Object]) -> Observed:
        """The snapshot for these desired children."""
        namespace, uid = meta.namespace_of(model), meta.uid_of(model)
        resources = {resource.kind: resource for resource in ALL_CHILDREN}
        live = {}
        for child in wanted:
            kind, name = child["kind"], meta.name_of(child)
            if (found := self.children[resources[kind]].lister.get(name, namespace)) is not None:
                live[kind, name] = found
        owned = tuple(
            (resource, obj)
            for resource, obj in self._owned(model)
            if meta.is_controlled_by(obj, uid) and meta.labels_of(obj).get(MODEL_UID) == uid
        )
        bindings = self.children[AUTOSCALING_POLICY_BINDING].lister
        scaled_by = {
            meta.name_of(child): tuple(bindings.by_index(BY_TARGET, f"{namespace}/{meta.name_of(child)}"))
            for child in wanted
            if child["kind"] == MODEL_INFER.kind
        }
        pods = {name: self.pods_of(obj) for (kind, name), obj in live.items() if kind == MODEL_INFER.kind}
        return Observed(model, live, owned, scaled_by, self._foreign_routes(model, wanted), pods)

    def backends(self, model: Model) -> tuple[BackendView, ...]:
        """How every backend is now, as its ModelInfer and its pods show it, in spec order."""
        settled = _is_settled(model)
        return tuple(self._backend(model, backend, settled=settled) for backend in model.spec.backends)

    def _backend(self, model: Model, backend: Backend, *, settled: bool) -> BackendView:
        name = child_name(model, backend)
        infer = self.children[MODEL_INFER].lister.get(name, model.namespace)
        if infer is not None and not meta.is_controlled_by(infer, model.uid):
            infer = None
        pods = () if infer is None else self.pods_of(infer)
        return backend_view(backend.name, name, infer, pods, settled=settled)

    def pods_of(self, infer: Object) -> tuple[Object, ...]:
        """The pods that were made for this ModelInfer, by name."""
        named = self._pods.by_index(BY_INFER, str(meta.key_of(infer)))
        return tuple(sorted((pod for pod in named if belongs_to(pod, infer)), key=meta.name_of))

    def _foreign_routes(self, model: Object, wanted: Iterable[Object]) -> tuple[Object, ...]:
        """Routes of others, in any namespace, that answer a name of ours: the router keeps one of them."""
        names = {name for child in wanted if child["kind"] == MODEL_ROUTE.kind for name in answered_names(child)}
        routes = self.children[MODEL_ROUTE].lister
        found = {meta.key_of(route): route for name in sorted(names) for route in routes.by_index(BY_MODEL, name)}
        return tuple(route for route in found.values() if not meta.is_controlled_by(route, meta.uid_of(model)))


def _is_settled(model: Model) -> bool:
    active = meta.find_condition(meta.conditions_of(model.object), "Active") or {}
    return active.get("status") == "True" and active.get("observedGeneration") == model.generation


__all__ = ("BY_MODEL", "BY_NAMESPACE", "BY_TARGET", "Observed", "Observer", "binding_targets")
