"""Whether disruption budgets let a pod be evicted. Pure."""

from collections.abc import Iterable

from controller import meta
from controller.envtest.embedded.storage import ResourceKey
from controller.meta import LabelSelector, Object
from controller.meta.errors import Cause, TooManyRequests

BUDGETS: ResourceKey = ("policy", "poddisruptionbudgets")
_FREE_PHASES = ("Pending", "Succeeded", "Failed")


def check(pod: Object, budgets: Iterable[Object]) -> None:
    """Raises TooManyRequests when a budget that selects the pod allows no disruption. Pods that do not run count for none."""
    if meta.status_of(pod).get("phase") in _FREE_PHASES or meta.is_deleting(pod):
        return
    for budget in budgets:
        if _selects(budget, pod) and not meta.status_of(budget).get("disruptionsAllowed"):
            name = meta.name_of(budget)
            text = f"The disruption budget {name} does not allow a disruption now"
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            raise TooManyRequests(message, causes=(Cause("", "DisruptionBudget", text),))


def _selects(budget: Object, pod: Object) -> bool:
    selector = meta.spec_of(budget).get("selector")
    return selector is not None and LabelSelector.from_object(selector).matches(meta.labels_of(pod))
