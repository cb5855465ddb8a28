"""Who decides about the replicas of a ModelInfer. Pure."""

from controller import meta
from controller.api.model import Backend, Model
from controller.reconcilers.diff import Scaling
from controller.reconcilers.observe import Observed
from controller.reconcilers.reasons import INITIALIZED
from controller.render.names import child_name


def scalings(model: Model, observed: Observed) -> dict[str, Scaling]:
    """For every wanted ModelInfer, by name."""
    return {child_name(model, backend): _of(model, backend, observed) for backend in model.spec.backends}


def _of(model: Model, backend: Backend, observed: Observed) -> Scaling:
    """An autoscaler decides as soon as a policy applies, or any binding that is not on its way out targets the ModelInfer."""
    own = model.spec.autoscaling_policy is not None or backend.autoscaling_policy is not None
    bindings = observed.scaled_by[child_name(model, backend)]
    if not own and all(meta.is_controlled_by(binding, model.uid) for binding in bindings):
        return Scaling()
    initialized = meta.find_condition(meta.conditions_of(observed.model), INITIALIZED) or {}
    settled = initialized.get("status") == "True" and initialized.get("observedGeneration") == model.generation
    return Scaling(autoscaled=True, clamp=None if settled else (backend.min_replicas, backend.max_replicas))
