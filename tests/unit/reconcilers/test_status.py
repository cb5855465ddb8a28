"""The Model's status: true, stable, and written only when it differs."""

from typing import Any

import pytest

from controller import meta
from controller.meta.errors import status_error
from controller.reconcilers.outcome import Problem
from controller.reconcilers.status import BackendView, Findings, backend_view, joined, status_patch, summarize
from tests.support.factories import a_model

READY = BackendView("a", "chat-a", "available", "", 1)
PENDING = BackendView("b", "chat-b", "pending", "GroupProgressing", 0)
IDLE = BackendView("c", "chat-c", "idle", "", 0)


def conditions(model: dict[str, Any], findings: Findings, now: str = "t1") -> dict[str, Any]:
    model["status"] = summarize(model, findings, now)
    return {condition["type"]: condition for condition in model["status"]["conditions"]}


@pytest.mark.parametrize(
    ("views", "status", "reason", "message"),
    [
        ((READY,), "True", "ModelAvailable", "Model is ready"),
        ((READY, IDLE), "True", "ModelAvailable", "Model is ready"),
        ((READY, PENDING), "False", "ModelProcessing", "waiting for ModelInfer chat-b (GroupProgressing)"),
        ((IDLE,), "False", "ScaledToZero", "all backends are scaled to zero"),
    ],
)
def test_active_follows_the_backends(views: tuple[BackendView, ...], status: str, reason: str, message: str) -> None:
    """Every backend available or idle, and at least one available."""
    active = conditions(a_model(), Findings(views))["Active"]
    assert (active["status"], active["reason"], active["message"]) == (status, reason, message)


def infer(generation: int = 2, observed: int | None = 2, available: str = "True", replicas: int = 1) -> dict[str, Any]:
    status: dict[str, Any] = {"replicas": 1, "conditions": [{"type": "Available", "status": available}]}
    if observed is not None:
        status["observedGeneration"] = observed
    return {"metadata": {"generation": generation}, "spec": {"replicas": replicas}, "status": status}


@pytest.mark.parametrize(
    ("obj", "settled", "state"),
    [
        (None, False, "missing"),
        ({"metadata": {"deletionTimestamp": "t"}}, False, "missing"),
        (infer(replicas=0), False, "idle"),
        (infer(), False, "available"),
        (infer(observed=None), False, "available"),
        (infer(observed=0), False, "available"),
        (infer(observed=1), False, "pending"),
        (infer(observed=1), True, "available"),
        (infer(available="False"), True, "pending"),
        ({"spec": {"replicas": 1}}, False, "pending"),
    ],
)
def test_the_state_of_a_backend(obj: dict[str, Any] | None, settled: bool, state: str) -> None:
    """A lagging status matters only until the Model is Active in its generation: scaling must not make it flap."""
    assert backend_view("a", "chat-a", obj, (), settled=settled).state == state


def test_an_equal_status_is_not_written_and_times_move_only_with_values() -> None:
    """The second summary of the same world is the first."""
    model = a_model()
    first = conditions(model, Findings((READY,)), "t1")
    assert status_patch(model, summarize(model, Findings((READY,)), "t2")) is None
    second = conditions(model, Findings((PENDING,)), "t3")
    assert second["Initialized"]["lastTransitionTime"] == first["Initialized"]["lastTransitionTime"] == "t1"
    assert second["Active"]["lastTransitionTime"] == "t3"


def test_the_patch_holds_what_differs_and_the_version_it_was_computed_from() -> None:
    """Foreign conditions are sent along, because lists are replaced whole."""
    model = a_model()
    model["metadata"]["resourceVersion"] = "7"
    model["status"] = {"conditions": [{"type": "Theirs", "status": "True"}], "other": 1}
    patch = status_patch(model, summarize(model, Findings((READY,)), "t"))
    assert patch is not None
    assert patch["metadata"] == {"resourceVersion": "7"}
    assert "other" not in patch["status"]
    assert patch["status"]["conditions"][0] == {"type": "Theirs", "status": "True"}


def refused(message: str, code: int = 422) -> Problem:
    return Problem.of("ModelInfer", "chat-a", "apply", status_error(code, message))


def test_failed_lists_all_problems_and_clears_by_itself() -> None:
    """The first matching reason wins; Initialized gives the short form."""
    model = a_model()
    conflict = Problem("ModelServer", "chat-b", "conflict", "taken", reason="ChildConflict")
    seen = conditions(model, Findings((PENDING,), (refused("no"), conflict), applied=False))
    assert seen["Failed"]["reason"] == "ChildConflict"
    assert seen["Failed"]["message"].splitlines() == [
        "ModelInfer chat-a: apply: 422 Invalid: no",
        "ModelServer chat-b: conflict: taken",
    ]
    assert seen["Initialized"]["status"] == "False"
    healed = conditions(model, Findings((READY,)))
    assert (healed["Failed"]["status"], healed["Failed"]["reason"]) == ("False", "ModelHealthy")


def test_other_words_for_the_same_trouble_change_nothing() -> None:
    """A message with a request id or a counter in it does not cause a write per retry."""
    model = a_model()
    conditions(model, Findings((PENDING,), (refused("webhook said no, request 1"),), applied=False))
    again = summarize(model, Findings((PENDING,), (refused("webhook said no, request 2"),), applied=False), "t2")
    assert status_patch(model, again) is None


def lora(*pods: str, share: str = "") -> tuple[Problem, ...]:
    """What failing pods leave, and the share of pods that have the adapter."""
    failed = [Problem("pod", pod, "load sql", "HTTP 500: no", reason="LoraSyncFailed") for pod in pods]
    shares = (
        [Problem("adapter", "sql", f"loaded on {share} pods of chat-a", "", reason="LoraSyncFailed")] if share else []
    )
    return (*failed, *shares)


@pytest.mark.parametrize("pods", [("p1", "p2"), tuple(f"p{index:02}" for index in range(40))], ids=["two", "too many"])
def test_a_new_process_takes_nothing_back_before_it_has_asked(pods: tuple[str, ...]) -> None:
    """Pods are asked one after another: until the last answer the stored message stays, whatever of it is known already."""
    model = a_model()
    conditions(model, Findings((READY,), lora(*pods, share="1/99")))
    everyone = frozenset({*pods, "good"})
    nothing_known = Findings((READY,), unknown_pods=everyone, counted=False)
    one_known = Findings((READY,), lora(pods[0]), unknown_pods=everyone - {pods[0]}, counted=False)
    good_unknown = Findings((READY,), lora(*pods), unknown_pods=frozenset({"good"}), counted=False)
    for findings in (nothing_known, one_known, good_unknown):
        assert status_patch(model, summarize(model, findings, "t2")) is None
    healed = conditions(model, Findings((READY,)))
    assert healed["Failed"]["status"] == "False"


def test_an_invalid_spec_leaves_active_as_it_was() -> None:
    """The old children still serve, for the old generation."""
    model = a_model()
    conditions(model, Findings((READY,)))
    model["metadata"]["generation"] = 2
    problem = Problem("Model", "chat", "spec.x", "wrong", reason="InvalidSpec")
    seen = conditions(model, Findings((), (problem,), applied=False, valid=False))
    assert (seen["Active"]["status"], seen["Active"]["observedGeneration"]) == ("True", 1)
    assert (seen["Failed"]["reason"], seen["Initialized"]["reason"]) == ("InvalidSpec", "InvalidSpec")


def test_what_a_server_quotes_is_shown_without_its_secrets() -> None:
    """Signed URLs and tokens in the words of a sidecar or an API server reach neither conditions nor Events."""
    words = "cannot get https://me:hunter22@host/x?X-Amz-Signature=0a1b2c with HF_TOKEN=hf_abcdefgh"
    sidecar = Problem("pod", "p", "load sql", f"HTTP 500: {words}", reason="LoraSyncFailed")
    seen = conditions(a_model(), Findings((READY,), (sidecar, refused(words)), applied=False))
    told = f"{seen['Failed']['message']} {seen['Initialized']['message']}"
    assert "cannot get https://***@host/x" in told
    assert not any(secret in told for secret in ("hunter22", "0a1b2c", "hf_abcdefgh"))


def test_messages_are_capped_with_a_count() -> None:
    """1,024 characters at most, whole lines."""
    message = joined([f"line {index}: " + "x" * 100 for index in range(50)])
    assert len(message) <= 1024
    assert message.endswith("more")
    assert len(joined(["y" * 5000])) <= 1024


def test_backends_are_in_spec_order_with_their_own_names() -> None:
    """Not the ModelInfers' names."""
    model = a_model()
    conditions(model, Findings((READY, PENDING)))
    assert model["status"]["backendStatuses"] == [{"name": "a", "replicas": 1}, {"name": "b", "replicas": 0}]
    assert meta.status_of(model)["observedGeneration"] == 1
