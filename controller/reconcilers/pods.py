"""The pods of workloads: what the cache keeps of them, whose they are, and why one is stuck. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.api.pods import container_statuses, is_ready, pod_ip, restarts
from controller.dialects import Dialect
from controller.meta import Object

BY_WORKLOAD = "workload"
PULL_REASONS = ("ImagePullBackOff", "ErrImagePull")
"""The kubelet alternates between these two names for one failing pull."""
_STARTING = ("PodInitializing", "ContainerCreating")
_METADATA = ("name", "namespace", "uid", "resourceVersion", "labels", "ownerReferences", "deletionTimestamp")
_STATUS = ("phase", "podIP", "reason", "message", "conditions", "containerStatuses", "initContainerStatuses")
_CRASHES_THAT_COUNT = 2


@dataclass(frozen=True, slots=True)
class PodFailure:
    """Why a pod does not become ready: a reason in one word, the container if one is to blame, and the words of kubelet or scheduler."""

    pod: str
    reason: str
    container: str = ""
    message: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What stays the same while the words for the same failure vary."""
        return self.pod, "pull" if self.reason in PULL_REASONS else self.reason, self.container


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
    }


def reconcile_relevant(pod: Object) -> tuple[object, ...]:
    """What of a pod changes a pass: readiness, address, restarts, why it is stuck, deletion."""
    failure = pod_failure(pod)
    return (is_ready(pod), pod_ip(pod), restarts(pod), failure and failure.identity, meta.is_deleting(pod))


def belongs_to(pod: Object, workload: Object) -> bool:
    """Whether the pod was made for this very workload; labels alone prove nothing."""
    uid, controller = meta.uid_of(workload), meta.controller_of(pod)
    if controller is not None:
        return controller.get("uid") == uid
    return any(reference.get("uid") == uid for reference in meta.owner_references_of(pod))


def pod_failure(pod: Object) -> PodFailure | None:
    """Why a pod is stuck; None when it is ready, being deleted, or still starting.

    In this order: the pod as a whole failed (evicted, refused by its node), a container cannot start or crashes, the scheduler finds no
    node. A container that crashed twice counts as crashing also while it runs again, so that the reason does not come and go.
    """
    if meta.is_deleting(pod) or is_ready(pod):
        return None
    name, status = meta.name_of(pod), meta.status_of(pod)
    if status.get("phase") == "Failed" and status.get("reason"):
        return PodFailure(name, str(status["reason"]), message=str(status.get("message") or ""))
    init = {container.get("name") for container in status.get("initContainerStatuses") or ()}
    for container in container_statuses(pod):
        if (failure := _container_failure(name, container, init=container.get("name") in init)) is not None:
            return failure
    scheduled = meta.find_condition(meta.conditions_of(pod), "PodScheduled") or {}
    if scheduled.get("status") == "False" and scheduled.get("reason"):
        return PodFailure(name, str(scheduled["reason"]), message=str(scheduled.get("message") or ""))
    return None


def _container_failure(pod: str, status: Mapping[str, Any], *, init: bool) -> PodFailure | None:
    waiting = _state(status, "state", "waiting")
    ended = _state(status, "state", "terminated") or _state(status, "lastState", "terminated")
    container, why = str(status.get("name")), waiting.get("reason")
    if why and why not in (*_STARTING, "CrashLoopBackOff"):
        return PodFailure(pod, str(why), container, str(waiting.get("message") or ""))
    if status.get("ready") is True and not _state(status, "state", "terminated"):
        return None
    if reason := _crash_reason(status, ended, init=init, crashing=why == "CrashLoopBackOff"):
        return PodFailure(pod, reason, container, _last_words(ended))
    return None


def _crash_reason(status: Mapping[str, Any], ended: Mapping[str, Any], *, init: bool, crashing: bool) -> str:
    count, crashed = status.get("restartCount"), bool(ended.get("exitCode")) or ended.get("reason") == "OOMKilled"
    crashing = crashing or (crashed and isinstance(count, int) and count >= _CRASHES_THAT_COUNT)
    if ended.get("reason") == "OOMKilled":
        return "OOMKilled"
    if init and (crashing or crashed):
        return "DownloadFailed" if _is_downloader(status) else "InitContainerFailed"
    return "CrashLoopBackOff" if crashing else ""


def _last_words(ended: Mapping[str, Any]) -> str:
    """How the last process ended: its exit code, and its termination message if it left one."""
    code = ended.get("exitCode")
    parts = ([f"exit code {code}"] if isinstance(code, int) else []) + [str(ended.get("message") or "")]
    return ": ".join(part for part in parts if part)


def _is_downloader(status: Mapping[str, Any]) -> bool:
    name = str(status.get("name"))
    return name.endswith("-model-downloader") or "-lora-downloader-" in name


def _state(status: Mapping[str, Any], when: str, what: str) -> Mapping[str, Any]:
    state = status.get(when)
    found = state.get(what) if isinstance(state, Mapping) else None
    return found if isinstance(found, Mapping) else {}
