"""The state of each backend, from its workload and its pods. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from controller import meta
from controller.api.kinds import MODEL_INFER
from controller.dialects import Dialect
from controller.meta import Object
from controller.reconcilers.pod_failures import PodFailure, pod_failure


class BackendState(StrEnum):
    """MISSING: its workload does not exist or is being deleted. IDLE: it is scaled to zero. AVAILABLE: it serves. PENDING: anything else."""

    MISSING = "missing"
    IDLE = "idle"
    AVAILABLE = "available"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class BackendView:
    """One backend.

    ``detail`` says in a word or two what its workload waits for. While fewer replicas are available than desired, ``stuck`` are the pods
    that cannot become ready. ``replicas`` exist,
    ``ready`` are available, ``desired`` are asked for. ``held_revision`` is the template's that would be rendered today, if one is held.
    ``kind`` is the workload's.
    """

    name: str
    workload: str
    state: BackendState
    detail: str = ""
    replicas: int = 0
    ready: int = 0
    desired: int = 0
    stuck: tuple[PodFailure, ...] = ()
    held_revision: str = ""
    kind: str = MODEL_INFER.kind


def backend_view(
    name: str, workload: str, live: Object | None, pods: Sequence[Object], dialect: Dialect, *, settled: bool
) -> BackendView:
    """The state of a backend whose workload is ``live``; None when the Model controls none of this name.

    ``settled`` says that the Model is Active in its current generation. Then a status that lags behind, as after every scaling, and a
    number of available replicas that is still growing do not end availability.
    """
    kind = dialect.workload.kind
    if live is None or meta.is_deleting(live):
        detail = "not created yet" if live is None else "being deleted"
        return BackendView(name, workload, BackendState.MISSING, detail, kind=kind)
    status = meta.status_of(live)
    view = BackendView(
        name,
        workload,
        BackendState.PENDING,
        replicas=_number(status.get("replicas")),
        ready=_number(status.get("availableReplicas")),
        desired=_number(meta.spec_of(live).get("replicas")),
        kind=kind,
        held_revision=str(meta.annotations_of(live).get(dialect.keys.held_revision, "")),
    )
    if meta.spec_of(live).get("replicas") == 0:
        return replace(view, state=BackendState.IDLE)
    available = is_available(live, settled=settled)
    if available and view.ready >= view.desired:
        return replace(view, state=BackendState.AVAILABLE)
    stuck = tuple(failure for pod in pods if (failure := pod_failure(pod)) is not None)
    if available:
        return replace(view, state=BackendState.AVAILABLE, stuck=stuck)
    return replace(view, detail=_progress(live), stuck=stuck)


def is_available(live: Object, *, settled: bool) -> bool:
    """Whether a workload serves; ``settled`` as in ``backend_view``."""
    status = meta.status_of(live)
    seen = status.get("observedGeneration")
    current = not isinstance(seen, int) or seen == 0 or seen >= meta.generation_of(live)
    if meta.is_condition_true(live, "Available") and (current or settled):
        return True
    return settled and _number(status.get("availableReplicas")) >= 1


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _progress(live: Object) -> str:
    """The reason of the workload's first true condition, else what is missing of its status."""
    conditions = meta.conditions_of(live)
    true = next((c for c in conditions if c.get("status") == "True" and c.get("type") != "Available"), None)
    if true is not None:
        return str(true.get("reason"))
    return "status is of an older generation" if conditions else "no status yet"
