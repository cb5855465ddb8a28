"""The owner of the replicas of a workload. Pure."""

from controller import meta
from controller.api.model import Backend, Model
from controller.dialects import ChildKey, Role, Scaled
from controller.meta import Object
from controller.reconcilers.diff import Scaling
from controller.reconcilers.planning.request import Request
from controller.reconcilers.reasons import INITIALIZED
from controller.reconcilers.scaling import is_scaled_externally
from controller.render.names import child_name


def scaling(request: Request, key: ChildKey, live: Object) -> Scaling | None:
    """The owner of the replicas of a workload and of its roles.

    An autoscaler does as soon as a policy applies, or any scaler that is not one of ours on its way out scales the workload. Another
    writer does if it wrote the replicas through the scale subresource, or if the workload's annotation announces it.
    """
    if request.role(key) is not Role.WORKLOAD:
        return None
    model = request.model
    backend = next((backend for backend in model.spec.backends if child_name(model, backend) == key.name), None)
    if backend is None:
        return None
    own = model.spec.autoscaling_policy is not None or backend.autoscaling_policy is not None
    roles = frozenset(worker.type for worker in backend.workers if worker.scales)
    foreign = _scaled_by_others(request, key)
    roles |= {each.role for each in foreign if each.role}
    autoscaled = (own and not any(worker.scales for worker in backend.workers)) or any(
        not each.role for each in foreign
    )
    if autoscaled:
        return Scaling(True, None if _is_initialized(model) else _bounds(model, backend), roles)
    return Scaling(is_scaled_externally(live, request.dialect), roles=roles)


def _scaled_by_others(request: Request, key: ChildKey) -> list[Scaled]:
    """The parts of a workload that scalers scale which this Model does not control."""
    (scaler,) = (kind for kind in request.dialect.kinds if kind.role is Role.SCALER)
    return [
        each
        for binding in request.snapshot.bindings.get(key.name, ())
        if not meta.is_controlled_by(binding, request.model.uid)
        for each in scaler.scales(binding)
        if each.workload == key.name
    ]


def _bounds(model: Model, backend: Backend) -> tuple[int, int, int]:
    return backend.min_replicas, backend.max_replicas, model.generation


def _is_initialized(model: Model) -> bool:
    """Whether every child of this generation has been as desired."""
    condition = meta.find_condition(meta.conditions_of(model.object), INITIALIZED) or {}
    return condition.get("status") == "True" and condition.get("observedGeneration") == model.generation
