"""What a plan must know about each kind of child: one table, and the only place of the reconciler that tells kinds apart.

A kind has a ``Role``; everything else in this package asks for roles. Sources: the CRDs of the children (which fields are immutable, what
refers to what) and the fields that users and other controllers are promised to keep.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from controller import meta
from controller.api.kinds import (
    AUTOSCALING_POLICY,
    AUTOSCALING_POLICY_BINDING,
    MODEL_INFER,
    MODEL_ROUTE,
    MODEL_SERVER,
)
from controller.meta import Object, Resource
from controller.render.names import OWNED_FIELDS, REVISION, revision

Path = tuple[str, ...]
Adapter = tuple[str, str]


class Role(StrEnum):
    """What a kind of child is for."""

    SERVER = "server"
    WORKLOAD = "workload"
    POLICY = "policy"
    BINDING = "binding"
    ROUTE = "route"


class ChildKey(NamedTuple):
    """A child within the Model's namespace."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Fields:
    """A set of fields below ``spec``: everything under the paths ``within``, without the paths ``outside``.

    The paths ``if_desired`` belong to the set where the desired object has them; otherwise they are somebody else's.
    """

    within: tuple[Path, ...] = ((),)
    outside: tuple[Path, ...] = ()
    if_desired: tuple[Path, ...] = ()

    def wanted_by(self, desired: Mapping[str, Any]) -> "Fields":
        """The set for this desired ``spec``."""
        more = tuple(path for path in self.if_desired if _at(desired, path) is not _ABSENT)
        return Fields((*self.within, *more), self.outside) if more else self

    def of(self, spec: Mapping[str, Any], *, outside: Collection[Path] = ()) -> dict[str, Any]:
        """The part of ``spec`` that is in the set, also without the paths of the argument. ``spec`` is not changed."""
        found: dict[str, Any] = {}
        for path in self.within:
            found = dict(spec) if not path else _with(found, path, _at(spec, path))
        for path in (*self.outside, *outside):
            found = _without(found, path)
        return found


_ABSENT: Any = object()


def _at(value: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def _with(value: dict[str, Any], path: Path, item: Any) -> dict[str, Any]:
    if item is _ABSENT:
        return value
    head, *rest = path
    return {**value, head: _with(value.get(head, {}), tuple(rest), item) if rest else item}


def _without(value: dict[str, Any], path: Path) -> dict[str, Any]:
    head, *rest = path
    if head not in value or (rest and not isinstance(value[head], Mapping)):
        return value
    if rest:
        return {**value, head: _without(dict(value[head]), tuple(rest))}
    return {key: item for key, item in value.items() if key != head}


def value_at(spec: Mapping[str, Any], path: Path) -> Any:
    """The value at a path below ``spec``; None where it is absent."""
    found = _at(spec, path)
    return None if found is _ABSENT else found


def _nothing(_: Object) -> Iterable[ChildKey]:
    return ()


@dataclass(frozen=True, slots=True)
class ChildKind:
    """One row of the table.

    ``owned`` are the fields of ``spec`` that the controller writes; the others belong to users and other controllers. A change of an
    ``immutable`` field needs a deletion and a creation. ``template`` and ``replicas`` are the paths of the pod template, which may be held,
    and of the number of replicas, which an autoscaler may own. ``needs`` gives the children that must be written before a desired one,
    ``names`` those that a live one refers to, which therefore must not be deleted before it.
    """

    role: Role
    resource: Resource
    owned: Fields = Fields()
    immutable: tuple[Path, ...] = ()
    template: Path | None = None
    replicas: Path | None = None
    needs: Callable[[Object], Iterable[ChildKey]] = _nothing
    names: Callable[[Object], Iterable[ChildKey]] = _nothing


def scaled_workloads(binding: Object) -> Iterable[str]:
    """The names of the workloads that a binding scales."""
    spec = meta.spec_of(binding)
    optimizer, scaling = spec.get("optimizerConfiguration"), spec.get("scalingConfiguration")
    params = optimizer.get("params") if isinstance(optimizer, Mapping) else None
    for entry in (*(params if isinstance(params, list) else ()), scaling):
        reference = value_at(entry, ("target", "targetRef")) if isinstance(entry, Mapping) else None
        if isinstance(reference, Mapping) and reference.get("kind") == MODEL_INFER.kind:
            yield str(reference.get("name"))


def answered_names(route: Object) -> Iterable[str]:
    """The names in requests that a route answers: the model's and its adapters'."""
    spec = meta.spec_of(route)
    adapters = spec.get("loraAdapters")
    return dict.fromkeys(map(str, [spec.get("modelName", ""), *(adapters if isinstance(adapters, list) else ())]))


def routed_adapters(route: Object) -> set[Adapter]:
    """(server, adapter) for every adapter that a route sends to a server."""
    spec = meta.spec_of(route)
    names = {name for name in spec.get("loraAdapters") or () if isinstance(name, str)}
    pairs: set[Adapter] = set()
    for rule in _rules(route):
        body = (rule.get("modelMatch") or {}).get("body") or {}
        reached = names & {body["model"]} if body.get("model") else names
        pairs |= {
            (str(target.get("modelServerName")), name) for target in rule.get("targetModels") or () for name in reached
        }
    return pairs


def _rules(route: Object) -> list[Mapping[str, Any]]:
    rules = meta.spec_of(route).get("rules")
    return [rule for rule in rules if isinstance(rule, Mapping)] if isinstance(rules, list) else []


def route_targets(route: Object) -> dict[str, None]:
    """The names of the servers that a route sends requests to, in order."""
    targets = (target for rule in _rules(route) for target in rule.get("targetModels") or ())
    return dict.fromkeys(str(target.get("modelServerName")) for target in targets)


def without_targets(route: dict[str, Any], missing: Collection[str]) -> dict[str, Any] | None:
    """The desired route without these servers; None when no default traffic would be left.

    A rule whose remaining weights add up to 0 is left out with its adapter, because such a rule makes the router fail.
    """
    if not missing or not missing & route_targets(route).keys():
        return route
    rules = []
    for rule in _rules(route):
        targets = [target for target in rule["targetModels"] if target.get("modelServerName") not in missing]
        if sum(target.get("weight", 100) for target in targets) > 0:
            rules.append({**rule, "targetModels": targets})
    names = {rule.get("name") for rule in rules}
    if "default" not in names:
        return None
    spec: dict[str, Any] = {**route["spec"], "rules": rules}
    gone = {rule.get("name") for rule in _rules(route)} - names
    if adapters := [name for name in spec.pop("loraAdapters", ()) if name not in gone]:
        spec["loraAdapters"] = adapters
    labels = {**route["metadata"]["labels"], REVISION: revision(route["kind"], spec)}
    return {**route, "metadata": {**route["metadata"], "labels": labels}, "spec": spec}


def _server_of(workload: Object) -> Iterable[ChildKey]:
    """Its pods must find their server when they become ready."""
    return (ChildKey(MODEL_SERVER.kind, meta.name_of(workload)),)


def _policy_of(binding: Object) -> Iterable[ChildKey]:
    policy = meta.spec_of(binding).get("policyRef")
    return (ChildKey(AUTOSCALING_POLICY.kind, str(policy.get("name"))),) if isinstance(policy, Mapping) else ()


def _policy_and_targets(binding: Object) -> Iterable[ChildKey]:
    """The binding's webhook asks for its policy."""
    return (*_policy_of(binding), *(ChildKey(MODEL_INFER.kind, name) for name in scaled_workloads(binding)))


def _servers(route: Object) -> Iterable[ChildKey]:
    return (ChildKey(MODEL_SERVER.kind, name) for name in route_targets(route))


def _servers_and_workloads(route: Object) -> Iterable[ChildKey]:
    """Requests reach a workload through the server of its name."""
    return (ChildKey(kind, name) for name in route_targets(route) for kind in (MODEL_SERVER.kind, MODEL_INFER.kind))


_INFER_FIELDS: tuple[Path, ...] = (
    ("schedulerName",),
    ("recoveryPolicy",),
    ("topologySpreadConstraints",),
    ("rolloutStrategy", "type"),
    ("template", "restartGracePeriodSeconds"),
    ("template", "roles"),
    ("replicas",),
)

_INFER_CHOICES: tuple[Path, ...] = (
    ("rolloutStrategy", "rollingUpdateConfiguration"),
    ("template", "gangSchedule"),
)
"""Fields that a Model may set; where it does not, they are the user's own."""

CHILD_KINDS: Mapping[str, ChildKind] = {
    kind.resource.kind: kind
    for kind in (
        ChildKind(Role.SERVER, MODEL_SERVER, Fields(outside=(("trafficPolicy", "timeout"),))),
        ChildKind(
            Role.WORKLOAD,
            MODEL_INFER,
            Fields(_INFER_FIELDS, if_desired=_INFER_CHOICES),
            template=("template", "roles"),
            replicas=("replicas",),
            needs=_server_of,
        ),
        ChildKind(Role.POLICY, AUTOSCALING_POLICY),
        ChildKind(Role.BINDING, AUTOSCALING_POLICY_BINDING, needs=_policy_and_targets, names=_policy_of),
        ChildKind(
            Role.ROUTE,
            MODEL_ROUTE,
            Fields((("modelName",), ("loraAdapters",), ("rules",))),
            immutable=(("modelName",),),
            needs=_servers,
            names=_servers_and_workloads,
        ),
    )
}
"""The kinds of children by their ``kind``, in the order in which they are written."""


def with_owned_fields(child: dict[str, Any]) -> dict[str, Any]:
    """The desired child, which remembers in an annotation the optional fields that it has: so they can be removed again."""
    paths = [".".join(path) for path in kind_of(child).owned.if_desired if _has(child, path)]
    if not paths:
        return child
    annotations = {**meta.annotations_of(child), OWNED_FIELDS: ",".join(paths)}
    return {**child, "metadata": {**child["metadata"], "annotations": annotations}}


def fields_to_remove(kind: ChildKind, desired: Object, live: Object) -> tuple[Path, ...]:
    """The optional fields of ``live`` that the controller wrote, by its annotation, and that are no longer desired."""
    named = meta.annotations_of(live).get(OWNED_FIELDS, "").split(",")
    written = (path for path in kind.owned.if_desired if ".".join(path) in named)
    return tuple(path for path in written if _has(live, path) and not _has(desired, path))


def _has(child: Object, path: Path) -> bool:
    return value_at(meta.spec_of(child), path) is not None


def kind_of(child: Object) -> ChildKind:
    """The row of a desired child. Raises KeyError for an object that is no child."""
    return CHILD_KINDS[str(child["kind"])]


def key_of(child: Object) -> ChildKey:
    """The key of a desired child."""
    return ChildKey(str(child["kind"]), meta.name_of(child))


def resources_of(role: Role) -> tuple[Resource, ...]:
    """The resources that play this role."""
    return tuple(kind.resource for kind in CHILD_KINDS.values() if kind.role is role)
