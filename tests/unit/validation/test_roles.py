"""Which bounds of roles are refused."""

from typing import Any

import pytest

from controller.api.rules import Rule
from controller.dialects import E4FB6663, V1
from controller.validation import ValidationOptions, validate
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rules import a_pair, policy

Json = dict[str, Any]
TODAY = ValidationOptions(dialect=V1)


def bounded(prefill: Json | None = None, **backend: Any) -> Json:
    """A disaggregated Model whose prefill role scales from 1 to 4."""
    bounds = {"minReplicas": 1, "maxReplicas": 4} if prefill is None else prefill
    return a_model("chat", a_pair(bounds, **{"autoscalingPolicy": policy(), **backend}))


def errors(model: Json, options: ValidationOptions = TODAY) -> list[tuple[str, Rule]]:
    return [(found.path.removeprefix("spec.backends[0]."), found.rule) for found in validate(model, options)]


def test_roles_of_a_disaggregated_backend_may_have_bounds() -> None:
    """One of them or both."""
    assert errors(bounded()) == []
    assert (
        errors(a_model("chat", a_pair(*[{"minReplicas": 0, "maxReplicas": 2}] * 2, autoscalingPolicy=policy()))) == []
    )


def test_the_old_dialect_says_no_in_one_sentence() -> None:
    """Its API has no word for it."""
    (found,) = validate(bounded(), ValidationOptions(dialect=E4FB6663))
    assert (found.path, found.message, found.terminal) == (
        "spec.backends[0].workers[0].minReplicas",
        "the dialect e4fb6663 cannot scale single roles",
        True,
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            a_model("m", a_backend(workers=[a_worker(minReplicas=1, maxReplicas=2)], autoscalingPolicy=policy())),
            [("workers[0].minReplicas", Rule.ROLE_SCALING)],
        ),
        (bounded(autoscalingPolicy=None), [("workers[0].minReplicas", Rule.ROLE_SCALING)]),
        (bounded(minReplicas=1, maxReplicas=3), [("minReplicas", Rule.ROLE_SCALING)]),
        (bounded({"minReplicas": 1}), [("workers[0].maxReplicas", Rule.ROLE_BOUNDS)]),
        (bounded({"maxReplicas": 1}), [("workers[0].minReplicas", Rule.ROLE_BOUNDS)]),
        (bounded({"minReplicas": 3, "maxReplicas": 1}), [("workers[0].minReplicas", Rule.ROLE_BOUNDS)]),
        (bounded({"minReplicas": 1, "maxReplicas": 3, "replicas": 4}), [("workers[0].replicas", Rule.ROLE_BOUNDS)]),
    ],
)
def test_bounds_that_mean_nothing_are_refused(model: Json, expected: list[tuple[str, Rule]]) -> None:
    """Each by its place."""
    assert errors(model) == expected
