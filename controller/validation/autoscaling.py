"""The rules of autoscaling: at which level, and what a policy may say."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.api.durations import is_admitted, parse_duration
from controller.api.findings import Finding, error, tolerated
from controller.api.model import Backend, ModelSpec
from controller.api.rules import Rule
from controller.dialects import Dialect

_LONGEST = 1800
_ONLY_AT_MODEL_LEVEL = "has a meaning only with autoscaling at model level, and is ignored"


def levels(spec: ModelSpec) -> Iterator[Finding]:
    """Which fields go with which level of autoscaling."""
    whole = spec.autoscaling_policy is not None
    single = any(backend.autoscaling_policy is not None for backend in spec.backends)
    if whole and single:
        message = "choose one level of autoscaling: of the model or of single backends; that of the model is used"
        yield tolerated("spec.autoscalingPolicy", message, Rule.AUTOSCALING_LEVEL)
    if not whole and spec.cost_expansion_rate_percent is not None:
        yield tolerated("spec.costExpansionRatePercent", _ONLY_AT_MODEL_LEVEL, Rule.AUTOSCALING_FIELD)
    if whole and spec.backends and not sum(backend.min_replicas for backend in spec.backends):
        message = "minReplicas add up to 0; at least 1 is needed with autoscaling at model level"
        yield tolerated("spec.backends", message, Rule.AUTOSCALED_MINIMUM)
    for index, backend in enumerate(spec.backends):
        yield from _bounds(backend, f"spec.backends[{index}]", whole=whole, single=single)


def _bounds(backend: Backend, path: str, *, whole: bool, single: bool) -> Iterator[Finding]:
    if not whole and backend.scaling_cost:
        yield tolerated(f"{path}.scalingCost", _ONLY_AT_MODEL_LEVEL, Rule.AUTOSCALING_FIELD)
    if not whole and backend.scale_to_zero_grace_period is not None:
        yield tolerated(f"{path}.scaleToZeroGracePeriod", _ONLY_AT_MODEL_LEVEL, Rule.AUTOSCALING_FIELD)
    if backend.autoscaling_policy is not None and backend.min_replicas < 1:
        yield tolerated(
            f"{path}.minReplicas", "must be at least 1 with autoscaling of the backend", Rule.AUTOSCALED_MINIMUM
        )
    if not whole and not single and backend.min_replicas != backend.max_replicas:
        message = "must equal maxReplicas and be positive without autoscaling; minReplicas is used"
        yield tolerated(f"{path}.minReplicas", message, Rule.FIXED_REPLICAS)
    if whole and not backend.scaling_cost:
        yield tolerated(
            f"{path}.scalingCost", "is needed with autoscaling at model level; 0 is used", Rule.SCALING_COST
        )


def duration(value: Any, path: str, rule: Rule, *, terminal: bool) -> Iterator[Finding]:
    """A duration of 0 to 30 minutes. What only the CRD's pattern refuses is tolerated."""
    if not isinstance(value, str):
        return
    seconds = parse_duration(value)
    if seconds is None:
        yield Finding(path, f"{value[:40]!r} is not a duration such as 30s or 5m", rule=rule, terminal=terminal)
    elif not 0 <= seconds <= _LONGEST:
        yield Finding(path, f"{value[:40]!r} does not lie between 0s and {_LONGEST}s", rule=rule, terminal=terminal)
    elif not is_admitted(value):
        yield tolerated(path, f"{value[:40]!r} must have its units in the order h, m, s, ms, us, ns", rule)


def policy(given: Mapping[str, Any], path: str, dialect: Dialect) -> Iterator[Finding]:
    """A policy: its metrics, and the durations of its behavior."""
    yield from _metrics(given.get("metrics"), f"{path}.metrics", dialect)
    behavior = _map(given.get("behavior"))
    up = _map(behavior.get("scaleUp"))
    for part, step, fields, rule in (
        (up.get("stablePolicy"), "scaleUp.stablePolicy", ("period", "stabilizationWindow"), Rule.POLICY_DURATION),
        (up.get("panicPolicy"), "scaleUp.panicPolicy", ("period", "panicModeHold"), Rule.POLICY_DURATION),
        (behavior.get("scaleDown"), "scaleDown", ("period", "stabilizationWindow"), Rule.POLICY_DURATION),
    ):
        for field in fields:
            yield from duration(_map(part).get(field), f"{path}.behavior.{step}.{field}", rule, terminal=True)


def _metrics(given: Any, path: str, dialect: Dialect) -> Iterator[Finding]:
    """Targets above 0, no name twice, and where the dialect has no metric without a name at least one with one."""
    metrics = given if isinstance(given, list | tuple) else ()
    seen: set[str] = set()
    for index, metric in enumerate(metrics):
        if not isinstance(metric, Mapping):
            continue
        name, target = metric.get("metricName"), metric.get("targetValue")
        if isinstance(name, str) and name in seen:
            yield error(f"{path}[{index}].metricName", f"{name[:64]!r} is given twice", Rule.DUPLICATE_METRIC)
        seen.add(name if isinstance(name, str) else "")
        if target is not None and not _is_positive(target):
            yield error(
                f"{path}[{index}].targetValue", f"{str(target)[:40]!r} is not a quantity above 0", Rule.METRIC_TARGET
            )
    if seen == {""} and not dialect.nameless_metrics:
        yield error(f"{path}[0].metricName", f"must not be empty with the dialect {dialect.name}", Rule.METRIC_NAME)


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_positive(target: Any) -> bool:
    try:
        return meta.parse_quantity(target) > 0
    except (ValueError, TypeError):
        return False
