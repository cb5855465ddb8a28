"""The controller's own metric families. Label values are bounded, and all series exist from the start."""

from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller import meta
from controller.dialects import Dialect
from controller.informers import Lister
from controller.lora import AdapterReport
from controller.meta import NamespacedName, Object
from controller.reconcilers import reasons
from controller.reconcilers.outcome import Operation, Outcome
from controller.reconcilers.unhealthy import unhealthy

_Share = tuple[str, NamespacedName]
"""The kind and the name of what has a part in a sum."""
_STATUSES = ("True", "False", "Unknown")


class ModelMetrics:
    """The families and what they count.

    ``models`` gives the listers of everything that stands for a Model; they are read at every scrape, so that a standby shows the same as the
    leader. ``dialects`` are those whose children may be written.
    """

    def __init__(
        self, registry: CollectorRegistry, models: Callable[[], Iterable[Lister]], dialects: Collection[Dialect]
    ) -> None:
        self._held = Gauge(
            "model_controller_templates_held",
            "Pod templates that would be rendered differently today and are left as they are.",
            registry=registry,
        )
        self._writes = Counter(
            "model_controller_child_writes_total",
            "Children written, by kind and action.",
            ("kind", "action"),
            registry=registry,
        )
        for kind in {resource.kind for dialect in dialects for resource in dialect.children}:
            for operation in Operation:
                self._writes.labels(kind, operation)
        self._missing = Gauge(
            "model_controller_lora_adapters_missing",
            "Adapters that ready pods of hot backends lack.",
            registry=registry,
        )
        self._left = Gauge(
            "model_controller_children_left_to_rivals",
            "Children that are not written for a while, because another controller undid what was written.",
            registry=registry,
        )
        self._operations = Counter(
            "model_controller_lora_operations_total",
            "Adapters loaded into and unloaded from running engines, by outcome.",
            ("operation", "outcome"),
            registry=registry,
        )
        for call in ("load", "unload"):
            for outcome in ("success", "error"):
                self._operations.labels(call, outcome)
        registry.register(_Inventory(models))
        self._held_of: dict[_Share, int] = {}
        self._missing_of: dict[_Share, int] = {}
        self._left_of: dict[_Share, int] = {}

    def applied(self, model: _Share, outcome: Outcome, adapters: AdapterReport) -> None:
        """Counts the writes of a pass, the templates and children that it left as they were, and the adapters that pods lack."""
        for write in outcome.writes:
            self._writes.labels(write.kind, write.operation).inc()
        _replace(self._held, self._held_of, model, len(outcome.held))
        _replace(self._missing, self._missing_of, model, adapters.missing)
        _replace(self._left, self._left_of, model, len(outcome.left))

    def forget(self, model: _Share) -> None:
        """The Model is gone, and with it its share of the sums."""
        _replace(self._held, self._held_of, model, 0)
        _replace(self._missing, self._missing_of, model, 0)
        _replace(self._left, self._left_of, model, 0)

    def operation(self, operation: str, *, succeeded: bool) -> None:
        """A load or an unload ended."""
        self._operations.labels(operation, "success" if succeeded else "error").inc()


def _replace(gauge: Gauge, parts: dict[_Share, int], model: _Share, value: int) -> None:
    """Changes a Model's part of a sum over all Models by the difference alone."""
    before = parts.pop(model, 0)
    if value:
        parts[model] = value
    if value != before:
        gauge.inc(value - before)


class _Inventory(Collector):
    """Counts the Models by what their conditions say."""

    def __init__(self, models: Callable[[], Iterable[Lister]]) -> None:
        self._models = models

    def collect(self) -> Iterator[Metric]:
        by_condition = GaugeMetricFamily(
            "model_controller_models",
            "Models by condition and its status; Unknown counts those that do not have the condition yet.",
            labels=("condition", "status"),
        )
        idle = GaugeMetricFamily(
            "model_controller_models_idle", "Models that are not Active because every backend is scaled to zero."
        )
        named = GaugeMetricFamily(
            "model_controller_unhealthy_models",
            "1 for each Model that is not Active and not scaled to zero, or has failed; served says whether it was Active before. At most 200 series.",
            labels=("model_namespace", "model", "condition", "reason", "served"),
        )
        everything = [model for lister in self._models() for model in lister.list()]
        for found in unhealthy(everything):
            served = str(found.served).lower()
            named.add_metric((found.namespace, found.name, found.condition, found.reason, served), 1)
        tally = Tally(_condition_of(model, type_) for model in everything for type_ in reasons.CONDITION_TYPES)
        for type_ in reasons.CONDITION_TYPES:
            for status in _STATUSES:
                count = sum(n for (said, is_, _), n in tally.items() if (said, is_) == (type_, status))
                by_condition.add_metric((type_, status), count)
        idle.add_metric(
            (), tally[reasons.SCALED_TO_ZERO.type, reasons.SCALED_TO_ZERO.status, reasons.SCALED_TO_ZERO.reason]
        )
        yield from (by_condition, idle, named)


def _condition_of(model: Object, type_: str) -> tuple[str, str, str]:
    """Type, status and reason of a condition of this Model."""
    condition = meta.find_condition(meta.conditions_of(model), type_) or {}
    status = condition.get("status")
    return type_, status if status in _STATUSES else "Unknown", str(condition.get("reason", ""))
