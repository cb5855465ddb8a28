"""AutoscalingPolicy and AutoscalingPolicyBinding, at the level of the Model or of single backends."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller.api import derived
from controller.api.kinds import AUTOSCALING_POLICY, AUTOSCALING_POLICY_BINDING
from controller.api.model import Backend, Model
from controller.render.names import INFER_ENTRY, INFER_ROLE, child, child_name

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


def policies(model: Model) -> Iterator[dict[str, Any]]:
    """The policies. One at model level wins over those of the backends."""
    if model.spec.autoscaling_policy is not None:
        yield child(model, AUTOSCALING_POLICY, model.name, "", completed(model.spec.autoscaling_policy))
        return
    for backend in model.spec.backends:
        if backend.autoscaling_policy is not None:
            name = child_name(model, backend)
            yield child(model, AUTOSCALING_POLICY, name, backend.name, completed(backend.autoscaling_policy))


def bindings(model: Model) -> Iterator[dict[str, Any]]:
    """The bindings of those policies to the ModelInfers."""
    if model.spec.autoscaling_policy is not None:
        rate = model.spec.cost_expansion_rate_percent
        optimizer = {
            "costExpansionRatePercent": 200 if rate is None else rate,
            "params": [
                {"target": _target(model, backend), "cost": backend.scaling_cost or 0, **_bounds(backend)}
                for backend in model.spec.backends
            ],
        }
        spec = {"policyRef": {"name": model.name}, "optimizerConfiguration": optimizer}
        yield child(model, AUTOSCALING_POLICY_BINDING, model.name, "", spec)
        return
    for backend in model.spec.backends:
        if backend.autoscaling_policy is not None:
            name = child_name(model, backend)
            scaling = {"target": _target(model, backend), **_bounds(backend)}
            spec = {"policyRef": {"name": name}, "scalingConfiguration": scaling}
            yield child(model, AUTOSCALING_POLICY_BINDING, name, backend.name, spec)


def _bounds(backend: Backend) -> dict[str, int]:
    return {"minReplicas": backend.min_replicas, "maxReplicas": backend.max_replicas}


def _target(model: Model, backend: Backend) -> dict[str, Any]:
    """The backend's ModelInfer and the pods whose sidecar is scraped."""
    role = "decode" if backend.type == derived.VLLM_DISAGGREGATED else "leader"
    return {
        "targetRef": {"kind": "ModelInfer", "name": child_name(model, backend)},
        "additionalMatchLabels": {INFER_ROLE: role, INFER_ENTRY: "true"},
        "metricEndpoint": {"uri": "/metrics", "port": derived.runtime_port(backend)},
    }


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
