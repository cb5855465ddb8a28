"""The schema of an autoscaling policy: of the kind, and of the policies inside a Model."""

from typing import Any

from controller.api.crds.rules import duration_rule, rule
from controller.api.crds.schemas import QUANTITY, integer, list_, object_, string


def _scaling(description: str) -> dict[str, Any]:
    return {
        **object_(
            description,
            instances=integer("Maximum number of instances added or removed in one period.", minimum=0, default=1),
            percent=integer("Largest change in one period, in percent.", minimum=0, maximum=1000, default=100),
            period=string("Length of a period, such as 15s.", default="15s", maxLength=32),
            selectPolicy=string(
                "Or: either limit suffices. And: both must allow it.", enum=["Or", "And"], default="Or"
            ),
            stabilizationWindow=string("Time a recommendation must last, such as 5m.", maxLength=32),
        ),
        "x-kubernetes-validations": [duration_rule("period", "30m"), duration_rule("stabilizationWindow", "30m")],
    }


def policy_schema(description: str) -> dict[str, Any]:
    """The spec of an AutoscalingPolicy."""
    panic = {
        **object_(
            "How to scale up in a hurry.",
            ("period",),
            period=string("Length of a period, such as 10s.", maxLength=32),
            percent=integer("Largest growth in one period, in percent.", minimum=0, maximum=1000, default=1000),
            panicThresholdPercent=integer(
                "Load, in percent of the target, at which panic begins.", minimum=110, maximum=1000, default=200
            ),
            panicModeHold=string("Minimum duration of a panic.", default="60s", maxLength=32),
        ),
        "x-kubernetes-validations": [duration_rule("period", "30m"), duration_rule("panicModeHold", "30m")],
    }
    metric = {
        **object_(
            "One metric and its target.",
            ("metricName", "targetValue"),
            metricName=string("Metric family as the pods expose it.", maxLength=256),
            targetValue={**QUANTITY, "description": "Target per instance, above 0.", "maxLength": 32},
        ),
        "x-kubernetes-validations": [
            rule(
                "type(self.targetValue) == int ? self.targetValue > 0 : "
                "(isQuantity(self.targetValue) && quantity(self.targetValue).isGreaterThan(quantity('0')))",
                "targetValue must be a quantity above 0",
            )
        ],
    }
    unique = rule(
        "self.all(a, self.exists_one(o, o.metricName == a.metricName))", "metricName must be unique in the policy"
    )
    return object_(
        description,
        ("metrics",),
        tolerancePercent=integer(
            "No action while the deviation is below this share, in percent.", minimum=0, maximum=100, default=10
        ),
        metrics=list_("What is measured.", metric, minItems=1, maxItems=16, **{"x-kubernetes-validations": [unique]}),
        behavior=object_(
            "How fast to scale.",
            scaleUp=object_(
                "Scaling up.", stablePolicy=_scaling("How to scale up in steady times."), panicPolicy=panic
            ),
            scaleDown=_scaling("How to scale down."),
        ),
    )
