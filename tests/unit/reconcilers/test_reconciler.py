"""A pass over one Model, without an API server: what is written, what is said, and what is not repeated."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller import meta
from controller.api.annotations import DIALECT, HANDOVER_TIMEOUT, PAUSED
from controller.api.kinds import MODEL
from controller.dialects import E4FB6663, V1, ChildKey
from controller.fronts import MODEL_FRONT
from controller.informers import Lister
from controller.informers.store import Indexer
from controller.lora import AdapterSync
from controller.meta import Object, Resource
from controller.meta.errors import ApiError, status_error
from controller.reconcilers.apply import Applier
from controller.reconcilers.events import EventReporter
from controller.reconcilers.families import Families, Family
from controller.reconcilers.live import observer_of
from controller.reconcilers.metrics import ModelMetrics
from controller.reconcilers.reconciler import ModelReconciler
from controller.reconcilers.rendered import Renderer
from controller.reconcilers.status_writer import StatusWriter
from controller.render import RenderOptions
from controller.runtime import ReconcileError, Request, Result
from controller.testing import FakeClock
from tests.support.factories import a_backend, a_model
from tests.support.servers import Server, Store
from tests.support.worlds import World

CHAT = Request("default", "chat")
SERVER = ("create", "ModelServer", "chat-main")


class Plane(Server):
    """The world with its Model, whose status can be written too."""

    async def patch(self, resource: Resource, name: str, patch: dict[str, Any], **more: Any) -> Object:
        if resource != MODEL:
            return await super().patch(resource, name, patch, namespace=more["namespace"])
        self.calls.append(("patch", "Model", name))
        self.world.model = meta.merge_patch(self.world.model, patch)
        self.world.model["metadata"]["resourceVersion"] = f"{len(self.calls)}-m"
        return self.world.model


class Passes:
    """A reconciler of one Model, with caches that are current whenever a pass begins."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.world = World(model)
        self.plane = Plane(self.world)
        self.families = Families()
        self.events: list[str] = []
        client: Any = self.plane
        recorder: Any = SimpleNamespace(event=lambda _, type_, reason, note: self.events.append(reason))
        metrics = ModelMetrics(CollectorRegistry(), list, [E4FB6663])
        self.reconciler = ModelReconciler(
            front=MODEL_FRONT,
            models=SimpleNamespace(get=self._get, list=lambda _: [self.world.model]),  # type: ignore[arg-type]
            client=client,
            options=RenderOptions.of,
            families=self.families,
            renderer=Renderer(MODEL_FRONT, ()),
            adapters=AdapterSync(client, lambda: None, metrics),
            status=StatusWriter(client, FakeClock(1000.0), MODEL_FRONT),
            events=EventReporter(recorder),
            metrics=metrics,
            now=FakeClock(1000.0),
        )

    def _get(self, name: str, namespace: str) -> Object | None:
        return self.world.model or None

    def sync(self) -> None:
        """The caches show what exists and is labelled as ours."""
        stores: Any = {resource: Store() for resource in E4FB6663.children}
        found = {
            resource: [each for each in self.world.children.values() if _is_cached(each, resource)]
            for resource in E4FB6663.children
        }
        informers: Any = {
            resource: SimpleNamespace(has_synced=True, lister=_lister(found[resource])) for resource in found
        }
        pods: Any = SimpleNamespace(has_synced=True)
        client: Any = self.plane
        applier = Applier(client, stores, E4FB6663)
        self.families.add(Family(E4FB6663, informers, pods, observer_of(E4FB6663, found), applier))

    async def once(self) -> Result:
        """One pass with current caches; ``writes`` are those of this pass."""
        self.sync()
        self.plane.calls.clear()
        return await self.reconciler.reconcile(CHAT)

    @property
    def writes(self) -> list[tuple[str, str, str]]:
        """What the last pass wrote, without reads."""
        return [call for call in self.plane.calls if call[0] != "get"]

    def condition(self, type_: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition."""
        found = meta.find_condition(meta.conditions_of(self.world.model), type_) or {}
        return str(found.get("status")), str(found.get("reason")), str(found.get("message"))


def _is_cached(obj: Object, resource: Resource) -> bool:
    return obj["kind"] == resource.kind and E4FB6663.keys.managed_by in meta.labels_of(obj)


def _lister(objects: list[dict[str, Any]]) -> Lister:
    store = Indexer()
    for obj in objects:
        store.apply("ADDED", obj)
    return Lister({"": store})


def passes(*backends: dict[str, Any], **annotations: str) -> Passes:
    model = a_model("chat", *backends)
    model["metadata"] |= {"annotations": annotations, "resourceVersion": "1"}
    return Passes(model)


async def test_a_pass_creates_the_children_and_then_says_so() -> None:
    """The status is written last."""
    chat = passes()
    assert await chat.once() == Result()
    assert chat.writes[-1] == ("patch", "Model", "chat")
    assert set(chat.writes[:-1]) == {SERVER, ("create", "ModelInfer", "chat-main"), ("create", "ModelRoute", "chat")}
    assert chat.condition("Initialized")[0] == "True"
    assert "ChildrenCreated" in chat.events


async def test_a_pass_without_a_change_writes_nothing_and_looks_at_nothing() -> None:
    """What it depends on is remembered: not even a snapshot is made. A lost child ends the rest."""
    chat = passes()
    await chat.once()
    await chat.once()
    assert chat.plane.calls == []
    del chat.world.children[ChildKey("ModelRoute", "chat")]
    await chat.once()
    assert chat.writes == [("create", "ModelRoute", "chat")]


async def test_a_wait_that_ends_during_the_pass_is_looked_at_again() -> None:
    """The clock is read again after the writes: no time left is a soon one, not none."""
    chat = passes(a_backend("blue"), **{HANDOVER_TIMEOUT: "1m"})
    await chat.once()
    available = {"conditions": [{"type": "Available", "status": "True"}], "availableReplicas": 1}
    chat.world.children[ChildKey("ModelInfer", "chat-blue")]["status"] = available
    chat.world.model["spec"] = a_model("chat", a_backend("green"))["spec"]
    chat.world.model["metadata"] |= {"generation": 2, "resourceVersion": "2"}
    await chat.once()  # creates the workload
    chat.world.model["metadata"] |= {"resourceVersion": "3"}
    created = meta.parse_time("2026-01-01T00:00:00Z").timestamp()
    times = iter([created + 59.0])
    chat.reconciler._now = lambda: next(times, created + 61.0)
    result = await chat.once()
    assert result.requeue_after is not None
    assert result.requeue_after > 0


async def test_a_model_that_is_gone_or_going_is_left_alone() -> None:
    chat = passes()
    chat.world.model["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert await chat.once() == Result()
    chat.world.model = {}
    assert await chat.once() == Result()
    assert chat.plane.calls == []


async def test_a_paused_model_gets_a_status_and_nothing_else() -> None:
    chat = passes(**{PAUSED: "true"})
    await chat.once()
    assert chat.writes == [("patch", "Model", "chat")]
    assert "paused" in chat.condition("Active")[2]


async def test_an_invalid_spec_writes_no_child() -> None:
    """One problem a finding; nothing is tried again, because only the owner can help."""
    chat = passes(a_backend(minReplicas=3, maxReplicas=1))
    assert await chat.once() == Result()
    assert chat.writes == [("patch", "Model", "chat")]
    assert chat.condition("Failed")[:2] == ("True", "InvalidSpec")


async def test_an_unknown_dialect_is_named_with_those_that_exist() -> None:
    chat = passes(**{DIALECT: "v9"})
    assert await chat.once() == Result()
    status, reason, message = chat.condition("Failed")
    assert (status, reason) == ("True", "InvalidSpec")
    assert "'v9' is not one of" in message


async def test_missing_kinds_are_named() -> None:
    """Each dialect that would do; nothing is written but the status, and once."""
    chat = passes(**{DIALECT: V1.name})
    chat.families.note_missing(V1, (V1.workload, V1.route))
    await chat.once()
    words = (
        f"not installed in this cluster, or not readable by the controller: CRD {V1.workload.key}, CRD {V1.route.key}"
    )
    assert chat.condition("Failed") == ("True", "ChildApplyFailed", f"Model chat: dialect v1: {words}")
    assert chat.writes == [("patch", "Model", "chat")]
    await chat.once()
    assert chat.writes == []


async def test_a_family_that_is_not_ready_says_nothing() -> None:
    """Its caches fill: that is no failure."""
    chat = passes(**{DIALECT: V1.name})
    assert await chat.once() == Result()
    assert chat.writes == []


async def test_a_problem_that_may_pass_counts_when_it_comes_three_times() -> None:
    """The pass fails each time, so that it is tried again; a success in between starts the count again."""
    chat = passes()
    chat.plane.refusals[SERVER] = status_error(503, "busy")
    for status in ("False", "False", "True"):
        with pytest.raises(ReconcileError, match="ModelServer chat-main: apply: 503"):
            await chat.once()
        assert chat.condition("Failed")[0] == status
    chat.plane.refusals.clear()
    await chat.once()
    assert chat.condition("Failed")[0] == "False"


async def test_a_refusal_that_lasts_counts_at_once() -> None:
    chat = passes()
    chat.plane.refusals[SERVER] = status_error(422, "no")
    with pytest.raises(ReconcileError):
        await chat.once()
    assert chat.condition("Failed")[:2] == ("True", "ChildApplyFailed")


async def test_an_error_of_our_own_is_reported_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its class alone: its words may quote a secret."""
    chat = passes()

    def broken(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr("controller.reconcilers.reconciler.plan", lambda *_, **__: broken())
    with pytest.raises(KeyError):
        await chat.once()
    status, reason, message = chat.condition("Failed")
    assert (status, reason) == ("True", "ModelAbnormal")
    assert "KeyError" in message
    assert "secret" not in message


async def test_an_error_of_the_api_outside_of_children_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """It backs off and is not a failure of the Model."""
    chat = passes()

    async def refused(*_: object, **__: object) -> None:
        raise status_error(500, "broken")

    monkeypatch.setattr(chat.plane, "patch", refused)
    with pytest.raises(ApiError):
        await chat.once()


async def test_a_terminating_namespace_is_given_up() -> None:
    """No failure and no status: nothing can be created in it, and the Model goes with it. The next pass tries nothing."""
    chat = passes()
    causes = {"details": {"causes": [{"reason": "NamespaceTerminating"}]}}
    chat.plane.refusals[SERVER] = status_error(403, {"kind": "Status", "reason": "Forbidden", **causes})
    assert await chat.once() == Result()
    assert ("patch", "Model", "chat") not in chat.writes
    await chat.once()
    assert chat.plane.calls == []


async def test_a_name_that_is_taken_is_read_live_from_then_on() -> None:
    """Caches show only what is labelled as ours: the second pass must not try the creation again."""
    chat = passes()
    taken = {"apiVersion": "x/v1", "kind": "ModelServer", "metadata": {"name": "chat-main", "namespace": "default"}}
    chat.world.put(taken)
    with pytest.raises(ReconcileError):
        await chat.once()
    assert SERVER in chat.writes
    assert chat.condition("Failed")[:2] == ("True", "ChildConflict")
    with pytest.raises(ReconcileError):
        await chat.once()
    assert chat.plane.calls == [("get", "ModelServer", "chat-main")]
    del chat.world.children[ChildKey("ModelServer", "chat-main")]
    await chat.once()
    assert chat.condition("Failed")[0] == "False"
