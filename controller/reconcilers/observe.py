"""One snapshot of everything that a pass looks at, from listers alone: of the informers in ``run``, of live lists in ``diff``."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from controller import meta
from controller.dialects import ChildKey, Dialect, Role
from controller.dialects.routes import answered_names
from controller.informers import BY_OWNER, IndexFunction, Lister
from controller.meta import NamespacedName, Object, Resource
from controller.reconcilers.children import key_of
from controller.reconcilers.pods import BY_WORKLOAD, belongs_to

BY_TARGET = "target"
BY_ANSWERED_NAME = "answered-name"


def indexers(resource: Resource, dialect: Dialect) -> Mapping[str, IndexFunction]:
    """The indexes that the store of a kind of children needs beside the built-in ones."""
    kind = dialect.kind(resource.kind)

    def targets(scaler: Object) -> Iterable[str]:
        names = dict.fromkeys(each.workload for each in kind.scales(scaler))
        return (f"{meta.namespace_of(scaler)}/{name}" for name in names)

    if kind.role is Role.SCALER:
        return {BY_TARGET: targets}
    if kind.role is Role.ROUTE:
        return {BY_ANSWERED_NAME: answered_names}
    return {}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The Model and what exists around it. Nothing here is to be changed.

    ``children`` are the live objects with the name of a desired child and those that the Model owns. ``owned`` are the keys of those that it
    controls and that carry its uid label. ``bindings`` has the bindings that scale each desired workload, of any owner. ``pods`` has
    the pods of each desired workload that the Model controls, by the workload's name. ``foreign_routes`` are routes of others that answer
    one of the Model's names, in any namespace.
    """

    model: Object
    children: Mapping[ChildKey, Object]
    owned: tuple[ChildKey, ...] = ()
    bindings: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    foreign_routes: tuple[NamespacedName, ...] = ()
    pods: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)

    def with_child(self, key: ChildKey, live: Object | None) -> "Snapshot":
        """The same with another live object under a key; None for none."""
        return self.with_children({key: live})

    def with_children(self, changed: Mapping[ChildKey, Object | None]) -> "Snapshot":
        """The same with other live objects; None for none."""
        if not changed:
            return self
        children = {**self.children, **changed}
        return replace(self, children={key: obj for key, obj in children.items() if obj is not None})

    def without(self, keys: Collection[ChildKey]) -> "Snapshot":
        """The same as if these children were not the Model's."""
        children = {key: obj for key, obj in self.children.items() if key not in keys}
        return replace(self, children=children, owned=tuple(key for key in self.owned if key not in keys))


class Observer:
    """Reads the listers of a dialect's children and of the pods. ``routes`` gives those of every family, which share one router."""

    def __init__(
        self,
        dialect: Dialect,
        children: Mapping[Resource, Lister],
        pods: Lister,
        routes: Callable[[], Iterable[Lister]] | None = None,
    ) -> None:
        self._dialect = dialect
        self._children = children
        self._pods = pods
        self._routes = routes or (lambda: (children[dialect.route],))

    def versions(self, model: Object) -> dict[ChildKey, str | None]:
        """The resourceVersion of everything that a pass for this Model looks at, without decoding an object."""
        seen: dict[ChildKey, str | None] = {}
        for resource, lister in self._children.items():
            for key, version in lister.versions(BY_OWNER, meta.uid_of(model)).items():
                seen[ChildKey(resource.kind, key.name)] = version
        for kind, name in tuple(seen):
            if kind == self._dialect.workload.kind:
                target = f"{meta.namespace_of(model)}/{name}"
                for resource in self._dialect.resources(Role.SCALER):
                    for key, version in self._children[resource].versions(BY_TARGET, target).items():
                        seen[ChildKey(resource.kind, key.name)] = version
                seen |= {ChildKey("Pod", key.name): v for key, v in self._pods.versions(BY_WORKLOAD, target).items()}
        return seen

    def snapshot(self, model: Object, desired: Sequence[Object]) -> Snapshot:
        """The live objects around a Model with these desired children."""
        namespace, uid = meta.namespace_of(model), meta.uid_of(model)
        children = {
            ChildKey(resource.kind, meta.name_of(obj)): obj
            for resource, lister in self._children.items()
            for obj in lister.by_index(BY_OWNER, uid)
            if meta.is_controlled_by(obj, uid) and meta.labels_of(obj).get(self._dialect.keys.model_uid) == uid
        }
        owned = tuple(children)
        for child in desired:
            key = key_of(child)
            if key not in children:
                found = self._children[self._dialect.kind(key.kind).resource].get(key.name, namespace)
                if found is not None:
                    children[key] = found
        workloads = [key_of(child) for child in desired if child["kind"] == self._dialect.workload.kind]
        return Snapshot(
            model,
            children,
            owned,
            {key.name: self._bindings_of(namespace, key.name) for key in workloads},
            self.foreign_routes(model, names_answered(desired, self._dialect)),
            {key.name: self._pods_of(children[key]) for key in workloads if _is_ours(children.get(key), uid)},
        )

    def _bindings_of(self, namespace: str, workload: str) -> tuple[Object, ...]:
        target = f"{namespace}/{workload}"
        listers = [self._children[resource] for resource in self._dialect.resources(Role.SCALER)]
        return tuple(binding for lister in listers for binding in lister.by_index(BY_TARGET, target))

    def _pods_of(self, workload: Object) -> tuple[Object, ...]:
        named = self._pods.by_index(BY_WORKLOAD, str(meta.key_of(workload)))
        return tuple(sorted((pod for pod in named if belongs_to(pod, workload)), key=meta.name_of))

    def foreign_routes(self, model: Object, names: Collection[str]) -> tuple[NamespacedName, ...]:
        """The routes of others that answer one of these names, in any namespace: the router keeps one route for a name. Decodes none."""
        found = {key for lister in self._routes() for name in names for key in lister.versions(BY_ANSWERED_NAME, name)}
        return tuple(sorted(found - {meta.key_of(model)}))


def names_answered(desired: Iterable[Object], dialect: Dialect) -> frozenset[str]:
    """The names in requests that the desired routes answer."""
    routes = [child for child in desired if child["kind"] == dialect.route.kind]
    return frozenset(name for route in routes for name in answered_names(route))


def _is_ours(obj: Object | None, uid: str) -> bool:
    return obj is not None and meta.is_controlled_by(obj, uid)
