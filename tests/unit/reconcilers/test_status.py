"""The Model's status: true, stable, and written only when it differs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from controller import meta
from controller.lora import AdapterFailure, AdapterReport, AdapterShare
from controller.meta import NamespacedName
from controller.meta.errors import status_error
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.conditions import Identity
from controller.reconcilers.messages import joined
from controller.reconcilers.outcome import Problem
from controller.reconcilers.pod_failures import PodFailure
from controller.reconcilers.result import PassResult, RouteView
from controller.reconcilers.status import compose_status, status_patch
from controller.reconcilers.steps import Reason, Wait
from tests.support.factories import a_model

READY = BackendView("a", "chat-a", BackendState.AVAILABLE, replicas=1, ready=1, desired=1)
PENDING = BackendView("b", "chat-b", BackendState.PENDING, "GroupProgressing")
IDLE = BackendView("c", "chat-c", BackendState.IDLE)


class Writer:
    """Composes one status after the other, as one process does."""

    def __init__(self) -> None:
        self.identities: Mapping[str, Identity] = {}

    def __call__(self, model: dict[str, Any], result: PassResult, now: str = "t1") -> dict[str, Any]:
        """The conditions by type, stored in the model."""
        composed = compose_status(model, result, now, self.identities)
        self.identities, model["status"] = composed.identities, composed.status
        return {condition["type"]: condition for condition in composed.status["conditions"]}


def conditions(model: dict[str, Any], result: PassResult, now: str = "t1") -> dict[str, Any]:
    """The conditions that a new process composes."""
    return Writer()(model, result, now)


def is_same(model: dict[str, Any], result: PassResult, writer: Writer | None = None) -> bool:
    """Whether the stored status is what would be composed later."""
    identities = writer.identities if writer else None
    return status_patch(model, compose_status(model, result, "later", identities).status) is None


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
    active = conditions(a_model(), PassResult(views))["Active"]
    assert (active["status"], active["reason"], active["message"]) == (status, reason, message)


def test_an_equal_status_is_not_written_and_times_move_only_with_values() -> None:
    """The second summary of the same world is the first."""
    model = a_model()
    first = conditions(model, PassResult((READY,)), "t1")
    assert is_same(model, PassResult((READY,)))
    second = conditions(model, PassResult((PENDING,)), "t3")
    assert second["Initialized"]["lastTransitionTime"] == first["Initialized"]["lastTransitionTime"] == "t1"
    assert second["Active"]["lastTransitionTime"] == "t3"


def test_the_patch_holds_what_differs_and_the_version_it_was_computed_from() -> None:
    """Foreign conditions are sent along, because lists are replaced whole."""
    model = a_model()
    model["metadata"]["resourceVersion"] = "7"
    model["status"] = {"conditions": [{"type": "Theirs", "status": "True"}], "other": 1}
    patch = status_patch(model, compose_status(model, PassResult((READY,)), "t").status)
    assert patch is not None
    assert patch["metadata"] == {"resourceVersion": "7"}
    assert "other" not in patch["status"]
    assert patch["status"]["conditions"][0] == {"type": "Theirs", "status": "True"}


def refused(message: str, code: int = 422) -> Problem:
    return Problem.from_error("ModelInfer", "chat-a", "apply", status_error(code, message))


def test_failed_lists_all_problems_and_clears_by_itself() -> None:
    """The first matching reason wins; Initialized gives the short form."""
    model = a_model()
    conflict = Problem("ModelServer", "chat-b", "conflict", "taken", reason="ChildConflict")
    seen = conditions(model, PassResult((PENDING,), (refused("no"), conflict), applied=False))
    assert seen["Failed"]["reason"] == "ChildConflict"
    assert seen["Failed"]["message"].splitlines() == [
        "ModelInfer chat-a: apply: 422 Invalid: no",
        "ModelServer chat-b: conflict: taken",
    ]
    assert seen["Initialized"]["status"] == "False"
    healed = conditions(model, PassResult((READY,)))
    assert (healed["Failed"]["status"], healed["Failed"]["reason"]) == ("False", "ModelHealthy")


def test_other_words_for_the_same_trouble_change_nothing() -> None:
    """A message with a request id or a counter in it does not cause a write per retry."""
    model, writer = a_model(), Writer()
    writer(model, PassResult((PENDING,), (refused("webhook said no, request 1"),), applied=False))
    assert is_same(model, PassResult((PENDING,), (refused("webhook said no, request 2"),), applied=False), writer)
    assert not is_same(model, PassResult((PENDING,), (refused("no", 403),), applied=False), writer)


@pytest.mark.parametrize("paused", [False, True])
def test_a_failing_pull_changes_its_name_without_a_write(paused: bool) -> None:
    """The kubelet alternates between two reasons and their words; another pod or reason is news."""

    def stuck(reason: str, pod: str = "p") -> PassResult:
        failure = PodFailure(pod, reason, "engine", f"words of {reason}")
        view = BackendView("b", "chat-b", BackendState.PENDING, "GroupProgressing", stuck=(failure,))
        return PassResult((view,), paused=paused, applied=not paused)

    model, writer = a_model(), Writer()
    active = writer(model, stuck("ErrImagePull"))["Active"]
    said = "waiting for ModelInfer chat-b (pod p: ErrImagePull in container engine: words of ErrImagePull)"
    assert active["message"].endswith(said)
    assert is_same(model, stuck("ImagePullBackOff"), writer)
    assert not is_same(model, stuck("InvalidImageName"), writer)
    assert not is_same(model, stuck("ErrImagePull", pod="q"), writer)


def test_a_model_that_serves_says_why_it_does_not_grow() -> None:
    """Active stays True; the pod, its reason and the scheduler's words stand beside the numbers."""
    failure = PodFailure("p", "Unschedulable", message="0/3 nodes are available")
    model, writer, view = a_model(), Writer(), replace(READY, ready=2, desired=3, stuck=(failure,))
    seen = writer(model, PassResult((view,)))["Active"]
    assert (seen["status"], seen["message"]) == (
        "True",
        f"Model is ready; replicas available: {view.workload} 2/3 (pod p: Unschedulable: 0/3 nodes are available)",
    )
    assert is_same(model, PassResult((replace(view, stuck=(replace(failure, message="0/4 nodes"),)),)), writer)
    assert not is_same(model, PassResult((replace(view, ready=1),)), writer)


def lora(*pods: str, loaded: int = 1, unasked: frozenset[str] = frozenset()) -> AdapterReport:
    """What failing pods leave, and the share of pods that have the adapter."""
    failures = tuple(AdapterFailure(pod, "load", "sql", "HTTP 500: no") for pod in pods)
    return AdapterReport(failures, None if unasked else (AdapterShare("chat-a", "sql", loaded, 99),), unasked=unasked)


@pytest.mark.parametrize("pods", [("p1", "p2"), tuple(f"p{index:02}" for index in range(40))], ids=["two", "too many"])
def test_a_new_process_takes_nothing_back_before_it_has_asked(pods: tuple[str, ...]) -> None:
    """Pods are asked one after another: until the last answer the stored message stays, whatever of it is known already."""
    model = a_model()
    conditions(model, PassResult((READY,), adapters=lora(*pods)))
    assert "adapter sql: loaded on 1/99 pods of chat-a" in str(model["status"]) or len(pods) > 2
    everyone = frozenset({*pods, "good"})
    nothing_known = lora(unasked=everyone)
    one_known = lora(pods[0], unasked=everyone - {pods[0]})
    good_unknown = lora(*pods, unasked=frozenset({"good"}))
    for adapters in (nothing_known, one_known, good_unknown):
        assert is_same(model, PassResult((READY,), adapters=adapters))
    healed = conditions(model, PassResult((READY,)))
    assert healed["Failed"]["status"] == "False"


def test_a_pod_that_hangs_does_not_keep_the_failure_of_another() -> None:
    """The process knows which pods it asked: what it composed itself it also takes back."""
    model, writer = a_model(), Writer()
    writer(model, PassResult((READY,), adapters=lora("p1", unasked=frozenset({"hanging"}))))
    seen = writer(model, PassResult((READY,), adapters=lora(unasked=frozenset({"hanging"}))))
    assert seen["Failed"]["status"] == "False"


def test_a_worse_problem_shows_before_all_pods_were_asked() -> None:
    """It ranks above what stands."""
    model = a_model()
    conditions(model, PassResult((READY,), adapters=lora("p1")))
    taken = Problem("ModelServer", "chat-b", "conflict", "taken", reason="ChildConflict")
    seen = conditions(model, PassResult((READY,), (taken,), lora(unasked=frozenset({"p1"})), applied=False))
    assert seen["Failed"]["reason"] == "ChildConflict"


def test_a_paused_model_keeps_its_failure() -> None:
    """Nothing was tried, so nothing is known to be mended."""
    model = a_model()
    conditions(model, PassResult((READY,), (refused("no"),), applied=False))
    paused = conditions(model, PassResult((READY,), applied=False, paused=True))
    assert paused["Failed"]["status"] == "True"
    assert conditions(model, PassResult((READY,)))["Failed"]["status"] == "False"


def test_an_invalid_spec_leaves_active_as_it_was() -> None:
    """The old children still serve, for the old generation."""
    model = a_model()
    conditions(model, PassResult((READY,)))
    model["metadata"]["generation"] = 2
    problem = Problem("Model", "chat", "spec.x", "wrong", reason="InvalidSpec")
    seen = conditions(model, PassResult((), (problem,), applied=False, valid=False))
    assert (seen["Active"]["status"], seen["Active"]["observedGeneration"]) == ("True", 1)
    assert (seen["Failed"]["reason"], seen["Initialized"]["reason"]) == ("InvalidSpec", "InvalidSpec")


def test_what_a_server_quotes_is_shown_without_its_secrets() -> None:
    """Signed URLs and tokens in the words of a sidecar or an API server reach neither conditions nor Events."""
    words = "cannot get https://me:hunter22@host/x?X-Amz-Signature=0a1b2c with HF_TOKEN=hf_abcdefgh"
    sidecar = AdapterReport((AdapterFailure("p", "load", "sql", f"HTTP 500: {words}"),))
    seen = conditions(a_model(), PassResult((READY,), (refused(words),), sidecar, applied=False))
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
    conditions(model, PassResult((READY, PENDING)))
    assert [entry["name"] for entry in model["status"]["backendStatuses"]] == ["a", "b"]
    assert model["status"]["replicas"] == "1/1"
    assert meta.status_of(model)["observedGeneration"] == 1


def test_each_backend_says_what_it_has() -> None:
    """Replicas available and desired, adapters, the template revision that waits; adapters stay until every pod was asked."""
    held = replace(READY, replicas=3, ready=2, desired=3, held_revision="abc")
    model = a_model()
    conditions(model, PassResult((held, IDLE), adapters=lora(loaded=2)))
    assert model["status"]["replicas"] == "2/3"
    first, second = model["status"]["backendStatuses"]
    assert first == {
        "name": "a",
        "replicas": 3,
        "readyReplicas": 2,
        "desiredReplicas": 3,
        "adapters": [{"name": "sql", "loadedPods": 2, "pods": 99}],
        "heldRevision": "abc",
    }
    assert second == {"name": "c", "replicas": 0, "readyReplicas": 0, "desiredReplicas": 0}
    assert is_same(model, PassResult((held, IDLE), adapters=lora(unasked=frozenset({"p"}))))
    assert not is_same(model, PassResult((held, IDLE)))


def test_the_route_says_how_the_model_is_called() -> None:
    """And who else answers its name: the router keeps one of them, for as long as both exist."""
    model = a_model()
    view = RouteView("chat", "assistant", ("sql",), (NamespacedName("other", "chat"),))
    conditions(model, PassResult((READY,), route=view))
    assert model["status"]["route"] == {
        "name": "chat",
        "modelName": "assistant",
        "loraAdapters": ["sql"],
        "conflictsWith": ["other/chat"],
    }
    patch = status_patch(
        model, compose_status(model, PassResult((READY,), route=replace(view, conflicts=())), "t").status
    )
    assert patch is not None
    assert meta.merge_patch(model, patch)["status"]["route"] == {
        "name": "chat",
        "modelName": "assistant",
        "loraAdapters": ["sql"],
    }


def test_a_paused_model_was_acted_on_before() -> None:
    """Its observed generation stays the last one that children were written for."""
    model = a_model()
    conditions(model, PassResult((READY,)))
    model["metadata"]["generation"] = 2
    seen = conditions(model, PassResult((READY,), applied=False, paused=True))
    assert model["status"]["observedGeneration"] == 1
    assert {condition["observedGeneration"] for condition in seen.values()} == {1}
    assert conditions(model, PassResult((READY,)))["Ready"]["observedGeneration"] == 2


def test_what_is_waited_for_is_said() -> None:
    """A child that cannot be written yet, with the reason and the children it needs."""
    step = Wait(kind="ModelServer", name="chat-a", reason=Reason.DELETING, live=None)
    seen = conditions(a_model(), PassResult((PENDING,), applied=False, waiting=(step,)))
    assert seen["Initialized"]["message"] == "waiting for children: ModelServer chat-a: is being deleted"
    assert seen["Ready"]["reason"] == "ModelCreating"
