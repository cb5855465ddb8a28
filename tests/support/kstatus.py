"""How tools read a status: kstatus, which Flux uses, and ``kubectl wait``, as their sources have it.

kstatus (sigs.k8s.io/cli-utils, pkg/kstatus/status/generic.go and core.go, ``checkGenericProperties`` and ``checkReadyCondition``): a deletion,
a lagging ``status.observedGeneration``, then the conditions Reconciling and Stalled, then Ready; without any of them the object is Current.
``kubectl wait --for=condition=TYPE`` (kubectl/pkg/cmd/wait/condition.go): a condition whose own ``observedGeneration``, else the status's, is
behind the generation is not met yet.
"""

from typing import Any

from controller import meta
from controller.meta import Object


def kstatus(obj: Object) -> str:
    """Terminating, InProgress, Failed or Current."""
    if meta.is_deleting(obj):
        return "Terminating"
    observed = meta.status_of(obj).get("observedGeneration")
    if observed is not None and observed != meta.generation_of(obj):
        return "InProgress"
    status = {condition["type"]: condition["status"] for condition in meta.conditions_of(obj)}
    if status.get("Reconciling") == "True":
        return "InProgress"
    if status.get("Stalled") == "True":
        return "Failed"
    if status.get("Ready") in ("False", "Unknown"):
        return "InProgress"
    return "Current"


def kubectl_wait(obj: Object, type_: str, wanted: str = "True") -> bool:
    """Whether ``kubectl wait --for=condition=TYPE=WANTED`` returns."""
    condition: Any = meta.find_condition(meta.conditions_of(obj), type_)
    if condition is None:
        return False
    observed = condition.get("observedGeneration", meta.status_of(obj).get("observedGeneration"))
    if observed is not None and observed < meta.generation_of(obj):
        return False
    return bool(condition.get("status") == wanted)
