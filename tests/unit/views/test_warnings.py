"""The last warning about each pod."""

from typing import Any

from controller.views.warnings import last_warnings


def an_event(uid: str, message: str, **fields: Any) -> dict[str, Any]:
    """A warning about a pod."""
    about = {"kind": "Pod", "name": "p", "uid": uid}
    return {"type": "Warning", "reason": "FailedMount", "message": message, "involvedObject": about, **fields}


def test_the_last_warning_counts_whoever_wrote_it() -> None:
    """The kubelet dates with whole seconds, others with fractions or a series; one without a date is the oldest."""
    events = [
        an_event("a", "third", eventTime="2026-01-01T00:00:02.500000Z"),
        an_event("a", "second", lastTimestamp="2026-01-01T00:00:02Z", eventTime=None),
        an_event("a", "first"),
        an_event("b", "old series", eventTime="2026-01-01T00:00:05.000000Z"),
        an_event(
            "b",
            "running\nseries",
            eventTime="2026-01-01T00:00:00.000000Z",
            series={"count": 3, "lastObservedTime": "2026-01-01T00:00:09.000000Z"},
        ),
    ]
    assert last_warnings(events) == {"a": "FailedMount: third", "b": "FailedMount: running series"}


def test_other_events_say_nothing_about_pods() -> None:
    """Normal ones, those about another kind, and those without an object."""
    others = [
        an_event("a", "fine", type="Normal"),
        an_event("a", "other", involvedObject={"kind": "Node", "uid": "a"}),
        an_event("a", "none", involvedObject=None),
    ]
    assert last_warnings(others) == {}


def test_secrets_in_a_warning_are_hidden() -> None:
    """A kubelet quotes what it was given."""
    (words,) = last_warnings([an_event("a", "cannot reach https://me:hunter22@host/x")]).values()
    assert "hunter22" not in words
