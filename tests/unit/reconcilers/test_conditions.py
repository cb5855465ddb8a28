"""What tools that wait for objects conclude in every state of a Model."""

from dataclasses import replace
from typing import Any

import pytest

from controller.lora import AdapterFailure, AdapterReport
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.outcome import Problem
from controller.reconcilers.result import PassResult
from controller.reconcilers.status import compose_status
from controller.reconcilers.steps import Reason, Wait
from tests.support.factories import a_model
from tests.support.kstatus import kstatus, kubectl_wait

SERVING = BackendView("a", "chat-a", BackendState.AVAILABLE, replicas=1, ready=1, desired=1)
GROWING = BackendView("a", "chat-a", BackendState.AVAILABLE, replicas=3, ready=2, desired=3)
STARTING = BackendView("a", "chat-a", BackendState.PENDING, "GroupProgressing", desired=1)
IDLE = BackendView("a", "chat-a", BackendState.IDLE)
REFUSED = Problem("ModelRoute", "chat", "apply", "no", code="422 Invalid")
INVALID = Problem("Model", "chat", "spec.x", "wrong", reason="InvalidSpec")
UNSUPPORTED = Problem("Model", "chat", "spec.backends[0].type", "is not implemented", reason="UnsupportedBackend")
TAKEN = Problem("ModelServer", "chat-a", "conflict", "taken", reason="ChildConflict")
LORA = AdapterReport((AdapterFailure("p", "load", "sql", "HTTP 500"),))
WAITING = Wait(kind="ModelServer", name="chat-a", reason=Reason.DELETING, live=None)


def after(*results: PassResult, generation: int = 1) -> dict[str, Any]:
    """A Model of this generation after these passes over its first one; the last one was over its current one."""
    model = a_model()
    for result in results:
        if result is results[-1] and len(results) > 1:
            model["metadata"]["generation"] = generation
        model["status"] = compose_status(model, result, "t").status
    model["metadata"]["generation"] = generation
    return model


@pytest.mark.parametrize(
    ("model", "tool", "ready", "active"),
    [
        pytest.param(after(PassResult((STARTING,))), "InProgress", False, False, id="pods start"),
        pytest.param(after(PassResult((SERVING,))), "Current", True, True, id="serves"),
        pytest.param(after(PassResult((GROWING,))), "Current", True, True, id="serves and grows"),
        pytest.param(after(PassResult((IDLE,))), "Current", True, False, id="scaled to zero"),
        pytest.param(
            after(PassResult((SERVING,)), generation=2), "InProgress", False, False, id="edited, not seen yet"
        ),
        pytest.param(
            after(PassResult((STARTING,), applied=False, waiting=(WAITING,))),
            "InProgress",
            False,
            False,
            id="a child waits",
        ),
        pytest.param(
            after(PassResult((SERVING,)), PassResult((SERVING,), (REFUSED,), applied=False), generation=2),
            "InProgress",
            False,
            False,
            id="a child is refused",
        ),
        pytest.param(
            after(PassResult((SERVING,)), PassResult((SERVING,), (TAKEN,), applied=False), generation=2),
            "InProgress",
            False,
            False,
            id="a name is taken",
        ),
        pytest.param(
            after(PassResult((), (INVALID,), applied=False, valid=False)), "Failed", False, False, id="an invalid spec"
        ),
        pytest.param(
            after(PassResult((SERVING,)), PassResult((), (UNSUPPORTED,), applied=False, valid=False), generation=2),
            "Failed",
            False,
            False,
            id="an edit to an unsupported type",
        ),
        pytest.param(after(PassResult((SERVING,), adapters=LORA)), "InProgress", False, True, id="an adapter fails"),
        pytest.param(
            after(PassResult((SERVING,)), PassResult((SERVING,), applied=False, paused=True), generation=2),
            "InProgress",
            False,
            False,
            id="paused before the edit",
        ),
        pytest.param(
            after(PassResult((STARTING,), applied=False, paused=True)), "InProgress", False, False, id="created paused"
        ),
        pytest.param(
            after(PassResult((), (INVALID,), applied=False, valid=False), PassResult((SERVING,)), generation=2),
            "Current",
            True,
            True,
            id="corrected",
        ),
    ],
)
def test_tools_that_wait_conclude(model: dict[str, Any], tool: str, ready: bool, active: bool) -> None:
    """kstatus and Flux, and ``kubectl wait`` for Ready and for Active."""
    assert kstatus(model) == tool
    assert kubectl_wait(model, "Ready") is ready
    assert kubectl_wait(model, "Active") is active


def test_stalled_goes_with_its_cause() -> None:
    """It is there only while it is True, and other conditions are kept."""
    model = after(PassResult((), (INVALID,), applied=False, valid=False))
    model["status"]["conditions"].append({"type": "Theirs", "status": "True"})
    assert kubectl_wait(model, "Stalled")
    model["status"] = compose_status(model, PassResult((SERVING,)), "t").status
    types = [condition["type"] for condition in model["status"]["conditions"]]
    assert "Stalled" not in types
    assert "Theirs" in types


def test_a_summary_says_the_first_problem_and_keeps_its_words() -> None:
    """By value: neither is read back from a longer message. A paused Model repeats what it said, with or without words."""
    two = (replace(INVALID, action="spec.a", error="bad\nworse"), INVALID)
    model = after(PassResult((), two, applied=False, valid=False))
    said = {condition["type"]: condition["message"] for condition in model["status"]["conditions"]}
    assert said["Ready"] == said["Stalled"] == said["Initialized"] == "Model chat: spec.a: bad\nworse"
    assert said["Failed"] == f"{said['Ready']}\nModel chat: spec.x: wrong"
    for words in (said["Ready"], ""):
        for condition in model["status"]["conditions"]:
            condition["message"] = condition["message"] and words
        paused = compose_status(model, PassResult((SERVING,), applied=False, paused=True), "t").status
        again = {condition["type"]: condition["message"] for condition in paused["conditions"]}
        assert again["Ready"] == again["Stalled"] == words


def test_a_failure_stored_before_there_was_a_summary_is_summed_up() -> None:
    """By an older release: as much of the message as fits."""
    model = after(PassResult((), (INVALID,), applied=False, valid=False))
    model["status"]["conditions"] = [c for c in model["status"]["conditions"] if c["type"] != "Ready"]
    paused = compose_status(model, PassResult((SERVING,), applied=False, paused=True), "t").status
    assert [c["message"] for c in paused["conditions"] if c["type"] == "Ready"] == ["Model chat: spec.x: wrong"]
