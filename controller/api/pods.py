"""The facts that the controller reads from a pod: readiness, address, restarts. Pure."""

from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.meta import Object


def is_ready(pod: Object) -> bool:
    """Running, Ready, and not being deleted."""
    running = meta.status_of(pod).get("phase") == "Running"
    return running and meta.is_condition_true(pod, "Ready") and not meta.is_deleting(pod)


def pod_ip(pod: Object) -> str:
    """The pod's address; empty as long as it has none."""
    return str(meta.status_of(pod).get("podIP") or "")


def restarts(pod: Object) -> int:
    """The restarts of its containers, in total."""
    return sum(count for status in container_statuses(pod) if isinstance(count := status.get("restartCount"), int))


def incarnation(pod: Object) -> tuple[object, ...]:
    """A value that changes whenever the processes in the pod may have lost their state: restarts, address, time of readiness."""
    ready = meta.find_condition(meta.conditions_of(pod), "Ready") or {}
    return (restarts(pod), pod_ip(pod), ready.get("lastTransitionTime"))


def container_statuses(pod: Object) -> list[Mapping[str, Any]]:
    """The well-formed statuses of its init containers and containers, in this order."""
    status = meta.status_of(pod)
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [entry for entry in found if isinstance(entry, Mapping)]
