"""What is said about a pass: Events on the Model and the controller's own metrics. Only on transitions, never in the way."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from controller import meta
from controller.api import derived
from controller.api.model import Model
from controller.api.validation import Finding
from controller.meta import Object
from controller.reconcilers.observe import Observed
from controller.reconcilers.outcome import Outcome
from controller.runtime import EventRecorder

_WARNINGS = {"W1": "MissingCredentials"}


class ModelMetrics:
    """The controller's own families; label values are bounded."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.held = Gauge(
            "model_controller_templates_held",
            "Pod templates that would be rendered differently today and are left as they are.",
            registry=registry,
        )
        self.writes = Counter(
            "model_controller_child_writes_total", "Children written, by action.", ("action",), registry=registry
        )


class Announcer:
    """Records Events and counts."""

    def __init__(self, recorder: EventRecorder, metrics: ModelMetrics) -> None:
        self._recorder = recorder
        self._metrics = metrics
        self._held: dict[str, tuple[str, ...]] = {}

    def tell(self, before: Object, after: Object, outcome: Outcome) -> None:
        """The writes of a pass, and the conditions that changed between these two states of the Model."""
        for reason, action, names in (
            ("ChildrenCreated", "create", outcome.created),
            ("ChildrenUpdated", "update", outcome.updated),
            ("ChildrenDeleted", "delete", outcome.deleted),
        ):
            if names:
                self._metrics.writes.labels(action).inc(len(names))
                self._recorder.event(after, "Normal", reason, ", ".join(names))
        self._tell_held(after, outcome)
        self._tell_conditions(before, after)

    def _tell_held(self, model: Object, outcome: Outcome) -> None:
        uid, held = meta.uid_of(model), tuple(sorted(outcome.held))
        if held and self._held.get(uid) != held:
            note = f"the pod template of {', '.join(held)} is kept as it is until the Model changes"
            self._recorder.event(model, "Normal", "TemplateHeld", note)
        if held:
            self._held[uid] = held
        else:
            self._held.pop(uid, None)
        self._metrics.held.set(sum(map(len, self._held.values())))

    def _tell_conditions(self, before: Object, after: Object) -> None:
        was, is_ = (meta.is_condition_true(obj, "Active") for obj in (before, after))
        if is_ and not was:
            self._recorder.event(after, "Normal", "Active", "Model is ready")
        elif was and not is_ and meta.generation_of(before) == meta.status_of(before).get("observedGeneration"):
            active = meta.find_condition(meta.conditions_of(after), "Active") or {}
            self._recorder.event(after, "Warning", "Inactive", str(active.get("message", "")))
        old, new = (meta.find_condition(meta.conditions_of(obj), "Failed") or {} for obj in (before, after))
        if new.get("status") == "True" and (old.get("status"), old.get("message")) != ("True", new.get("message")):
            reason = "ChildConflict" if new.get("reason") == "ChildConflict" else "Failed"
            self._recorder.event(after, "Warning", reason, str(new.get("message", "")))
        elif new.get("status") == "False" and old.get("status") == "True":
            self._recorder.event(after, "Normal", "Recovered", "the Model's problems are gone")

    def warn(self, model: Object, parsed: Model, findings: Sequence[Finding], observed: Observed) -> None:
        """What deserves attention and does not stop anything; once per generation, so that a restart repeats nothing."""
        seen = meta.status_of(model).get("observedGeneration")
        if isinstance(seen, int) and seen >= meta.generation_of(model):
            return
        for finding in findings:
            if not finding.terminal:
                reason = _WARNINGS.get(finding.rule, "SuspiciousConfig")
                self._recorder.event(model, "Warning", reason, f"{finding.path}: {finding.message}")
        for backend in parsed.spec.backends:
            scaled = parsed.spec.autoscaling_policy is not None or backend.autoscaling_policy is not None
            if scaled and backend.type == derived.VLLM_DISAGGREGATED:
                note = f"backend {backend.name}: the autoscaler looks for pods of role leader, which disaggregated backends do not have"
                self._recorder.event(model, "Warning", "AutoscalingIneffective", note)
            if derived.is_hot(backend) and backend.adapters:
                note = f"backend {backend.name}: adapters are not moved into running engines by this release; load them yourself"
                self._recorder.event(model, "Warning", "LoraSyncFailed", note)
        if observed.foreign_routes:
            names = ", ".join(sorted(str(meta.key_of(route)) for route in observed.foreign_routes))
            note = f"the routes {names} answer the same model name; the router keeps only one of them"
            self._recorder.event(model, "Warning", "ModelNameConflict", note)
