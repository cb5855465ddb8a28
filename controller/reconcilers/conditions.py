"""The conditions of a Model. Pure.

Initialized, Active and Failed say what is so; Ready and Stalled sum them up in the words of the tools that wait for objects (kstatus, which
Flux uses, and ``kubectl wait``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.lora import AdapterReport, AdapterShare
from controller.meta import Object
from controller.reconcilers import reasons
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.messages import (
    MESSAGE_LIMIT,
    failure_line,
    growth_line,
    joined,
    problem_line,
    share_line,
    wait_line,
    why_pending,
)
from controller.reconcilers.result import PassResult

Identity = tuple[object, ...]
_RANK = {failure.reason: rank for rank, failure in enumerate(reasons.FAILURES)}
_SHORT = 256


@dataclass(frozen=True, slots=True)
class Verdict:
    """Status, reason and message of a condition. While its ``key`` stays, a stored message stays too, though its words would differ.

    ``short`` is what conditions that only repeat it say. ``generation`` is the one it is about, None for the one of the pass. Without
    ``judged`` it repeats what is stored, since this process does not know better yet.
    """

    status: str
    reason: str
    message: str
    identity: Identity = ()
    generation: int | None = None
    judged: bool = True
    short: str = ""

    @property
    def key(self) -> Identity:
        """Status, reason, and what the message is about."""
        return (self.status, self.reason, self.identity)


def _of_state(state: reasons.ConditionState, message: str, identity: Identity = (), at: int | None = None) -> Verdict:
    return Verdict(state.status, state.reason, message, identity, at)


def failed(result: PassResult, stored: Object, summary: Object, *, judged: bool) -> Verdict:
    """All problems, one a line; in short, the first of them. ``stored`` and ``summary`` are the stored conditions Failed and Ready.

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
            message = str(stored.get("message", ""))
            short = summary.get("message") if summary.get("reason") == before else message[:_SHORT]
            return Verdict("True", before, message, judged=False, short=str(short))
    if not found:
        return _of_state(reasons.HEALTHY, "")
    lines = {problem_line(problem) for problem in result.problems}
    lines |= {failure_line(failure) for failure in failures} | {share_line(share) for share in shares}
    identity = (frozenset(problem.identity for problem in result.problems), frozenset(failures), frozenset(shares))
    return Verdict("True", reason, joined(sorted(lines)), identity, short=min(lines)[:_SHORT])


def _lacking(adapters: AdapterReport) -> tuple[AdapterShare, ...]:
    """The adapters that some pod lacks, once a failure explains it."""
    shares = adapters.shares or ()
    return tuple(share for share in shares if share.loaded < share.pods) if adapters.failures else ()


def initialized(result: PassResult, failure: Verdict, stored: Object, generation: int) -> Verdict:
    """Whether every child of this generation has been as desired."""
    observed = stored.get("observedGeneration")
    was = stored.get("status") == "True" and observed == generation
    if result.valid and (result.applied or was):
        return _of_state(reasons.CREATED, "Model initialized")
    if failure.status == "True" and (result.problems or result.adapters.failures):
        return Verdict("False", failure.reason, failure.short, failure.identity)
    if stored.get("status") == "True" and isinstance(observed, int):
        return _of_state(reasons.CREATED, "Model initialized", at=observed)
    return _of_state(reasons.CREATING, _waiting(result) or "children are being created")


def _waiting(result: PassResult) -> str:
    """The children that could not be written yet, if any."""
    lines = [wait_line(step) for step in result.waiting]
    return f"waiting for children: {'; '.join(lines)}"[:MESSAGE_LIMIT] if lines else ""


def active(result: PassResult, stored: Object | None, generation: int) -> Verdict:
    """Whether requests are served. An invalid spec leaves it as it was, since the old children still serve."""
    observed = (stored or {}).get("observedGeneration")
    about = observed if isinstance(observed, int) else None
    if not result.valid and stored is not None:
        status, reason, message = (str(stored.get(key)) for key in ("status", "reason", "message"))
        return Verdict(status, reason, message, generation=generation if about is None else about)
    state, message, identity = _readiness(result.backends)
    if result.paused:
        message = "reconciliation is paused" if state is reasons.AVAILABLE else f"reconciliation is paused; {message}"
        identity = ("paused", *identity)
    return _of_state(state, message, identity, None if result.applied else about)


def _readiness(backends: Sequence[BackendView]) -> tuple[reasons.ConditionState, str, Identity]:
    waiting = [view for view in backends if view.state in (BackendState.MISSING, BackendState.PENDING)]
    if waiting:
        names = ", ".join(f"{view.kind} {view.workload} ({why_pending(view)})" for view in waiting)
        identity = tuple((v.workload, *(v.stuck[0].identity if v.stuck else (v.detail,))) for v in waiting)
        return reasons.PROCESSING, f"waiting for {names}"[:MESSAGE_LIMIT], identity
    serving = [view for view in backends if view.state is BackendState.AVAILABLE]
    if serving:
        growing = [growth_line(view) for view in serving if 0 < view.ready < view.desired]
        message = f"Model is ready; replicas available: {', '.join(growing)}" if growing else "Model is ready"
        counts = tuple((view.workload, view.ready, view.desired) for view in serving)
        return reasons.AVAILABLE, message[:MESSAGE_LIMIT], (*counts, *(v.stuck[0].identity for v in serving if v.stuck))
    if backends:
        return reasons.SCALED_TO_ZERO, "all backends are scaled to zero", ()
    return reasons.PROCESSING, "the spec has not been accepted yet", ()


def ready(result: PassResult, verdicts: Mapping[str, Verdict], generation: int) -> Verdict:
    """The sum of the other conditions, which are given by type: everything of this generation is applied and serves as it should."""
    initial, serving, failure = (verdicts[type_] for type_ in reasons.CONDITION_TYPES)
    if failure.status == "True":
        return Verdict("False", failure.reason, failure.short, failure.identity, judged=failure.judged)
    if initial.status != "True" or (initial.generation is not None and initial.generation < generation):
        message = _waiting(result) or "not every child of this generation is as desired yet"
        return Verdict("False", reasons.CREATING.reason, message)
    as_desired = serving.status == "True" or serving.reason == reasons.SCALED_TO_ZERO.reason
    return Verdict("True" if as_desired else "False", serving.reason, serving.message, serving.identity)


def stalled(failure: Verdict) -> Verdict | None:
    """Only there when nothing goes on before the owner changes the spec."""
    if failure.status != "True" or failure.reason not in reasons.TERMINAL:
        return None
    return Verdict("True", failure.reason, failure.short, failure.identity, judged=failure.judged)
