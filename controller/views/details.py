"""Everything about one Model that ``status NAME`` shows, as lines of text: conditions, backends, children and pods. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from controller import meta
from controller.api.pods import container_statuses, is_ready, restarts
from controller.meta import Object, Resource
from controller.reconcilers.messages import pod_failure_line
from controller.reconcilers.pod_failures import pod_failure


def detail_lines(
    model: Object,
    children: Mapping[Resource, Sequence[Object] | None],
    pods: Iterable[Object],
    warnings: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """The lines. ``children`` has the Model's own by kind; None for a kind that the cluster does not have.

    ``warnings`` are the last words of Events about pods, by uid; they are shown where the pod's own status does not say why it waits.
    """
    yield from _route(model)
    yield from _section("Conditions", [_condition_line(condition) for condition in meta.conditions_of(model)])
    yield from _section("Backends", _backend_lines(model))
    yield from _section("Children", [_child_line(r, objects) for r, objects in children.items() if objects != []])
    yield from _section("Pods", [_pod_line(pod, warnings or {}) for pod in sorted(pods, key=meta.name_of)])


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}:"
        yield from (f"  {line}" for line in lines)


def _route(model: Object) -> Iterator[str]:
    route = meta.status_of(model).get("route")
    if not isinstance(route, Mapping):
        return
    adapters = ", ".join(map(str, route.get("loraAdapters") or ()))
    also = f", adapters {adapters}" if adapters else ""
    yield f'Called as: "model": "{route.get("modelName")}" (ModelRoute {route.get("name")}{also})'
    if conflicts := ", ".join(map(str, route.get("conflictsWith") or ())):
        yield f"Warning: the routes {conflicts} answer the same name; the router keeps one of them"


def _condition_line(condition: Object) -> str:
    message = " | ".join(str(condition.get("message", "")).splitlines())
    said = f"{condition.get('type')}={condition.get('status')} {condition.get('reason')}"
    return f"{said}: {message}" if message else said


def _backend_lines(model: Object) -> list[str]:
    states = meta.status_of(model).get("backendStatuses")
    lines = []
    for state in states if isinstance(states, list) else ():
        line = f"{state.get('name')}: {state.get('readyReplicas', '?')}/{state.get('desiredReplicas', '?')} replicas"
        for adapter in state.get("adapters") or ():
            line += f", adapter {adapter.get('name')} on {adapter.get('loadedPods')}/{adapter.get('pods')} pods"
        if held := state.get("heldRevision"):
            line += f", pod template kept (revision {held} is waiting)"
        lines.append(line)
    return lines


def _child_line(resource: Resource, objects: Sequence[Object] | None) -> str:
    if objects is None:
        return f"{resource.kind} ({resource.api_version}) is not installed in this cluster"
    names = (f"{meta.name_of(obj)}{' (being deleted)' if meta.is_deleting(obj) else ''}" for obj in objects)
    return f"{resource.kind} {', '.join(sorted(names))}"


def starts(pod: Object) -> bool:
    """Whether it is on its way to ready and its status names no failure."""
    return not is_ready(pod) and not meta.is_deleting(pod) and pod_failure(pod) is None


def _pod_line(pod: Object, warnings: Mapping[str, str]) -> str:
    """Why it is stuck, else which of its containers are not ready, and the last warning about it."""
    name, count = meta.name_of(pod), restarts(pod)
    again = f", {count} restarts" if count else ""
    if (failure := pod_failure(pod)) is not None:
        return f"{pod_failure_line(failure).removeprefix('pod ')}{again}"
    if meta.is_deleting(pod):
        return f"{name}: being deleted{again}"
    if is_ready(pod):
        return f"{name}: ready{again}"
    waiting = ", ".join(str(c.get("name")) for c in container_statuses(pod) if _is_unready(c))
    warned = warnings.get(meta.uid_of(pod))
    return (
        f"{name}: not ready{again}"
        + (f", waiting for {waiting}" if waiting else "")
        + (f"; {warned}" if warned else "")
    )


def _is_unready(container: Object) -> bool:
    state = container.get("state")
    return container.get("ready") is not True and not (isinstance(state, Mapping) and "terminated" in state)
