"""The Model's whole status, from what a pass found. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.meta import Object
from controller.reconcilers import conditions, reasons
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.conditions import Identity, Verdict
from controller.reconcilers.result import PassResult, RouteView


@dataclass(frozen=True, slots=True)
class ComposedStatus:
    """A complete status, and what the message of each condition is about, by type."""

    status: dict[str, Any]
    identities: Mapping[str, Identity]


def compose_status(
    model: Object,
    result: PassResult,
    now: str,
    before: Mapping[str, Identity] | None = None,
    generation: int | None = None,
) -> ComposedStatus:
    """The complete status. ``now`` is an RFC 3339 time; ``generation`` the one of the pass, if it is not the Model's.

    ``before`` are the identities that this process composed last: where one is the same as now, the stored message stays, so that
    variable words (request ids, back-off times, the two names of a failing pull) cause no write. A paused Model keeps the generation that
    was acted on last.
    """
    generation = meta.generation_of(model) if generation is None else generation
    if result.paused:
        generation = _number(meta.status_of(model).get("observedGeneration"))
    verdicts = _verdicts(model, result, before or {}, generation)
    composer = _Composer(list(map(dict, meta.conditions_of(model))), generation, now, before or {})
    for type_ in (*reasons.CONDITION_TYPES, *reasons.SUMMARY_TYPES):
        composer.put(type_, verdicts.get(type_))
    status = {**meta.status_of(model), "conditions": composer.conditions, "observedGeneration": generation}
    if result.valid:
        status |= _backends(model, result)
    if result.route is not None:
        status["route"] = _route(result.route)
    return ComposedStatus(status, {type_: verdict.key for type_, verdict in verdicts.items() if verdict.judged})


def _verdicts(model: Object, result: PassResult, before: Mapping[str, Identity], generation: int) -> dict[str, Verdict]:
    types = (*reasons.CONDITION_TYPES, reasons.READY)
    stored = {type_: meta.find_condition(meta.conditions_of(model), type_) or {} for type_ in types}
    failed = conditions.failed(result, stored[reasons.FAILED], stored[reasons.READY], judged=reasons.FAILED in before)
    verdicts = {
        reasons.INITIALIZED: conditions.initialized(result, failed, stored[reasons.INITIALIZED], generation),
        reasons.ACTIVE: conditions.active(result, stored[reasons.ACTIVE] or None, generation),
        reasons.FAILED: failed,
    }
    verdicts[reasons.READY] = conditions.ready(result, verdicts, generation)
    if (stalled := conditions.stalled(failed)) is not None:
        verdicts[reasons.STALLED] = stalled
    return verdicts


class _Composer:
    """Puts verdicts into a list of conditions; foreign types are kept where they stand."""

    def __init__(
        self, conditions: list[dict[str, Any]], generation: int, now: str, before: Mapping[str, Identity]
    ) -> None:
        self.conditions = conditions
        self._generation = generation
        self._now = now
        self._before = before

    def by_type(self) -> dict[str, dict[str, Any]]:
        return {str(condition.get("type")): condition for condition in self.conditions}

    def put(self, type_: str, verdict: Verdict | None) -> None:
        """Sets the condition, or removes it where there is no verdict."""
        if verdict is None:
            self.conditions = [condition for condition in self.conditions if condition.get("type") != type_]
            return
        self.conditions = meta.set_condition(
            self.conditions,
            type=type_,
            status=verdict.status,
            reason=verdict.reason,
            message=self._message(type_, verdict),
            observed_generation=self._generation if verdict.generation is None else verdict.generation,
            now=self._now,
        )

    def _message(self, type_: str, verdict: Verdict) -> str:
        stored = self.by_type().get(type_, {})
        same = (stored.get("status"), stored.get("reason")) == (verdict.status, verdict.reason)
        if same and verdict.identity and self._before.get(type_) == verdict.key:
            return str(stored.get("message", ""))
        return verdict.message


def _backends(model: Object, result: PassResult) -> dict[str, Any]:
    views = result.backends
    ready, desired = sum(view.ready for view in views), sum(view.desired for view in views)
    stored = meta.status_of(model).get("backendStatuses")
    known = {entry.get("name"): entry for entry in (stored if isinstance(stored, list) else ())}
    statuses = [_backend(view, result, known.get(view.name, {})) for view in views]
    return {"replicas": f"{ready}/{desired}", "backendStatuses": statuses}


def _backend(view: BackendView, result: PassResult, stored: Object) -> dict[str, Any]:
    """One entry. The adapters stay as stored until every pod was asked."""
    status: dict[str, Any] = {
        "name": view.name,
        "replicas": view.replicas,
        "readyReplicas": view.ready,
        "desiredReplicas": view.desired,
    }
    shares = [share for share in result.adapters.shares or () if share.workload == view.workload]
    if result.adapters.shares is None and "adapters" in stored:
        status["adapters"] = stored["adapters"]
    elif shares and view.state is not BackendState.MISSING:
        status["adapters"] = [{"name": s.adapter, "loadedPods": s.loaded, "pods": s.pods} for s in shares]
    if view.held_revision:
        status["heldRevision"] = view.held_revision
    return status


def _route(view: RouteView) -> dict[str, Any]:
    status: dict[str, Any] = {"name": view.name, "modelName": view.model_name}
    if view.adapters:
        status["loraAdapters"] = list(view.adapters)
    if view.conflicts:
        status["conflictsWith"] = [str(key) for key in view.conflicts]
    return status


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def status_patch(model: Object, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The merge patch for ``/status`` that holds only what differs, with the version it was computed from; None for no difference."""
    live = meta.status_of(model)
    changed = {
        key: _replacing(live.get(key), value)
        for key, value in wanted.items()
        if not meta.equal_json(live.get(key), value)
    }
    if not changed:
        return None
    return {"metadata": {"resourceVersion": meta.resource_version_of(model)}, "status": changed}


def _replacing(live: Any, wanted: Any) -> Any:
    """The part of a merge patch that makes one map of the status equal to another: fields that are no longer wanted are removed."""
    if not isinstance(live, Mapping) or not isinstance(wanted, Mapping):
        return wanted
    return {**wanted, **{key: None for key in live if key not in wanted}}
