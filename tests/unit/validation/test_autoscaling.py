"""Policies that only one dialect can express."""

import pytest

from controller.api.rules import Rule
from controller.dialects import E4FB6663, V1, Dialect
from controller.validation import ValidationOptions, validate
from tests.support.factories import a_backend, a_model


@pytest.mark.parametrize(
    ("names", "dialect", "rules"),
    [
        ([""], V1, [Rule.METRIC_NAME]),
        ([""], E4FB6663, []),
        (["", "waiting"], V1, []),
    ],
)
def test_a_policy_of_today_needs_a_metric_with_a_name(names: list[str], dialect: Dialect, rules: list[Rule]) -> None:
    """Kthena's webhook refuses one without metrics; one without a name is left out of it."""
    metrics = [{"metricName": name, "targetValue": 1} for name in names]
    model = a_model("chat", a_backend(autoscalingPolicy={"metrics": metrics}))
    assert [found.rule for found in validate(model, ValidationOptions(dialect=dialect))] == rules
