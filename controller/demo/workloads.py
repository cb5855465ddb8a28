"""Simulated workloads: stands in for the controller that would run pods for a ModelInfer or a ModelServing.

It is a controller of its own on this framework, level-triggered like every other: it compares a workload's status with its
generation and moves it on, first to progressing, then, ``delay`` seconds later, to available.
"""

from collections.abc import Callable
from typing import Any

from controller import meta
from controller.client import Client
from controller.informers import Lister
from controller.meta import Object, Resource
from controller.meta.errors import Conflict, NotFound
from controller.runtime import ControllerBuilder, Manager, Request, Result

_PROGRESSING = "Progressing"


class SimulatedWorkloads:
    """Brings every object of a kind of workload to ``Available``. ``delay`` is in seconds; ``now`` gives seconds since the epoch."""

    def __init__(
        self, client: Client, resource: Resource, lister: Lister, *, delay: float, now: Callable[[], float]
    ) -> None:
        self._client = client
        self._resource = resource
        self._lister = lister
        self._delay = delay
        self._now = now

    async def reconcile(self, request: Request) -> Result:
        """One step for one workload."""
        workload = self._lister.get(request.name, request.namespace)
        if workload is None or meta.is_deleting(workload):
            return Result()
        now = self._now()
        wait = remaining(workload, now, self._delay)
        if wait is None:
            return Result()
        if wait > 0 and _started(workload):
            return Result(requeue_after=wait)
        body = {
            "metadata": {"resourceVersion": meta.resource_version_of(workload)},
            "status": simulated_status(workload, available=wait <= 0, now=meta.format_time(now)),
        }
        try:
            await self._client.patch(
                self._resource, request.name, body, namespace=request.namespace, subresource="status"
            )
        except (Conflict, NotFound):
            return Result()
        return Result()


def _started(workload: Object) -> bool:
    return meta.status_of(workload).get("observedGeneration") == meta.generation_of(workload)


def remaining(workload: Object, now: float, delay: float) -> float | None:
    """Seconds until a workload becomes available: ``delay`` before it started, None once it is available in its generation."""
    if not _started(workload):
        return delay
    if meta.is_condition_true(workload, "Available"):
        return None
    progressing = meta.find_condition(meta.conditions_of(workload), _PROGRESSING) or {}
    try:
        return meta.parse_time(str(progressing.get("lastTransitionTime"))).timestamp() + delay - now
    except ValueError:
        return 0.0


def simulated_status(workload: Object, *, available: bool, now: str) -> dict[str, Any]:
    """The status that says so, complete. ``now`` is an RFC 3339 time."""
    replicas = meta.spec_of(workload).get("replicas", 1)
    conditions: list[Any] = list(meta.conditions_of(workload))
    for type_, true, reason in (
        ("Available", available, "AllGroupsReady"),
        (_PROGRESSING, not available, "GroupProgressing"),
    ):
        conditions = meta.set_condition(
            conditions,
            type=type_,
            status=str(true),
            reason=reason,
            message="simulated",
            observed_generation=meta.generation_of(workload),
            now=now,
        )
    return {
        "observedGeneration": meta.generation_of(workload),
        "replicas": replicas,
        "currentReplicas": replicas,
        "updatedReplicas": replicas,
        "availableReplicas": replicas if available else 0,
        "conditions": conditions,
    }


def setup_workloads(manager: Manager, resource: Resource, *, delay: float, now: Callable[[], float]) -> None:
    """Adds the simulation of this kind of workload to a manager."""
    lister = manager.informer(resource).lister
    reconciler = SimulatedWorkloads(manager.client, resource, lister, delay=delay, now=now)
    ControllerBuilder(manager).named("simulated-workloads").for_(resource).complete(reconciler)
