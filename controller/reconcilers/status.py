"""The Model's whole status, from what was observed and what came of the pass. Pure; the one place that composes conditions' messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller import meta
from controller.lora import AdapterFailure, AdapterReport, AdapterShare
from controller.meta import Object
from controller.reconcilers import reasons
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.outcome import Problem
from controller.reconcilers.pods import PodFailure
from controller.runtime import redact

MESSAGE_LIMIT = 1024
_WORDS_LIMIT = 200
_RANK = {failure.reason: rank for rank, failure in enumerate(reasons.FAILURES)}


@dataclass(frozen=True, slots=True)
class PassResult:
    """What the conditions are made of.

    ``applied``: every desired child of this generation is as desired. ``valid``: the spec could be rendered. ``paused``: nothing was written.
    """

    backends: tuple[BackendView, ...] = ()
    problems: tuple[Problem, ...] = ()
    adapters: AdapterReport = field(default_factory=AdapterReport)
    applied: bool = True
    valid: bool = True
    paused: bool = False


Identity = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What a condition says. While ``identity`` stays, a stored message stays too, though its words would differ.

    ``generation`` is the one it is about, None for the Model's current one. Without ``judged`` it repeats what is stored, since this
    process does not know better yet.
    """

    status: str
    reason: str
    message: str
    identity: Identity = ()
    generation: int | None = None
    judged: bool = True


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
    variable words (request ids, back-off times, the two names of a failing pull) cause no write.
    """
    stored = {type_: meta.find_condition(meta.conditions_of(model), type_) for type_ in reasons.CONDITION_TYPES}
    generation = meta.generation_of(model) if generation is None else generation
    failed = _failed(result, stored[reasons.FAILED] or {}, judged=reasons.FAILED in (before or {}))
    verdicts = {
        reasons.INITIALIZED: _initialized(result, failed, stored[reasons.INITIALIZED] or {}, generation),
        reasons.ACTIVE: _active(result, stored[reasons.ACTIVE], generation),
        reasons.FAILED: failed,
    }
    conditions: list[dict[str, Any]] = [dict(condition) for condition in meta.conditions_of(model)]
    for type_, verdict in verdicts.items():
        conditions = meta.set_condition(
            conditions,
            type=type_,
            status=verdict.status,
            reason=verdict.reason,
            message=_message(verdict, stored[type_] or {}, (before or {}).get(type_)),
            observed_generation=generation if verdict.generation is None else verdict.generation,
            now=now,
        )
    status = dict(meta.status_of(model))
    if result.valid:
        status["backendStatuses"] = [{"name": view.name, "replicas": view.replicas} for view in result.backends]
    status |= {"observedGeneration": generation, "conditions": conditions}
    identities = {type_: _identity(verdict) for type_, verdict in verdicts.items() if verdict.judged}
    return ComposedStatus(status, identities)


def _identity(verdict: _Verdict) -> Identity:
    return (verdict.status, verdict.reason, verdict.identity)


def _message(verdict: _Verdict, stored: Object, before: Identity | None) -> str:
    same = verdict.identity and before == _identity(verdict)
    same = same and (stored.get("status"), stored.get("reason")) == (verdict.status, verdict.reason)
    return str(stored.get("message", "")) if same else verdict.message


def _of_state(state: reasons.ConditionState, message: str, identity: Identity = (), at: int | None = None) -> _Verdict:
    return _Verdict(state.status, state.reason, message, identity, at)


def _failed(result: PassResult, stored: Object, *, judged: bool) -> _Verdict:
    """All problems, one a line.

    A stored failure stands while nothing is tried, that is while the Model is paused; and in a process that has not ``judged`` it before,
    until every pod was asked for its adapters. A worse problem replaces it all the same.
    """
    failures, shares = result.adapters.failures, _lacking(result.adapters)
    found = [problem.reason for problem in result.problems] + [reasons.LORA_SYNC_FAILED.reason] * bool(failures)
    reason = min(found, key=lambda reason: _RANK[reason], default=reasons.HEALTHY.reason)
    unknown = result.paused or (not judged and not result.adapters.is_known)
    if stored.get("status") == "True" and unknown:
        before = str(stored.get("reason"))
        if _RANK.get(reason, len(_RANK)) >= _RANK.get(before, len(_RANK)):
            return _Verdict("True", before, str(stored.get("message", "")), judged=False)
    if not found:
        return _of_state(reasons.HEALTHY, "")
    lines = {problem_line(problem) for problem in result.problems}
    lines |= {failure_line(failure) for failure in failures} | {share_line(share) for share in shares}
    identity = (frozenset(problem.identity for problem in result.problems), frozenset(failures), frozenset(shares))
    return _Verdict("True", reason, joined(sorted(lines)), identity)


def _lacking(adapters: AdapterReport) -> tuple[AdapterShare, ...]:
    """The adapters that some pod lacks, once a failure explains it."""
    shares = adapters.shares or ()
    return tuple(share for share in shares if share.loaded < share.pods) if adapters.failures else ()


def problem_line(problem: Problem) -> str:
    """One line of a message, without secrets: servers quote what they were given."""
    said = f"{problem.code}: {problem.error}" if problem.code else problem.error
    return f"{problem.kind} {problem.name}: {problem.action}" + (f": {redact(said)}" if said else "")


def failure_line(failure: AdapterFailure) -> str:
    """One line about a failed call to a pod."""
    call = f"{failure.operation} {failure.adapter or 'adapters'}"
    return f"pod {failure.pod}: {call}: {redact(failure.error)}"


def share_line(share: AdapterShare) -> str:
    """One line about an adapter that is not on every pod."""
    return f"adapter {share.adapter}: loaded on {share.loaded}/{share.pods} pods of {share.workload}"


def joined(lines: Sequence[str]) -> str:
    """The lines as one message of at most 1,024 characters, with a count of what was cut."""
    message = "\n".join(lines)
    if len(message) <= MESSAGE_LIMIT:
        return message
    kept: list[str] = []
    for index, line in enumerate(lines):
        tail = f"\n… and {len(lines) - index} more"
        if len("\n".join([*kept, line])) + len(tail) > MESSAGE_LIMIT:
            if not kept:
                kept = [line[: MESSAGE_LIMIT - len(tail) - 1] + "…"]
                tail = f"\n… and {len(lines) - 1} more" if len(lines) > 1 else ""
            return "\n".join(kept) + tail
        kept.append(line)
    return message


def _initialized(result: PassResult, failed: _Verdict, stored: Object, generation: int) -> _Verdict:
    observed = stored.get("observedGeneration")
    was = stored.get("status") == "True" and observed == generation
    if result.valid and (result.applied or was):
        return _of_state(reasons.CREATED, "Model initialized")
    if failed.status == "True" and (result.problems or result.adapters.failures):
        short = failed.message.splitlines()[0][:256] if failed.message else ""
        return _Verdict("False", failed.reason, short, failed.identity)
    if stored.get("status") == "True" and isinstance(observed, int):
        return _of_state(reasons.CREATED, "Model initialized", at=observed)
    return _of_state(reasons.CREATING, "children are being created")


def _active(result: PassResult, stored: Object | None, generation: int) -> _Verdict:
    observed = (stored or {}).get("observedGeneration")
    about = observed if isinstance(observed, int) else None
    if not result.valid and stored is not None:
        status, reason, message = (str(stored.get(key)) for key in ("status", "reason", "message"))
        return _Verdict(status, reason, message, generation=generation if about is None else about)
    state, message, identity = _readiness(result.backends)
    if result.paused:
        message = "reconciliation is paused" if state is reasons.AVAILABLE else f"reconciliation is paused; {message}"
        identity = ("paused", *identity)
    return _of_state(state, message, identity, None if result.applied else about)


def _readiness(backends: Sequence[BackendView]) -> tuple[reasons.ConditionState, str, Identity]:
    waiting = [view for view in backends if view.state in (BackendState.MISSING, BackendState.PENDING)]
    if waiting:
        names = ", ".join(f"ModelInfer {view.workload} ({_why_waiting(view)})" for view in waiting)
        identity = tuple((v.workload, *(v.stuck[0].identity if v.stuck else (v.detail,))) for v in waiting)
        return reasons.PROCESSING, f"waiting for {names}"[:MESSAGE_LIMIT], identity
    serving = [view for view in backends if view.state is BackendState.AVAILABLE]
    if serving:
        growing = [f"{view.workload} {view.ready}/{view.desired}" for view in serving if 0 < view.ready < view.desired]
        message = f"Model is ready; replicas available: {', '.join(growing)}" if growing else "Model is ready"
        return reasons.AVAILABLE, message[:MESSAGE_LIMIT], ()
    if backends:
        return reasons.SCALED_TO_ZERO, "all backends are scaled to zero", ()
    return reasons.PROCESSING, "the spec has not been accepted yet", ()


def _why_waiting(view: BackendView) -> str:
    if not view.stuck:
        return view.detail
    more = f"; {len(view.stuck) - 1} more pods are stuck" if len(view.stuck) > 1 else ""
    return f"{pod_failure_line(view.stuck[0])}{more}"


def pod_failure_line(failure: PodFailure) -> str:
    """Why a pod is stuck, in one line: pod, reason, container, and the kubelet's or scheduler's words, without secrets."""
    where = f" in container {failure.container}" if failure.container else ""
    words = redact(" ".join(failure.message.split()))[:_WORDS_LIMIT]
    return f"pod {failure.pod}: {failure.reason}{where}" + (f": {words}" if words else "")


def status_patch(model: Object, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The merge patch for ``/status`` that holds only what differs, with the version it was computed from; None for no difference."""
    live = meta.status_of(model)
    changed = {key: value for key, value in wanted.items() if not meta.equal_json(live.get(key), value)}
    if not changed:
        return None
    return {"metadata": {"resourceVersion": meta.resource_version_of(model)}, "status": changed}
