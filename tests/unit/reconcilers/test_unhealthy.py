"""Which Models alerts name."""

from typing import Any

from controller.meta import Object
from controller.reconcilers.unhealthy import MOST_SERIES, unhealthy
from tests.support.factories import a_model


def saying(name: str = "chat", **conditions: tuple[str, str, str]) -> Object:
    """A Model with these conditions: status, reason and the second of the last transition."""
    model: dict[str, Any] = a_model(name)
    model["status"] = {
        "conditions": [
            {"type": type_, "status": status, "reason": reason, "lastTransitionTime": f"2026-01-01T00:00:{second}Z"}
            for type_, (status, reason, second) in conditions.items()
        ]
    }
    return model


CREATED = ("True", "ModelCreating", "02")
HEALTHY = ("False", "ModelHealthy", "01")


def test_a_model_that_serves_or_is_scaled_to_zero_needs_no_attention() -> None:
    """Neither would wake anybody up."""
    serving = saying(Initialized=CREATED, Active=("True", "ModelAvailable", "09"), Failed=HEALTHY)
    idle = saying(Initialized=CREATED, Active=("False", "ScaledToZero", "09"), Failed=HEALTHY)
    assert unhealthy([serving, idle]) == []


def test_a_first_start_is_told_from_an_outage() -> None:
    """Active is False since the first pass, or since something stopped."""
    starting = saying("new", Initialized=CREATED, Active=("False", "ModelProcessing", "01"), Failed=HEALTHY)
    broken = saying("old", Initialized=CREATED, Active=("False", "ModelProcessing", "30"), Failed=HEALTHY)
    assert [(problem.name, problem.served) for problem in unhealthy([starting, broken])] == [
        ("old", True),
        ("new", False),
    ]


def test_a_failed_model_that_serves_is_one_problem() -> None:
    """With the reason of the failure."""
    model = saying(Initialized=CREATED, Active=("True", "ModelAvailable", "09"), Failed=("True", "InvalidSpec", "20"))
    (problem,) = unhealthy([model])
    assert (problem.condition, problem.reason, problem.served) == ("Failed", "InvalidSpec", True)


def test_a_model_without_conditions_is_starting() -> None:
    """Nobody has looked at it yet."""
    (problem,) = unhealthy([a_model()])
    assert (problem.condition, problem.served) == ("Active", False)


def test_the_number_of_series_is_bounded_and_outages_come_first() -> None:
    """However much fails at once."""
    starting = [
        saying(f"new-{number:04}", Active=("False", "ModelProcessing", "01")) for number in range(MOST_SERIES + 50)
    ]
    broken = saying("old", Initialized=CREATED, Active=("False", "ModelProcessing", "30"))
    found = unhealthy([*starting, broken])
    assert len(found) == MOST_SERIES
    assert found[0].name == "old"
