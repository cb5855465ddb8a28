"""What is said about a pass: Events on the Model and the controller's own metrics. Only on transitions, never in the way."""

from collections import Counter as Tally
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller import meta
from controller.api.kinds import ALL_CHILDREN
from controller.api.model import Model
from controller.informers import Lister
from controller.meta import NamespacedName, Object
from controller.reconcilers import reasons
from controller.reconcilers.adapter_state import AdapterReport
from controller.reconcilers.observe import Observed
from controller.reconcilers.outcome import Outcome
from controller.reconcilers.status import POD_FAILURE
from controller.render.engines import backend_facts
from controller.render.facts import AUTOSCALED_ROLE
from controller.runtime import EventRecorder
from controller.validation import Finding

_STATUSES = ("True", "False", "Unknown")
_ACTIONS = ("create", "update", "delete")
_WARNINGS = {"W1": reasons.MISSING_CREDENTIALS}
_FAILURES = {reasons.CHILD_CONFLICT.reason: reasons.CONFLICT, reasons.LORA_SYNC_FAILED.reason: reasons.LORA_FAILURE}


class ModelMetrics:
    """The controller's own families; label values are bounded, and all series exist from the start.

    ``models`` is read at every scrape, so that a standby tells the same as the leader.
    """

    def __init__(self, registry: CollectorRegistry, models: Lister) -> None:
        self.held = Gauge(
            "model_controller_templates_held",
            "Pod templates that would be rendered differently today and are left as they are.",
            registry=registry,
        )
        self.writes = Counter(
            "model_controller_child_writes_total",
            "Children written, by kind and action.",
            ("kind", "action"),
            registry=registry,
        )
        for resource in ALL_CHILDREN:
            for action in _ACTIONS:
                self.writes.labels(resource.kind, action)
        self.missing = Gauge(
            "model_controller_lora_adapters_missing",
            "Adapters that ready pods of hot backends lack.",
            registry=registry,
        )
        self._operations = Counter(
            "model_controller_lora_operations_total",
            "Adapters loaded into and unloaded from running engines, by outcome.",
            ("operation", "outcome"),
            registry=registry,
        )
        for operation in ("load", "unload"):
            for outcome in ("success", "error"):
                self._operations.labels(operation, outcome)
        registry.register(_Inventory(models))

    def operation(self, operation: str, *, succeeded: bool) -> None:
        """A load or an unload ended."""
        self._operations.labels(operation, "success" if succeeded else "error").inc()


class _Inventory(Collector):
    """Counts the Models by what their conditions say."""

    def __init__(self, models: Lister) -> None:
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
        tally = Tally(_told(model, type_) for model in self._models.list() for type_ in reasons.CONDITION_TYPES)
        for type_ in reasons.CONDITION_TYPES:
            for status in _STATUSES:
                count = sum(n for (told, is_, _), n in tally.items() if (told, is_) == (type_, status))
                by_condition.add_metric((type_, status), count)
        idle.add_metric(
            (), tally[reasons.SCALED_TO_ZERO.type, reasons.SCALED_TO_ZERO.status, reasons.SCALED_TO_ZERO.reason]
        )
        yield from (by_condition, idle)


def _told(model: Object, type_: str) -> tuple[str, str, str]:
    """Type, status and reason of a condition of this Model."""
    condition = meta.find_condition(meta.conditions_of(model), type_) or {}
    status = condition.get("status")
    return type_, status if status in _STATUSES else "Unknown", str(condition.get("reason", ""))


def _seen_generation(model: Object) -> int:
    """The generation that the status is about, also where the CRD has no ``status.observedGeneration``."""
    seen = (meta.status_of(model), *meta.conditions_of(model))
    return max((value for part in seen if isinstance(value := part.get("observedGeneration"), int)), default=0)


def _pod_failures(model: Object) -> set[tuple[str, str]]:
    """The pods, and what they are stuck with, that the Active condition names."""
    active = meta.find_condition(meta.conditions_of(model), reasons.ACTIVE) or {}
    return set(POD_FAILURE.findall(str(active.get("message", ""))))


class Announcer:
    """Records Events and counts."""

    def __init__(self, recorder: EventRecorder, metrics: ModelMetrics) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._held: dict[NamespacedName, int] = {}
        self._missing: dict[NamespacedName, int] = {}

    def wrote(self, model: Object, outcome: Outcome) -> None:
        """The children that a pass wrote and the templates that it held."""
        for told, action, names in zip(
            (reasons.CHILDREN_CREATED, reasons.CHILDREN_UPDATED, reasons.CHILDREN_DELETED),
            _ACTIONS,
            (outcome.created, outcome.updated, outcome.deleted),
            strict=True,
        ):
            for name in names:
                self._metrics.writes.labels(name.partition(" ")[0], action).inc()
            if names:
                self._record(model, told, ", ".join(names))
        if outcome.newly_held:
            note = f"the pod template of {', '.join(outcome.newly_held)} is kept as it is until the Model changes"
            self._record(model, reasons.TEMPLATE_HELD, note)
        self._held[meta.key_of(model)] = len(outcome.held)
        self._metrics.held.set(sum(self._held.values()))

    def moved(self, model: Object, report: AdapterReport) -> None:
        """The adapters that pods got or lost, and how many they lack."""
        for moved in report.moved:
            told = reasons.LORA_LOADED if moved.operation == "load" else reasons.LORA_UNLOADED
            self._record(model, told, f"adapter {moved.adapter}, pod {moved.pod}")
        self._missing[meta.key_of(model)] = report.missing
        self._metrics.missing.set(sum(self._missing.values()))

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone, and with it its share of the sums."""
        for sums in (self._held, self._missing):
            sums.pop(model, None)
        self._metrics.held.set(sum(self._held.values()))
        self._metrics.missing.set(sum(self._missing.values()))

    def tell(self, before: Object, after: Object) -> None:
        """The conditions that changed between these two states of the Model."""
        was, is_ = (meta.is_condition_true(obj, reasons.ACTIVE) for obj in (before, after))
        if is_ and not was:
            self._record(after, reasons.BECAME_ACTIVE, "Model is ready")
        elif was and not is_ and meta.generation_of(before) == _seen_generation(before):
            active = meta.find_condition(meta.conditions_of(after), reasons.ACTIVE) or {}
            self._record(after, reasons.INACTIVE, str(active.get("message", "")))
        old, new = (meta.find_condition(meta.conditions_of(obj), reasons.FAILED) or {} for obj in (before, after))
        if new.get("status") == "True" and (old.get("status"), old.get("message")) != ("True", new.get("message")):
            told = _FAILURES.get(str(new.get("reason")), reasons.FAILURE)
            self._record(after, told, str(new.get("message", "")))
        elif new.get("status") == "False" and old.get("status") == "True":
            self._record(after, reasons.RECOVERED, "the Model's problems are gone")
        for pod, why in sorted(_pod_failures(after) - _pod_failures(before)):
            self._record(after, reasons.BACKEND_POD_FAILURE, f"pod {pod}: {why}")

    def warn(self, model: Object, parsed: Model, findings: Sequence[Finding], observed: Observed) -> None:
        """What deserves attention and does not stop anything; once per generation, so that a restart repeats nothing."""
        if _seen_generation(model) >= meta.generation_of(model):
            return
        for finding in findings:
            if not finding.terminal:
                told = _WARNINGS.get(finding.rule, reasons.SUSPICIOUS_CONFIG)
                self._record(model, told, f"{finding.path}: {finding.message}")
        for backend in parsed.spec.backends:
            scaled = parsed.spec.autoscaling_policy is not None or backend.autoscaling_policy is not None
            if scaled and backend_facts(parsed, backend).traits.scaled_role != AUTOSCALED_ROLE:
                note = f"backend {backend.name}: the autoscaler looks for pods of role leader, which disaggregated backends do not have"
                self._record(model, reasons.AUTOSCALING_INEFFECTIVE, note)
        if observed.foreign_routes:
            names = ", ".join(sorted(str(meta.key_of(route)) for route in observed.foreign_routes))
            note = f"the routes {names} answer the same model or adapter name; the router keeps only one of them"
            self._record(model, reasons.MODEL_NAME_CONFLICT, note)

    def _record(self, model: Object, told: reasons.EventReason, note: str) -> None:
        self._recorder.event(model, told.type, told.reason, note)
