"""The rules of roles that scale by themselves: bounds on the workers of a disaggregated backend."""

from collections.abc import Iterator

from controller.api.findings import Finding, error
from controller.api.model import Worker
from controller.api.rules import Rule
from controller.dialects import Dialect
from controller.render.facts import BackendFacts


def roles(facts: BackendFacts, path: str, dialect: Dialect, *, whole: bool) -> Iterator[Finding]:
    """Every rule about roles that scale. ``whole`` says that the Model has a policy for all of its backends."""
    backend = facts.backend
    scaling = [(index, worker) for index, worker in enumerate(backend.workers) if worker.scales]
    for index, worker in scaling:
        yield from _bounds(worker, f"{path}.workers[{index}]")
    if not scaling:
        return
    where = f"{path}.workers[{scaling[0][0]}].minReplicas"
    if not dialect.scales_roles:
        yield error(where, f"the dialect {dialect.name} cannot scale single roles", Rule.ROLE_SCALING)
    elif not facts.traits.disaggregated:
        yield error(where, "only roles of a disaggregated backend can scale by themselves", Rule.ROLE_SCALING)
    elif whole or backend.autoscaling_policy is None:
        yield error(where, "needs an autoscalingPolicy of the backend, and none of the Model", Rule.ROLE_SCALING)
    elif backend.min_replicas != backend.max_replicas:
        message = f"must equal maxReplicas, {backend.max_replicas}: the roles scale, not the replicas"
        yield error(f"{path}.minReplicas", message, Rule.ROLE_SCALING)


def _bounds(worker: Worker, path: str) -> Iterator[Finding]:
    """The bounds of one role, and its start between them."""
    low, high, start = worker.min_replicas, worker.max_replicas, worker.replicas
    if low is None:
        yield error(f"{path}.minReplicas", "is needed beside maxReplicas", Rule.ROLE_BOUNDS)
    elif high is None:
        yield error(f"{path}.maxReplicas", "is needed beside minReplicas", Rule.ROLE_BOUNDS)
    elif low > high:
        yield error(f"{path}.minReplicas", f"{low} is above maxReplicas, {high}", Rule.ROLE_BOUNDS)
    elif start and not low <= start <= high:
        yield error(f"{path}.replicas", f"{start} does not lie between minReplicas and maxReplicas", Rule.ROLE_BOUNDS)
