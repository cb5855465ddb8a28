"""What conditions and Events say about problems, in words."""

from controller.dialects import ChildKey
from controller.lora import AdapterFailure, AdapterShare
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.messages import (
    failure_line,
    pod_failure_line,
    problem_line,
    share_line,
    wait_line,
    why_pending,
)
from controller.reconcilers.outcome import Problem
from controller.reconcilers.pod_failures import PodFailure
from controller.reconcilers.steps import Reason, Wait


def test_each_kind_of_problem_is_one_line() -> None:
    """Who, what, and why."""
    assert problem_line(Problem("ModelRoute", "chat", "apply", "no", code="422 Invalid")) == (
        "ModelRoute chat: apply: 422 Invalid: no"
    )
    assert problem_line(Problem("Model", "chat", "reconcile")) == "Model chat: reconcile"
    assert failure_line(AdapterFailure("p", "load", "sql", "HTTP 500")) == "pod p: load sql: HTTP 500"
    assert failure_line(AdapterFailure("p", "list", "", "no answer")) == "pod p: list adapters: no answer"
    assert share_line(AdapterShare("chat-a", "sql", 1, 3)) == "adapter sql: loaded on 1/3 pods of chat-a"


def test_a_stuck_pod_is_one_line_without_secrets() -> None:
    """Shortened, and in one line whatever the kubelet wrote."""
    words = "cannot pull\n  https://me:hunter22@host/x " + "y" * 500
    line = pod_failure_line(PodFailure("p", "ErrImagePull", "engine", words))
    assert line.startswith("pod p: ErrImagePull in container engine: cannot pull https://***@host/x y")
    assert len(line) < 260
    assert pod_failure_line(PodFailure("p", "Evicted")) == "pod p: Evicted"


def test_a_pending_backend_says_what_it_waits_for() -> None:
    """Its first stuck pod and how many more there are; else its workload's own word."""
    stuck = (PodFailure("p", "OOMKilled", "engine"), PodFailure("q", "OOMKilled", "engine"))
    view = BackendView("a", "chat-a", BackendState.PENDING, "GroupProgressing", stuck=stuck)
    assert why_pending(view) == "pod p: OOMKilled in container engine; 1 more pods are stuck"
    assert why_pending(BackendView("a", "chat-a", BackendState.PENDING, "no status yet")) == "no status yet"


def test_a_wait_says_for_what_and_until_when() -> None:
    """The bound only where there is one."""
    needs = (ChildKey("ModelInfer", "chat-b"),)
    step = Wait(kind="ModelRoute", name="chat", reason=Reason.HANDOVER, needs=needs, live=None, until=0.0)
    assert wait_line(step) == (
        "ModelRoute chat: the old backends serve until a new one does: ModelInfer chat-b, until 1970-01-01T00:00:00Z at the latest"
    )
    free = Wait(kind="ModelRoute", name="chat", reason=Reason.DELETING, live=None)
    assert wait_line(free, "team") == "ModelRoute team/chat: is being deleted"
