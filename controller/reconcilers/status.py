"""The Model's whole status, from what was observed and what came of the pass. Pure; every condition in every pass."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.meta import Object
from controller.reconcilers import reasons
from controller.reconcilers.outcome import Problem
from controller.reconcilers.pods import PULL_REASONS, stuck_reason

MESSAGE_LIMIT = 1024
POD_FAILURE = re.compile(r"\(pod (\S+): (\w+)\)")
"""How the Active condition's message names a stuck pod and its reason."""
_CUT = re.compile(r"\n… and \d+ more$")
_PRECEDENCE = [failure.reason for failure in reasons.FAILURES]


@dataclass(frozen=True, slots=True)
class BackendView:
    """One backend as its ModelInfer shows it: ``state`` is missing, idle, available or pending."""

    name: str
    infer_name: str
    state: str
    detail: str
    replicas: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What the conditions are made of.

    ``applied`` says that every desired child of this generation is as desired. This process has not yet tried anything for the adapters of
    ``unknown_pods``, so that what was said of them stands; unless ``counted``, it does not know on how many pods an adapter is.
    """

    backends: tuple[BackendView, ...]
    problems: tuple[Problem, ...] = ()
    applied: bool = True
    valid: bool = True
    paused: bool = False
    unknown_pods: frozenset[str] = frozenset()
    counted: bool = True


def backend_view(
    name: str, infer_name: str, infer: Object | None, pods: Sequence[Object], *, settled: bool
) -> BackendView:
    """The state of a backend, and why it is not ready: what its first stuck pod is stuck with, else what its ModelInfer says.

    ``settled`` says that the Model is Active in its current generation: then a ModelInfer whose status lags behind its generation, as
    after every scaling, is still available.
    """
    if infer is None or meta.is_deleting(infer):
        return BackendView(name, infer_name, "missing", "not created yet" if infer is None else "being deleted", 0)
    status, conditions = meta.status_of(infer), meta.conditions_of(infer)
    replicas = status.get("replicas")
    count = replicas if isinstance(replicas, int) else 0
    if meta.spec_of(infer).get("replicas") == 0:
        return BackendView(name, infer_name, "idle", "", count)
    seen = status.get("observedGeneration")
    current = not isinstance(seen, int) or seen == 0 or seen >= meta.generation_of(infer)
    if meta.is_condition_true(infer, "Available") and (current or settled):
        return BackendView(name, infer_name, "available", "", count)
    return BackendView(name, infer_name, "pending", _why_pending(conditions, pods), count)


def _why_pending(conditions: Sequence[Object], pods: Sequence[Object]) -> str:
    for pod in pods:
        if reason := stuck_reason(pod):
            return f"pod {meta.name_of(pod)}: {reason}"
    true = next((c for c in conditions if c.get("status") == "True" and c.get("type") != "Available"), None)
    if true is not None:
        return str(true.get("reason"))
    return "status is of an older generation" if conditions else "no status yet"


def summarize(model: Object, findings: Findings, now: str, generation: int | None = None) -> dict[str, Any]:
    """The complete status. ``now`` is an RFC 3339 time; ``generation`` the one the findings are about, if it is not the Model's."""
    conditions = list(meta.conditions_of(model))
    generation = meta.generation_of(model) if generation is None else generation
    failed = _failed(findings, meta.find_condition(conditions, reasons.FAILED))
    desired = (
        _initialized(findings, failed, conditions, generation),
        _active(findings, conditions, generation),
        failed,
    )
    result: list[dict[str, Any]] = [dict(condition) for condition in conditions]
    for type_, (status, reason, message, observed) in zip(reasons.CONDITION_TYPES, desired, strict=True):
        result = meta.set_condition(
            result,
            type=type_,
            status=status,
            reason=reason,
            message=message,
            observed_generation=generation if observed is None else observed,
            now=now,
        )
    status_ = dict(meta.status_of(model))
    backends = [{"name": view.name, "replicas": view.replicas} for view in findings.backends]
    if findings.valid:
        status_["backendStatuses"] = backends
    return {**status_, "observedGeneration": generation, "conditions": result}


_Verdict = tuple[str, str, str, int | None]


def _verdict(state: reasons.ConditionState, message: str, observed: int | None = None) -> _Verdict:
    return state.status, state.reason, message, observed


def _failed(findings: Findings, before: Object | None) -> _Verdict:
    lines = {problem.line for problem in findings.problems}
    given = {problem.reason for problem in findings.problems}
    if standing := _standing(findings, before or {}):
        lines |= standing
        given.add(reasons.LORA_SYNC_FAILED.reason)
    if not lines:
        return _verdict(reasons.HEALTHY, "")
    reason = min(given, key=_PRECEDENCE.index)
    message = joined(sorted(lines))
    if before is not None and before.get("status") == "True" and before.get("reason") == reason:
        stored = str(before.get("message", ""))
        if signature(stored) == signature(message) or (findings.unknown_pods and _CUT.search(stored)):
            message = stored
    return "True", reason, message, None


def _standing(findings: Findings, before: Object) -> set[str]:
    """The lines of the stored message about adapters that nothing is known against yet."""
    if before.get("status") != "True":
        return set()
    stored = str(before.get("message", "")).splitlines()
    pods = {line for line in stored if line.startswith("pod ") and line[4:].split(":")[0] in findings.unknown_pods}
    if any(problem.kind == "adapter" for problem in findings.problems) or (findings.counted and not pods):
        return pods
    return pods | {line for line in stored if line.startswith("adapter ")}


def signature(message: str) -> tuple[str, ...]:
    """What a message is about (object, verb, code) without the server's words: they may vary while the trouble is the same."""
    return tuple(":".join(line.split(":")[:3]) for line in message.splitlines())


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


def _initialized(findings: Findings, failed: _Verdict, conditions: Sequence[Object], generation: int) -> _Verdict:
    before = meta.find_condition(conditions, reasons.INITIALIZED) or {}
    was = before.get("status") == "True" and before.get("observedGeneration") == generation
    if findings.valid and (findings.applied or was):
        return _verdict(reasons.CREATED, "Model initialized")
    if failed[0] == "True" and findings.problems:
        return "False", failed[1], failed[2].splitlines()[0][:256], None
    observed = before.get("observedGeneration")
    if before.get("status") == "True" and isinstance(observed, int):
        return _verdict(reasons.CREATED, "Model initialized", observed)
    return _verdict(reasons.CREATING, "children are being created")


def _active(findings: Findings, conditions: Sequence[Object], generation: int) -> _Verdict:
    before = meta.find_condition(conditions, reasons.ACTIVE)
    if not findings.valid and before is not None:
        observed = before.get("observedGeneration")
        return (
            str(before.get("status")),
            str(before.get("reason")),
            str(before.get("message")),
            observed if isinstance(observed, int) else generation,
        )
    state, message = _readiness(findings)
    if before is not None and _same_but_pull_reason(message, str(before.get("message", ""))):
        message = str(before.get("message"))
    if findings.paused:
        message = "reconciliation is paused" if state is reasons.AVAILABLE else f"reconciliation is paused; {message}"
    observed = before.get("observedGeneration") if before is not None else None
    held_back = not findings.applied and isinstance(observed, int)
    return _verdict(state, message, observed if held_back else None)


def _same_but_pull_reason(one: str, other: str) -> bool:
    """Whether two messages differ at most in how a failing image pull is called: the kubelet alternates between its two names."""
    for reason in PULL_REASONS:
        one, other = one.replace(f": {reason})", ": pull)"), other.replace(f": {reason})", ": pull)")
    return one == other


def _readiness(findings: Findings) -> tuple[reasons.ConditionState, str]:
    waiting = [view for view in findings.backends if view.state in ("missing", "pending")]
    if waiting:
        names = ", ".join(f"ModelInfer {view.infer_name} ({view.detail})" for view in waiting)
        return reasons.PROCESSING, f"waiting for {names}"[:MESSAGE_LIMIT]
    if any(view.state == "available" for view in findings.backends):
        return reasons.AVAILABLE, "Model is ready"
    if findings.backends:
        return reasons.SCALED_TO_ZERO, "all backends are scaled to zero"
    return reasons.PROCESSING, "the spec has not been accepted yet"


def status_patch(model: Object, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The merge patch for ``/status`` that holds only what differs, with the version it was computed from; None for no difference."""
    live = meta.status_of(model)
    changed = {key: value for key, value in wanted.items() if not meta.equal_json(live.get(key), value)}
    if not changed:
        return None
    return {"metadata": {"resourceVersion": meta.resource_version_of(model)}, "status": changed}
