"""Events on the Model, on transitions alone; the one place that composes their notes. Recording never blocks a pass."""

from collections.abc import Iterable, Sequence

from controller import meta
from controller.api.model import Model
from controller.api.rules import Rule
from controller.dialects import Dialect
from controller.lora import MovedAdapter
from controller.meta import NamespacedName, Object
from controller.reconcilers import reasons
from controller.reconcilers.backends import BackendView
from controller.reconcilers.messages import pod_failure_line
from controller.reconcilers.outcome import Operation, Outcome, Write
from controller.reconcilers.pod_failures import PodFailure
from controller.render.engines import backend_facts
from controller.runtime import EventRecorder
from controller.validation import Finding

_FIELDS_SHOWN = 4
_WRITTEN = {
    Operation.CREATE: reasons.CHILDREN_CREATED,
    Operation.UPDATE: reasons.CHILDREN_UPDATED,
    Operation.DELETE: reasons.CHILDREN_DELETED,
}
_WARNINGS = {Rule.MISSING_CREDENTIALS: reasons.MISSING_CREDENTIALS}
_FAILURES = {
    reasons.CHILD_CONFLICT.reason: reasons.CONFLICT,
    reasons.RIVAL_CONTROLLER.reason: reasons.RIVAL,
    reasons.LORA_SYNC_FAILED.reason: reasons.LORA_FAILURE,
}


class EventReporter:
    """Records Events about Models."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder
        self._stuck: dict[NamespacedName, frozenset[object]] = {}

    def children_written(self, model: Object, outcome: Outcome) -> None:
        """One Event for each operation, naming the children; one for pod templates that are held from now on."""
        for operation, reason in _WRITTEN.items():
            if writes := [write for write in outcome.writes if write.operation is operation]:
                self._record(model, reason, ", ".join(map(_written, writes)))
        if outcome.newly_held:
            names = ", ".join(sorted(outcome.newly_held))
            self._record(model, reasons.TEMPLATE_HELD, f"the pod template of {names} is kept until the Model changes")

    def adapters_moved(self, model: Object, moved: Iterable[MovedAdapter]) -> None:
        """One Event for each adapter that was loaded into or unloaded from a pod."""
        for adapter in moved:
            reason = reasons.LORA_LOADED if adapter.operation == "load" else reasons.LORA_UNLOADED
            self._record(model, reason, f"adapter {adapter.adapter}, pod {adapter.pod}")

    def conditions_changed(self, before: Object, after: Object, backends: Sequence[BackendView]) -> None:
        """The transitions between two states of a Model, and the pods that became stuck between them."""
        self._active_changed(before, after)
        self._failed_changed(before, after)
        self._pods_stuck(after, backends, changed=_message(before, reasons.ACTIVE) != _message(after, reasons.ACTIVE))

    def _active_changed(self, before: Object, after: Object) -> None:
        was, is_ = (meta.is_condition_true(obj, reasons.ACTIVE) for obj in (before, after))
        if is_ and not was:
            self._record(after, reasons.BECAME_ACTIVE, "Model is ready")
        elif was and not is_ and meta.generation_of(before) == seen_generation(before):
            self._record(after, reasons.INACTIVE, _message(after, reasons.ACTIVE))

    def _failed_changed(self, before: Object, after: Object) -> None:
        old, new = (_condition(obj, reasons.FAILED) for obj in (before, after))
        if new.get("status") == "True" and (old.get("status"), old.get("message")) != ("True", new.get("message")):
            reason = _FAILURES.get(str(new.get("reason")), reasons.FAILURE)
            self._record(after, reason, str(new.get("message", "")))
        elif new.get("status") == "False" and old.get("status") == "True":
            self._record(after, reasons.RECOVERED, "the Model's problems are gone")

    def _pods_stuck(self, model: Object, backends: Sequence[BackendView], *, changed: bool) -> None:
        """A new process records nothing for pods that the stored status already names, which then did not change."""
        key = meta.key_of(model)
        failures: dict[object, PodFailure] = {f.identity: f for view in backends for f in view.stuck}
        known = self._stuck.get(key, frozenset())
        if changed:
            for identity in sorted(failures.keys() - known, key=str):
                self._record(model, reasons.BACKEND_POD_FAILURE, pod_failure_line(failures[identity]))
        if failures:
            self._stuck[key] = frozenset(failures)
        else:
            self._stuck.pop(key, None)

    def warnings(
        self,
        model: Model,
        findings: Sequence[Finding],
        foreign_routes: Sequence[NamespacedName],
        dialect: Dialect,
    ) -> None:
        """Events for findings that stop nothing; once for a generation, so that a restart repeats nothing."""
        if seen_generation(model.object) >= model.generation:
            return
        for finding in findings:
            if not finding.terminal:
                reason = _WARNINGS.get(finding.rule, reasons.SUSPICIOUS_CONFIG)
                self._record(model.object, reason, f"{finding.path}: {finding.message}")
        for backend in model.spec.backends:
            scaled = model.spec.autoscaling_policy is not None or backend.autoscaling_policy is not None
            if scaled and dialect.scaled_role not in (None, backend_facts(model, backend).traits.scaled_role):
                note = f"backend {backend.name}: the autoscaler looks for pods of role leader, which disaggregated backends do not have"
                self._record(model.object, reasons.AUTOSCALING_INEFFECTIVE, note)
        if foreign_routes:
            names = ", ".join(map(str, foreign_routes))
            note = f"the routes {names} answer the same model or adapter name; the router keeps only one of them"
            self._record(model.object, reasons.MODEL_NAME_CONFLICT, note)

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone."""
        self._stuck.pop(model, None)

    def _record(self, model: Object, reason: reasons.EventReason, note: str) -> None:
        self._recorder.event(model, reason.type, reason.reason, note)


def _written(write: Write) -> str:
    shown = ", ".join(write.fields[:_FIELDS_SHOWN])
    return f"{write.kind} {write.name} ({shown})" if shown else f"{write.kind} {write.name}"


def _condition(model: Object, type_: str) -> Object:
    return meta.find_condition(meta.conditions_of(model), type_) or {}


def _message(model: Object, type_: str) -> str:
    return str(_condition(model, type_).get("message", ""))


def seen_generation(model: Object) -> int:
    """The generation that the status is about, also where the CRD has no ``status.observedGeneration``."""
    seen = (meta.status_of(model), *meta.conditions_of(model))
    return max((value for part in seen if isinstance(value := part.get("observedGeneration"), int)), default=0)
