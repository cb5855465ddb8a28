"""When a server begins to call pods in a new way: by another port, served name, engine or selector. Pure.

The router uses a changed server at once, while the pods that can be called in the new way are still to come: a rollout replaces one replica
after the other. So the server stays as it is as long as it reaches ready pods and no pod that was started with the new template is ready. A
pod was, if its containers run the commands of the template. The wait is bounded like the replacement of a backend.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller import meta
from controller.api.pods import is_ready
from controller.dialects import ChildKey, PodKeys, value_at
from controller.meta import Object
from controller.reconcilers.diff import is_held
from controller.reconcilers.handover import bound_seconds
from controller.reconcilers.planning.request import Request
from controller.reconcilers.pods import runs_commands_of
from controller.reconcilers.reasons import INITIALIZED, READY
from controller.reconcilers.steps import Patch, Reason, Step, Wait

_NOT_CALLING = "trafficPolicy"


def server_step(request: Request, step: Step) -> Step:
    """The step for a server of ours, which waits while only pods of the old kind can be called."""
    if not isinstance(step, Patch) or not calls_differently(request, step):
        return step
    workload = ChildKey(request.dialect.workload.kind, step.name)
    if _is_held(request, workload):
        return step
    pods = [pod for pod in request.snapshot.pods.get(workload.name, ()) if is_ready(pod)]
    roles = _roles(request, workload)
    if not any(is_selected(pod, step.live) for pod in pods) or _can_serve(pods, roles, request.dialect.pod_keys):
        return step
    until = _since(request) + bound_seconds(request.model.object)
    if until <= request.now:
        return step
    common: dict[str, Any] = {"kind": step.kind, "name": step.name, "live": step.live}
    return Wait(**common, reason=Reason.OLD_PODS, needs=(workload,), until=until, usable=True)


def calls_differently(request: Request, step: Patch) -> bool:
    """Whether the spec asks for it, rather than somebody's edit of the server, which is healed at once."""
    label = request.dialect.keys.revision
    new = meta.labels_of(step.live).get(label) != meta.labels_of(step.desired).get(label)
    return new and any(field != _NOT_CALLING for field in step.patch.get("spec", {}))


def _is_held(request: Request, workload: ChildKey) -> bool:
    """Whether the pods stay as they are whatever is rendered: then none in the new way will come."""
    live, desired = request.snapshot.children.get(workload), request.desired.get(workload)
    return live is not None and desired is not None and is_held(desired, live, request.dialect)


def _roles(request: Request, workload: ChildKey) -> Sequence[Mapping[str, Any]]:
    path = request.dialect.kind(workload.kind).template or ()
    roles = value_at(request.desired[workload]["spec"], path) if workload in request.desired else None
    return roles if isinstance(roles, list) else ()


def is_selected(pod: Object, server: Object) -> bool:
    """Whether the server calls this pod, once it is ready."""
    selector = value_at(meta.spec_of(server), ("workloadSelector", "matchLabels"))
    labels = meta.labels_of(pod)
    return all(labels.get(key) == value for key, value in (selector if isinstance(selector, Mapping) else {}).items())


def _can_serve(pods: Sequence[Object], roles: Sequence[Mapping[str, Any]], keys: PodKeys) -> bool:
    """Whether every role has a ready entry pod that was started with the new template."""
    return all(any(runs_commands_of(pod, _template(role)) for pod in _entries(pods, role, keys)) for role in roles)


def _entries(pods: Sequence[Object], role: Mapping[str, Any], keys: PodKeys) -> Iterator[Object]:
    for pod in pods:
        labels = meta.labels_of(pod)
        if labels.get(keys.role) == role["name"] and labels.get(keys.entry) == "true":
            yield pod


def _template(role: Mapping[str, Any]) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = role["entryTemplate"]["spec"]
    return spec


def _since(request: Request) -> float:
    """When the first pass over this generation found that not everything is as desired; now, if that is this pass.

    ``Initialized`` stays True, with the older generation, while a later one is applied; then ``Ready`` has become False.
    """
    conditions = meta.conditions_of(request.model.object)
    for type_ in (INITIALIZED, READY):
        condition = meta.find_condition(conditions, type_) or {}
        if condition.get("status") == "False" and condition.get("observedGeneration") == request.model.generation:
            try:
                return meta.parse_time(str(condition.get("lastTransitionTime"))).timestamp()
            except ValueError:
                return request.now
    return request.now
