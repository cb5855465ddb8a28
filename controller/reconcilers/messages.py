"""The texts of conditions and Events about problems. Pure; no part of the code reads these texts back."""

from collections.abc import Sequence

from controller import meta
from controller.lora import AdapterFailure, AdapterShare
from controller.reconcilers.backends import BackendView
from controller.reconcilers.outcome import Problem
from controller.reconcilers.pod_failures import PodFailure
from controller.reconcilers.steps import Wait
from controller.runtime import redact

MESSAGE_LIMIT = 1024
_WORDS_LIMIT = 200


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


def pod_failure_line(failure: PodFailure) -> str:
    """Why a pod is stuck, in one line: pod, reason, container, and the kubelet's or scheduler's words, without secrets."""
    where = f" in container {failure.container}" if failure.container else ""
    words = redact(" ".join(failure.message.split()))[:_WORDS_LIMIT]
    return f"pod {failure.pod}: {failure.reason}{where}" + (f": {words}" if words else "")


def growth_line(view: BackendView) -> str:
    """The number of available replicas of a backend that serves, and the first pod that keeps it from having more."""
    return f"{view.workload} {view.ready}/{view.desired}" + (f" ({why_pending(view)})" if view.stuck else "")


def why_pending(view: BackendView) -> str:
    """Why a backend does not have what it asks for: its first stuck pod, else what its workload waits for."""
    if not view.stuck:
        return view.detail
    more = f"; {len(view.stuck) - 1} more pods are stuck" if len(view.stuck) > 1 else ""
    return f"{pod_failure_line(view.stuck[0])}{more}"


def wait_line(step: Wait, namespace: str = "") -> str:
    """One line about a child that cannot be written yet; with its namespace if one is given."""
    where = f"{namespace}/{step.name}" if namespace else step.name
    needs = f": {', '.join(map(str, step.needs))}" if step.needs else ""
    until = f", until {meta.format_time(step.until)} at the latest" if step.until is not None else ""
    return f"{step.kind} {where}: {step.reason}{needs}{until}"


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
