"""The pods of workloads: what the cache keeps of them, and whose they are. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from controller import meta
from controller.api.pods import is_ready, pod_ip, restarts
from controller.dialects import Dialect
from controller.meta import Object, digest
from controller.reconcilers.pod_failures import pod_failure

BY_WORKLOAD = "workload"
_METADATA = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences", "deletionTimestamp")
_COMMANDS = "commands"
_STATUS = ("phase", "podIP", "reason", "message", "conditions", "containerStatuses", "initContainerStatuses")


def workload_of_pod(dialect: Dialect) -> Callable[[Object], Iterable[str]]:
    """Gives ``namespace/name`` of the workload that a pod says it belongs to."""

    def workload(pod: Object) -> Iterable[str]:
        name = meta.labels_of(pod).get(dialect.pod_keys.name)
        return (f"{meta.namespace_of(pod)}/{name}",) if name else ()

    return workload


def slim(pod: dict[str, Any]) -> Object:
    """The few fields of a pod that matter here; a cluster has many pods, and each is large."""
    metadata = pod.get("metadata") or {}
    status = pod.get("status") or {}
    return {
        "metadata": {key: metadata[key] for key in _METADATA if key in metadata},
        "status": {key: status[key] for key in _STATUS if key in status},
        _COMMANDS: _commands(pod.get("spec") or {}),
    }


def runs_commands_of(pod: Object, template: Mapping[str, Any]) -> bool:
    """Whether a pod from the cache was started with the commands of this pod ``spec``; containers that others added to it do not count."""
    commands = pod.get(_COMMANDS) or {}
    return all(commands.get(name) == text for name, text in _commands(template).items())


def _commands(spec: Mapping[str, Any]) -> dict[str, str]:
    """A digest of the command line of each container, by name."""
    containers = spec.get("containers") or ()
    return {c["name"]: digest({"command": c.get("command") or [], "args": c.get("args") or []}) for c in containers}


def reconcile_relevant(pod: Object) -> tuple[object, ...]:
    """The parts of a pod that a pass depends on: readiness, address, restarts, why it is stuck, deletion."""
    failure = pod_failure(pod)
    return (is_ready(pod), pod_ip(pod), restarts(pod), failure and failure.identity, meta.is_deleting(pod))


def belongs_to(pod: Object, workload: Object) -> bool:
    """Whether the pod was made for this very workload; labels alone prove nothing."""
    uid, controller = meta.uid_of(workload), meta.controller_of(pod)
    if controller is not None:
        return controller.get("uid") == uid
    return any(reference.get("uid") == uid for reference in meta.owner_references_of(pod))
