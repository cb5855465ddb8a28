"""ModelRoutes, which both families share: what they answer and where they send requests. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from controller import meta
from controller.dialects.kinds import ChildKey, ChildKind, Fields, Role
from controller.meta import Object, Resource

Adapter = tuple[str, str]


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
    return {**route, "spec": spec}


def server_kind(resource: Resource) -> ChildKind:
    """The row of ModelServers. The time-out belongs to users."""
    return ChildKind(Role.SERVER, resource, Fields(outside=(("trafficPolicy", "timeout"),)))


def route_kind(resource: Resource, server: Resource, workload: Resource) -> ChildKind:
    """The row of ModelRoutes. Requests reach a workload through the server of its name."""

    def servers(route: Object) -> Iterable[ChildKey]:
        return (ChildKey(server.kind, name) for name in route_targets(route))

    def servers_and_workloads(route: Object) -> Iterable[ChildKey]:
        return (ChildKey(kind, name) for name in route_targets(route) for kind in (server.kind, workload.kind))

    return ChildKind(
        Role.ROUTE,
        resource,
        Fields((("modelName",), ("loraAdapters",), ("rules",))),
        immutable=(("modelName",),),
        needs=servers,
        names=servers_and_workloads,
    )
