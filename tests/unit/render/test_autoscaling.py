"""AutoscalingPolicy and its binding: complete, because the autoscaler reads leaves without asking whether they are there."""

from typing import Any

import pytest

from tests.support.factories import a_backend, a_model
from tests.support.rendering import children, only
from tests.support.rules import a_pair, costly, policy

STABLE = {"instances": 1, "percent": 100, "period": "15s", "selectPolicy": "Or", "stabilizationWindow": "0s"}
PANIC = {"percent": 1000, "period": "0s", "panicThresholdPercent": 200, "panicModeHold": "60s"}
DOWN = {**STABLE, "stabilizationWindow": "5m"}


def completed(**fields: Any) -> dict[str, Any]:
    spec: dict[str, Any] = only(a_model("m", a_backend(autoscalingPolicy=policy(**fields))), "AutoscalingPolicy")[
        "spec"
    ]
    return spec


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"behavior": {}},
        {"behavior": {"scaleUp": None, "scaleDown": {}}},
        {"behavior": {"scaleUp": {"panicPolicy": None}}},
    ],
)
def test_an_empty_behavior_is_filled_in(given: dict[str, Any]) -> None:
    """However it is left out."""
    assert completed(**given) == {
        "metrics": [{"metricName": "waiting", "targetValue": 8}],
        "tolerancePercent": 10,
        "behavior": {"scaleUp": {"stablePolicy": STABLE, "panicPolicy": PANIC}, "scaleDown": DOWN},
    }


def test_what_the_user_gives_is_kept_leaf_by_leaf() -> None:
    """Zero is a value."""
    given = {
        "scaleUp": {"stablePolicy": {"instances": 0}, "panicPolicy": {"period": "10s", "percent": 0}},
        "scaleDown": {"stabilizationWindow": "0s"},
    }
    spec = completed(tolerancePercent=0, behavior=given)
    assert spec["tolerancePercent"] == 0
    assert spec["behavior"]["scaleUp"]["stablePolicy"] == {**STABLE, "instances": 0}
    assert spec["behavior"]["scaleUp"]["panicPolicy"] == {**PANIC, "period": "10s", "percent": 0}
    assert spec["behavior"]["scaleDown"] == {**DOWN, "stabilizationWindow": "0s"}


def target(name: str, port: int = 8100, role: str = "leader") -> dict[str, Any]:
    return {
        "targetRef": {"kind": "ModelInfer", "name": name},
        "additionalMatchLabels": {"modelinfer.volcano.sh/role": role, "modelinfer.volcano.sh/entry": "true"},
        "metricEndpoint": {"uri": "/metrics", "port": port},
    }


def test_the_binding_of_one_backend() -> None:
    """Of its policy to its ModelInfer, at the port of the sidecar."""
    env = [{"name": "RUNTIME_PORT", "value": "8200"}, {"name": "RUNTIME_METRICS_PATH", "value": "/other"}]
    model = a_model(
        "m", a_backend("a"), a_backend("b", minReplicas=1, maxReplicas=4, env=env, autoscalingPolicy=policy())
    )
    binding = only(model, "AutoscalingPolicyBinding")
    assert binding["metadata"]["name"] == "m-b"
    assert binding["spec"] == {
        "policyRef": {"name": "m-b"},
        "scalingConfiguration": {"target": target("m-b", 8200), "minReplicas": 1, "maxReplicas": 4},
    }


@pytest.mark.parametrize(("rate", "expected"), [(None, 200), (0, 0), (150, 150)])
def test_the_binding_of_a_whole_model(rate: int | None, expected: int) -> None:
    """All backends in their order, those without a cost at 0."""
    backends = (costly("b", minReplicas=0, maxReplicas=2), a_backend("a"))
    model = a_model("m", *backends, autoscalingPolicy=policy(), costExpansionRatePercent=rate)
    assert only(model, "AutoscalingPolicyBinding")["spec"] == {
        "policyRef": {"name": "m"},
        "optimizerConfiguration": {
            "costExpansionRatePercent": expected,
            "params": [
                {"target": target("m-b"), "cost": 1, "minReplicas": 0, "maxReplicas": 2},
                {"target": target("m-a"), "cost": 0, "minReplicas": 1, "maxReplicas": 1},
            ],
        },
    }


def test_a_disaggregated_backend_scales_by_its_decode_pods() -> None:
    """They have the sidecar that knows the load."""
    binding = only(a_model("m", a_pair(autoscalingPolicy=policy())), "AutoscalingPolicyBinding")
    assert binding["spec"]["scalingConfiguration"]["target"] == target("m-pd", role="decode")


def test_a_backends_policy_is_ignored_under_one_of_the_model() -> None:
    """Two bindings must never scale one ModelInfer."""
    made = children(a_model("m", costly("a", autoscalingPolicy=policy(tolerancePercent=1)), autoscalingPolicy=policy()))
    assert ("AutoscalingPolicy", "m-a") not in made
    assert made["AutoscalingPolicy", "m"]["spec"]["tolerancePercent"] == 10
