"""Events on transitions alone."""

from typing import Any

from controller import meta
from controller.lora import MovedAdapter
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.events import EventReporter
from controller.reconcilers.outcome import Operation, Outcome, Write
from controller.reconcilers.pod_failures import PodFailure
from tests.support.factories import a_model


class Recorder:
    """Keeps what is recorded."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def event(self, obj: Any, type_: str, reason: str, note: str) -> None:
        """One Event."""
        self.events.append((type_, reason, note))


def reporter() -> tuple[EventReporter, Recorder]:
    """A reporter and what it records."""
    recorder: Any = Recorder()
    return EventReporter(recorder), recorder


def a_model_that_says(**conditions: tuple[str, str]) -> dict[str, Any]:
    """A Model with these statuses and messages of conditions."""
    model = a_model()
    said = [{"type": t, "status": s, "reason": "R", "message": m} for t, (s, m) in conditions.items()]
    model["status"] = {"conditions": said, "observedGeneration": 1}
    return model


def test_the_writes_of_a_pass_are_one_event_for_each_operation() -> None:
    """With the first fields of an update; templates that are held from now on have one of their own."""
    events, recorder = reporter()
    writes = [
        Write(Operation.CREATE, "ModelServer", "chat-a"),
        Write(Operation.CREATE, "ModelInfer", "chat-a"),
        Write(Operation.UPDATE, "ModelRoute", "chat", ("spec.a", "spec.b", "spec.c", "spec.d", "spec.e")),
    ]
    events.children_written(a_model(), Outcome(writes=writes, newly_held=["chat-a"]))
    assert recorder.events == [
        ("Normal", "ChildrenCreated", "ModelServer chat-a, ModelInfer chat-a"),
        ("Normal", "ChildrenUpdated", "ModelRoute chat (spec.a, spec.b, spec.c, spec.d)"),
        ("Normal", "TemplateHeld", "the pod template of chat-a is kept until the Model changes"),
    ]


def test_conditions_are_told_when_they_change() -> None:
    """Active and back, a failure and its end, another message of a failure; nothing twice."""
    events, recorder = reporter()
    down = a_model_that_says(Active=("False", "waiting"), Failed=("True", "no"))
    up = a_model_that_says(Active=("True", "ready"), Failed=("False", ""))
    other = a_model_that_says(Active=("False", "waiting"), Failed=("True", "still no"))
    for before, after in ((down, up), (up, up), (up, down), (down, down), (down, other)):
        events.conditions_changed(before, after, ())
    assert [reason for _, reason, _ in recorder.events] == ["Active", "Recovered", "Inactive", "Failed", "Failed"]


def test_a_stuck_pod_is_told_once_and_not_again_after_a_restart() -> None:
    """A new process finds it in the status, which then does not change."""
    stuck = BackendView("a", "chat-a", BackendState.PENDING, stuck=(PodFailure("p", "Evicted", message="low memory"),))
    told = a_model_that_says(Active=("False", "waiting for p"))
    events, recorder = reporter()
    events.conditions_changed(a_model(), told, (stuck,))
    events.conditions_changed(told, told, (stuck,))
    assert recorder.events == [("Warning", "BackendPodFailure", "pod p: Evicted: low memory")]
    restarted, again = reporter()
    restarted.conditions_changed(told, told, (stuck,))
    restarted.conditions_changed(told, a_model_that_says(Active=("False", "other words")), (stuck,))
    assert again.events == []
    events.forget(meta.key_of(told))


def test_adapters_that_moved_are_told() -> None:
    """Each with its pod."""
    events, recorder = reporter()
    events.adapters_moved(a_model(), [MovedAdapter("load", "sql", "p"), MovedAdapter("unload", "old", "p")])
    assert [(reason, note) for _, reason, note in recorder.events] == [
        ("LoraAdapterLoaded", "adapter sql, pod p"),
        ("LoraAdapterUnloaded", "adapter old, pod p"),
    ]
