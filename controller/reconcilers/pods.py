"""What the controller keeps of pods, and what it reads from them: who may be called, and why one is stuck. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from controller import meta
from controller.meta import Object
from controller.render.names import INFER_ENTRY, INFER_NAME

BY_INFER = "model-infer"
PULL_REASONS = ("ImagePullBackOff", "ErrImagePull")
_METADATA = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences", "deletionTimestamp")
_CRASHES = 2


def infer_of_pod(pod: Object) -> Iterable[str]:
    """``namespace/name`` of the ModelInfer that a pod says it belongs to."""
    name = meta.labels_of(pod).get(INFER_NAME)
    return (f"{meta.namespace_of(pod)}/{name}",) if name else ()


def slim(pod: dict[str, Any]) -> Object:
    """The few fields of a pod that matter here; a cluster has many pods, and each is large."""
    metadata = pod.get("metadata") or {}
    status = pod.get("status") or {}
    kept = ("phase", "podIP", "conditions", "containerStatuses", "initContainerStatuses")
    return {
        "metadata": {key: metadata[key] for key in _METADATA if key in metadata},
        "status": {key: status[key] for key in kept if key in status},
    }


def facts(pod: Object) -> tuple[object, ...]:
    """What of a pod is worth a look at its Model: readiness, address, restarts, reasons, deletion."""
    return (is_ready(pod), pod_ip(pod), restarts(pod), stuck_reason(pod), meta.is_deleting(pod))


def is_ready(pod: Object) -> bool:
    """Running, Ready, and not on its way out."""
    running = meta.status_of(pod).get("phase") == "Running"
    return running and meta.is_condition_true(pod, "Ready") and not meta.is_deleting(pod)


def pod_ip(pod: Object) -> str:
    """The pod's address; empty as long as it has none."""
    return str(meta.status_of(pod).get("podIP") or "")


def incarnation(pod: Object) -> tuple[object, ...]:
    """Changes whenever what ran in the pod before may have forgotten everything."""
    ready = meta.find_condition(meta.conditions_of(pod), "Ready") or {}
    return (restarts(pod), pod_ip(pod), ready.get("lastTransitionTime"))


def restarts(pod: Object) -> int:
    """How often its containers were restarted."""
    return sum(count for status in _containers(pod) if isinstance(count := status.get("restartCount"), int))


def is_entry(pod: Object) -> bool:
    """Whether it is an entry pod, which alone has an engine's port and a sidecar."""
    return meta.labels_of(pod).get(INFER_ENTRY) == "true"


def belongs_to(pod: Object, infer: Object) -> bool:
    """Whether the pod was made for this very ModelInfer; labels alone prove nothing."""
    uid, controller = meta.uid_of(infer), meta.controller_of(pod)
    if controller is not None:
        return controller.get("uid") == uid
    return any(reference.get("uid") == uid for reference in meta.owner_references_of(pod))


def stuck_reason(pod: Object) -> str:
    """Why a pod does not get ready, from a closed list; empty when it is ready or nothing is known.

    A container that crashed twice counts as crashing also while it tries again, so that the reason does not come and go.
    """
    if meta.is_deleting(pod) or is_ready(pod):
        return ""
    for status in _containers(pod):
        if reason := _reason_of(status):
            return reason
    scheduled = meta.find_condition(meta.conditions_of(pod), "PodScheduled") or {}
    return "Unschedulable" if scheduled.get("reason") == "Unschedulable" else ""


def _reason_of(status: Mapping[str, Any]) -> str:
    waiting = _state(status, "state", "waiting").get("reason")
    ended = _state(status, "state", "terminated") or _state(status, "lastState", "terminated")
    count = status.get("restartCount")
    crashed = bool(ended.get("exitCode")) or ended.get("reason") == "OOMKilled"
    crashing = waiting == "CrashLoopBackOff" or (crashed and isinstance(count, int) and count >= _CRASHES)
    if waiting in PULL_REASONS:
        return str(waiting)
    if status.get("ready") is True and not _state(status, "state", "terminated"):
        return ""
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled"
    if _is_downloader(status) and (crashing or crashed):
        return "DownloadFailed"
    return "CrashLoopBackOff" if crashing else ""


def _is_downloader(status: Mapping[str, Any]) -> bool:
    name = str(status.get("name"))
    return name.endswith("-model-downloader") or "-lora-downloader-" in name


def _containers(pod: Object) -> list[Mapping[str, Any]]:
    status = meta.status_of(pod)
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [entry for entry in found if isinstance(entry, Mapping)]


def _state(status: Mapping[str, Any], when: str, what: str) -> Mapping[str, Any]:
    state = status.get(when)
    found = state.get(what) if isinstance(state, Mapping) else None
    return found if isinstance(found, Mapping) else {}
