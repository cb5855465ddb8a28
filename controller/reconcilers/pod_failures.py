"""Why a pod does not become ready, in the words of the kubelet, the scheduler and the controllers of nodes. Pure.

Sources: the pod's phase, reason and message (set by the kubelet when it evicts or refuses a pod, and by the garbage collector when a node is
lost), the states of its containers, and its conditions PodScheduled, ContainersReady, Ready and DisruptionTarget.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.api.pods import is_ready
from controller.meta import Object

PULL_REASONS = ("ImagePullBackOff", "ErrImagePull")
"""The kubelet alternates between these two names for one failing pull."""
_STARTING = ("PodInitializing", "ContainerCreating")
_BACKING_OFF = "CrashLoopBackOff"
_KILLED = "OOMKilled"
_LOST = "ContainerStatusUnknown"
_PLAIN = ("Error", "Completed", _KILLED, _LOST)
"""Reasons of an end that say no more than its exit code or the failure's own reason."""
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
        """Equal for two reports of the same failure, though the words vary."""
        return self.pod, "pull" if self.reason in PULL_REASONS else self.reason, self.container


def pod_failure(pod: Object) -> PodFailure | None:
    """Why a pod is stuck; None when it is ready, still starting, or deleted as planned.

    In this order: the pod as a whole (evicted, refused by its node, lost with it; preempted, while it is being deleted), a container that
    cannot start or crashes, the scheduler that finds no node, a readiness that is withheld although every container is ready. A container
    that crashed twice counts as crashing also while it runs again, so that the reason does not come and go.
    """
    if is_ready(pod):
        return None
    if meta.is_deleting(pod):
        return _of_condition(pod, "DisruptionTarget", "True")
    status = meta.status_of(pod)
    if status.get("reason"):
        return _of_pod(pod, str(status["reason"]))
    ended = status.get("phase") == "Failed"
    for container, init in _containers(pod):
        if (failure := _of_container(pod, container, init=init, ended=ended)) is not None:
            return failure
    if ended or status.get("phase") == "Unknown":
        return _of_pod(pod, str(status["phase"]))
    return _of_condition(pod, "PodScheduled", "False") or _withheld(pod)


def _of_pod(pod: Object, reason: str) -> PodFailure:
    return PodFailure(meta.name_of(pod), reason, message=str(meta.status_of(pod).get("message") or ""))


def _of_condition(pod: Object, type_: str, status: str) -> PodFailure | None:
    """The reason and the message of a condition that has this status."""
    condition = meta.find_condition(meta.conditions_of(pod), type_) or {}
    if condition.get("status") != status or not condition.get("reason"):
        return None
    return PodFailure(meta.name_of(pod), str(condition["reason"]), message=str(condition.get("message") or ""))


def _withheld(pod: Object) -> PodFailure | None:
    """Every container is ready and the pod is not: a readiness gate is open, or the pod's node stopped reporting, which has no reason."""
    ready = meta.find_condition(meta.conditions_of(pod), "Ready") or {}
    if ready.get("status") != "False" or not meta.is_condition_true(pod, "ContainersReady"):
        return None
    reason = str(ready.get("reason") or "NodeNotReady")
    return PodFailure(meta.name_of(pod), reason, message=str(ready.get("message") or ""))


def _containers(pod: Object) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """The well-formed statuses of the containers, and which of them are of init containers, in this order."""
    status = meta.status_of(pod)
    for part, init in (("initContainerStatuses", True), ("containerStatuses", False)):
        entries = status.get(part)
        yield from ((entry, init) for entry in (entries or ()) if isinstance(entry, Mapping))


def _of_container(pod: Object, status: Mapping[str, Any], *, init: bool, ended: bool) -> PodFailure | None:
    """Why this container does not serve its purpose. ``ended``: the pod has failed as a whole, so nothing is started again."""
    waiting, over = _state(status, "state", "waiting"), _state(status, "state", "terminated")
    last = over or _state(status, "lastState", "terminated")
    name, container, why = meta.name_of(pod), str(status.get("name")), waiting.get("reason")
    if why and why not in (*_STARTING, _BACKING_OFF):
        return PodFailure(name, str(why), container, str(waiting.get("message") or ""))
    if status.get("ready") is True and not over:
        return None
    if over.get("reason") == _LOST or (ended and over.get("exitCode") and not init):
        return PodFailure(name, str(over.get("reason") or "Error"), container, _last_words(over))
    reason = _crash_reason(status, last, init=init, backing_off=why == _BACKING_OFF)
    return PodFailure(name, reason, container, _last_words(last)) if reason else None


def _crash_reason(status: Mapping[str, Any], last: Mapping[str, Any], *, init: bool, backing_off: bool) -> str:
    """The reason of a crash; empty for none. A container of a server crashes also by ending well, an init container does not."""
    crashed = bool(last.get("exitCode")) or last.get("reason") == _KILLED
    count = status.get("restartCount")
    often = isinstance(count, int) and count >= _CRASHES_THAT_COUNT and (crashed or (bool(last) and not init))
    if last.get("reason") == _KILLED:
        return _KILLED
    if init and (backing_off or crashed):
        return "DownloadFailed" if _is_downloader(status) else "InitContainerFailed"
    return _BACKING_OFF if backing_off or often else ""


def _last_words(last: Mapping[str, Any]) -> str:
    """The end of the last process: the reason if it is a special one, its exit code, and its termination message if it left one."""
    code, reason = last.get("exitCode"), last.get("reason")
    how = [str(reason)] if reason and reason not in _PLAIN else []
    how += [f"exit code {code}"] if isinstance(code, int) else []
    return ": ".join(part for part in (", ".join(how), str(last.get("message") or "")) if part)


def _is_downloader(status: Mapping[str, Any]) -> bool:
    name = str(status.get("name"))
    return name.endswith("-model-downloader") or "-lora-downloader-" in name


def _state(status: Mapping[str, Any], when: str, what: str) -> Mapping[str, Any]:
    state = status.get(when)
    found = state.get(what) if isinstance(state, Mapping) else None
    return found if isinstance(found, Mapping) else {}
