"""What people see of a Model is what its status says, whatever is missing or misshapen."""

from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from controller.views.models import human_duration, model_rows, render_table

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def a_model(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "m", "namespace": "ns", "uid": "u", "creationTimestamp": "2026-01-01T11:00:00Z"},
        "spec": {
            "backends": [{"name": "a", "loraAdapters": [{"name": "x"}]}, {"name": "b", "loraAdapters": [{"name": "x"}]}]
        },
        "status": status,
    }


def test_replicas_are_those_of_the_status() -> None:
    """The same numbers as in ``kubectl get models``."""
    states = [
        {"name": "a", "replicas": 3, "readyReplicas": 2, "desiredReplicas": 3},
        {"name": "b", "replicas": 0, "readyReplicas": 0, "desiredReplicas": 1},
    ]
    (row,) = model_rows([a_model(backendStatuses=states)], NOW)
    assert (row.ready, row.desired, row.adapters, row.age) == (2, 4, ("x",), 3600.0)
    assert row.active == "Unknown"


def test_the_reason_is_that_of_the_failure_when_there_is_one() -> None:
    """Else that of Active."""
    conditions = [
        {"type": "Active", "status": "False", "reason": "ModelProcessing"},
        {"type": "Failed", "status": "True", "reason": "ChildConflict", "message": "taken"},
    ]
    (row,) = model_rows([a_model(conditions=conditions)], NOW)
    assert (row.reason, row.message, row.as_json()["failed"]) == ("ChildConflict", "taken", "True")


def test_misshapen_models_are_shown_and_not_a_crash() -> None:
    """Anything can be stored under another CRD."""
    models = [{}, {"metadata": {"name": "x"}, "spec": {"backends": 3}}, {"spec": {"backends": [1, {}]}, "status": []}]
    rows = model_rows(models, NOW)
    assert len(rows) == 3
    Console(quiet=True).print(render_table(rows, with_namespace=True))


def test_durations_are_short() -> None:
    """As kubectl shows ages."""
    assert [human_duration(s) for s in (None, 0, 119, 120, 7200, 172800)] == [
        "<unknown>",
        "0s",
        "119s",
        "2m",
        "2h",
        "2d",
    ]
