"""Autoscaling, at the level of the Model or of single backends."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller.api.model import Model
from controller.dialects import Autoscaling, ScalingTarget
from controller.render.facts import BackendFacts
from controller.render.names import child_name

_DEFAULTS: dict[str, Any] = {
    "tolerancePercent": 10,
    "behavior": {
        "scaleUp": {
            "stablePolicy": {
                "instances": 1,
                "percent": 100,
                "period": "15s",
                "selectPolicy": "Or",
                "stabilizationWindow": "0s",
            },
            "panicPolicy": {"percent": 1000, "period": "0s", "panicThresholdPercent": 200, "panicModeHold": "60s"},
        },
        "scaleDown": {
            "instances": 1,
            "percent": 100,
            "period": "15s",
            "selectPolicy": "Or",
            "stabilizationWindow": "5m",
        },
    },
}


def autoscalings(model: Model, backends: Sequence[BackendFacts]) -> tuple[Autoscaling, ...]:
    """The scaled backends, each with its policy. A policy at model level wins over those of the backends."""
    if model.spec.autoscaling_policy is not None:
        rate = model.spec.cost_expansion_rate_percent
        targets = tuple(_target(facts) for facts in backends)
        policy = completed(model.spec.autoscaling_policy)
        return (Autoscaling(model.name, "", policy, targets, expansion_rate=200 if rate is None else rate),)
    return tuple(
        Autoscaling(
            child_name(model, facts.backend),
            facts.backend.name,
            completed(facts.backend.autoscaling_policy),
            (_target(facts),),
        )
        for facts in backends
        if facts.backend.autoscaling_policy is not None
    )


def _target(facts: BackendFacts) -> ScalingTarget:
    """The backend's workload and the pods whose sidecar is scraped."""
    return ScalingTarget(
        workload=child_name(facts.model, facts.backend),
        minimum=facts.backend.min_replicas,
        maximum=facts.backend.max_replicas,
        cost=facts.backend.scaling_cost or 0,
        role=facts.traits.scaled_role,
        port=facts.runtime_port,
        roles={
            worker.type: (worker.min_replicas or 0, worker.max_replicas or 1)
            for worker in facts.backend.workers
            if worker.scales
        },
    )


def completed(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The user's policy with every leaf that the autoscaler reads without asking whether it is there."""
    return _complete(policy, _DEFAULTS)


def _complete(given: Any, defaults: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in given.items() if value is not None} if isinstance(given, Mapping) else {}
    for key, default in defaults.items():
        if isinstance(default, Mapping):
            result[key] = _complete(result.get(key), default)
        else:
            result.setdefault(key, default)
    return result
