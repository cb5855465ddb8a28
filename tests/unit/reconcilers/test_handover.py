"""When the route has to wait for a new backend, and until when."""

from typing import Any

import pytest

from controller import meta
from controller.api.annotations import HANDOVER_TIMEOUT
from controller.dialects import E4FB6663, ChildKey
from controller.meta import Object
from controller.reconcilers.handover import DEFAULT_SECONDS, Handover, pending_handover
from tests.support.factories import a_model

BLUE, GREEN = ChildKey("ModelInfer", "chat-blue"), ChildKey("ModelInfer", "chat-green")
CREATED = meta.parse_time("2026-01-01T00:00:00Z").timestamp()


def a_workload(available: bool, replicas: int = 1, created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    condition = {"type": "Available", "status": str(available)}
    metadata = {"generation": 1, "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": {"conditions": [condition]}}


def a_route(owner: str, *targets: str) -> dict[str, Any]:
    rules = [{"targetModels": [{"modelServerName": name} for name in targets]}]
    return {"metadata": {"ownerReferences": [{"uid": owner, "controller": True}]}, "spec": {"rules": rules}}


def pending(
    children: dict[ChildKey, Object], now: float = CREATED, route: Object | None = None, timeout: str | None = None
) -> Handover | None:
    """The wait of a Model whose desired backend is green, while the route names blue."""
    model = a_model("chat")
    model["metadata"]["annotations"] = {} if timeout is None else {HANDOVER_TIMEOUT: timeout}
    live = route or a_route(meta.uid_of(model), "chat-blue")
    return pending_handover(model, live, {GREEN: a_workload(False)}, children, E4FB6663, now)


OLD, STARTING = a_workload(True), a_workload(False)


def test_a_serving_backend_is_called_until_the_new_one_serves() -> None:
    """Bounded by the age of the new workload; there is no bound yet while it does not exist."""
    assert pending({BLUE: OLD, GREEN: STARTING}) == Handover((GREEN,), CREATED + DEFAULT_SECONDS)
    assert pending({BLUE: OLD}) == Handover((GREEN,), None)
    assert pending({BLUE: OLD, GREEN: a_workload(True)}) is None


@pytest.mark.parametrize(
    "children",
    [
        {BLUE: a_workload(False), GREEN: STARTING},
        {BLUE: a_workload(True, replicas=0), GREEN: STARTING},
        {BLUE: OLD, GREEN: a_workload(False, replicas=0)},
        {GREEN: STARTING},
    ],
    ids=["old does not serve", "old is idle", "new is idle", "no old one"],
)
def test_nothing_is_waited_for_that_helps_nobody(children: dict[ChildKey, Object]) -> None:
    assert pending(children) is None


def test_only_a_route_of_the_model_holds_a_backend() -> None:
    children = {BLUE: OLD, GREEN: STARTING}
    assert pending(children, route=a_route("somebody", "chat-blue")) is None
    assert pending(children, route=a_route(meta.uid_of(a_model("chat")), "chat-green")) is None
    assert pending_handover(a_model("chat"), None, {GREEN: STARTING}, children, E4FB6663, CREATED) is None


@pytest.mark.parametrize(("text", "seconds"), [("10m", 600.0), ("nonsense", DEFAULT_SECONDS), ("", DEFAULT_SECONDS)])
def test_the_owner_sets_the_bound(text: str, seconds: float) -> None:
    """A text that is no duration counts as absent; the wait ends exactly at the bound."""
    children = {BLUE: OLD, GREEN: STARTING}
    assert pending(children, CREATED + seconds - 1, timeout=text) == Handover((GREEN,), CREATED + seconds)
    assert pending(children, CREATED + seconds, timeout=text) is None


def test_no_wait_at_all_can_be_asked_for() -> None:
    assert pending({BLUE: OLD}, timeout="0s") is None
