"""Simulated workloads: stands in for the controller that would run pods for a ModelInfer.

It is a controller of its own on this framework, level-triggered like every other: it compares a ModelInfer's status with its
generation and moves it on, first to progressing, then, ``delay`` seconds later, to available.
"""

from collections.abc import Callable
from typing import Any

from controller import meta
from controller.api.kinds import MODEL_INFER
from controller.client import Client
from controller.informers import Lister
from controller.meta import Object
from controller.meta.errors import Conflict, NotFound
from controller.runtime import ControllerBuilder, Manager, Request, Result

_PROGRESSING = "Progerssing"  # the API's own spelling


class SimulatedWorkloads:
    """Brings every ModelInfer to ``Available``. ``delay`` is in seconds; ``now`` gives seconds since the epoch."""

    def __init__(self, client: Client, lister: Lister, *, delay: float, now: Callable[[], float]) -> None:
        self._client = client
        self._lister = lister
        self._delay = delay
        self._now = now

    async def reconcile(self, request: Request) -> Result:
        """One step for one ModelInfer."""
        infer = self._lister.get(request.name, request.namespace)
        if infer is None or meta.is_deleting(infer):
            return Result()
        now = self._now()
        wait = remaining(infer, now, self._delay)
        if wait is None:
            return Result()
        if wait > 0 and _started(infer):
            return Result(requeue_after=wait)
        body = {
            "metadata": {"resourceVersion": meta.resource_version_of(infer)},
            "status": simulated_status(infer, available=wait <= 0, now=meta.format_time(now)),
        }
        try:
            await self._client.patch(MODEL_INFER, request.name, body, namespace=request.namespace, subresource="status")
        except (Conflict, NotFound):
            return Result()
        return Result()


def _started(infer: Object) -> bool:
    return meta.status_of(infer).get("observedGeneration") == meta.generation_of(infer)


def remaining(infer: Object, now: float, delay: float) -> float | None:
    """Seconds until a ModelInfer becomes available: ``delay`` before it started, None once it is available in its generation."""
    if not _started(infer):
        return delay
    if meta.is_condition_true(infer, "Available"):
        return None
    progressing = meta.find_condition(meta.conditions_of(infer), _PROGRESSING) or {}
    try:
        return meta.parse_time(str(progressing.get("lastTransitionTime"))).timestamp() + delay - now
    except ValueError:
        return 0.0


def simulated_status(infer: Object, *, available: bool, now: str) -> dict[str, Any]:
    """The status that says so, complete. ``now`` is an RFC 3339 time."""
    replicas = meta.spec_of(infer).get("replicas", 1)
    conditions: list[Any] = list(meta.conditions_of(infer))
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
            observed_generation=meta.generation_of(infer),
            now=now,
        )
    return {
        "observedGeneration": meta.generation_of(infer),
        "replicas": replicas,
        "currentReplicas": replicas,
        "updatedReplicas": replicas,
        "availableReplicas": replicas if available else 0,
        "conditions": conditions,
    }


def setup_workloads(manager: Manager, *, delay: float, now: Callable[[], float]) -> None:
    """Adds the simulation to a manager."""
    lister = manager.informer(MODEL_INFER).lister
    reconciler = SimulatedWorkloads(manager.client, lister, delay=delay, now=now)
    ControllerBuilder(manager).named("simulated-workloads").for_(MODEL_INFER).complete(reconciler)
