"""How a backend is, as its workload and its pods show it."""

from typing import Any

import pytest

from controller.dialects import E4FB6663
from controller.reconcilers.backends import BackendState, backend_view

A_POD = {
    "metadata": {"name": "p"},
    "status": {"containerStatuses": [{"name": "engine", "state": {"waiting": {"reason": "ErrImagePull"}}}]},
}


def infer(generation: int = 2, observed: int | None = 2, available: str = "True", replicas: int = 1) -> dict[str, Any]:
    status: dict[str, Any] = {"replicas": 1, "conditions": [{"type": "Available", "status": available}]}
    if observed is not None:
        status["observedGeneration"] = observed
    return {"metadata": {"generation": generation}, "spec": {"replicas": replicas}, "status": status}


@pytest.mark.parametrize(
    ("obj", "settled", "state"),
    [
        (None, False, "missing"),
        ({"metadata": {"deletionTimestamp": "t"}}, False, "missing"),
        (infer(replicas=0), False, "idle"),
        (infer(), False, "available"),
        (infer(observed=None), False, "available"),
        (infer(observed=0), False, "available"),
        (infer(observed=1), False, "pending"),
        (infer(observed=1), True, "available"),
        (infer(available="False"), True, "pending"),
        ({"spec": {"replicas": 1}}, False, "pending"),
    ],
)
def test_the_state_of_a_backend(obj: dict[str, Any] | None, settled: bool, state: str) -> None:
    """A lagging status matters only until the Model is Active in its generation: scaling must not make it flap."""
    assert backend_view("a", "chat-a", obj, (), E4FB6663, settled=settled).state == state


@pytest.mark.parametrize(("available", "state"), [(2, "available"), (1, "available"), (0, "pending")])
def test_scaling_up_does_not_end_availability(available: int, state: str) -> None:
    """The infer controller takes Available back until every replica runs; one that serves is enough, in a generation that was Active."""
    growing = infer(available="False", replicas=3)
    growing["status"]["availableReplicas"] = available
    view = backend_view("a", "chat-a", growing, (), E4FB6663, settled=True)
    assert (view.state, view.ready, view.desired) == (BackendState(state), available, 3)
    assert backend_view("a", "chat-a", growing, (), E4FB6663, settled=False).state is BackendState.PENDING


def test_a_pending_backend_names_its_stuck_pods() -> None:
    """And what its workload waits for."""
    pending = infer(available="False")
    pending["status"]["conditions"].append({"type": "Progressing", "status": "True", "reason": "GroupProgressing"})
    view = backend_view("a", "chat-a", pending, (A_POD, {"metadata": {"name": "q"}}), E4FB6663, settled=False)
    assert (view.detail, [failure.pod for failure in view.stuck]) == ("GroupProgressing", ["p"])


def test_a_backend_that_serves_names_what_keeps_it_from_growing() -> None:
    """And no pod once it has all replicas, whatever a leftover pod says."""
    growing = infer(available="False", replicas=3)
    growing["status"]["availableReplicas"] = 2
    view = backend_view("a", "chat-a", growing, (A_POD,), E4FB6663, settled=True)
    assert (view.state, [failure.pod for failure in view.stuck]) == (BackendState.AVAILABLE, ["p"])
    growing["status"]["availableReplicas"] = 3
    assert backend_view("a", "chat-a", growing, (A_POD,), E4FB6663, settled=True).stuck == ()
