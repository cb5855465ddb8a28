"""A new backend is called once it serves, as long as another one serves meanwhile."""

from typing import Any

import pytest

from controller import meta
from controller.api.annotations import HANDOVER_TIMEOUT
from controller.dialects import DIALECTS, ChildKey, Dialect
from controller.dialects.routes import route_targets
from controller.reconcilers.handover import DEFAULT_SECONDS
from controller.reconcilers.steps import Keep, Patch, Reason, Wait
from tests.support.factories import a_backend, a_model
from tests.support.worlds import World

ROUTE = ChildKey("ModelRoute", "chat")
CREATED = meta.parse_time("2026-01-01T00:00:00Z").timestamp()


@pytest.fixture(params=DIALECTS.values(), ids=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


def serving(dialect: Dialect, *names: str) -> World:
    """These backends serve, and the route calls them."""
    world = World(a_model("chat", *map(a_backend, names)), dialect)
    world.settle()
    for name in names:
        serve(world, name)
    return world


def serve(world: World, name: str, replicas: int = 1, available: str = "True") -> None:
    """What the controller of the workloads reports of a backend."""
    workload = world.children[ChildKey(world.dialect.workload.kind, f"chat-{name}")]
    condition = {"type": "Available", "status": available}
    workload["status"] = {"availableReplicas": replicas, "conditions": [condition]}


def wanted(world: World, *backends: dict[str, Any]) -> World:
    world.model["spec"]["backends"] = list(backends)
    return world


def called(world: World) -> list[str]:
    return list(route_targets(world.children[ROUTE]))


@pytest.mark.parametrize("available", ["True", "False"], ids=["whole", "one of several replicas"])
def test_a_new_backend_is_called_once_it_serves(dialect: Dialect, available: str) -> None:
    """Until then the route is as desired without it, and so is its revision."""
    world = wanted(serving(dialect, "a"), a_backend("a"), a_backend("b"))
    world.settle()
    assert called(world) == ["chat-a"]
    assert isinstance(world.plan().steps[ROUTE], Keep)
    serve(world, "b", available=available)
    world.settle()
    assert called(world) == ["chat-a", "chat-b"]
    serve(world, "b", 0, "False")
    assert isinstance(world.plan().steps[ROUTE], Keep), "a backend that was called once stays"


def test_a_model_without_a_backend_that_serves_calls_all(dialect: Dialect) -> None:
    """There is nothing to protect."""
    world = serving(dialect, "a")
    serve(world, "a", 0, "False")
    wanted(world, a_backend("a"), a_backend("b")).settle()
    assert called(world) == ["chat-a", "chat-b"]


def test_an_idle_backend_serves_nobody(dialect: Dialect) -> None:
    """Whatever its workload says."""
    world = serving(dialect, "a")
    world.children[ChildKey(dialect.workload.kind, "chat-a")]["spec"]["replicas"] = 0
    wanted(world, a_backend("a", minReplicas=0), a_backend("b")).settle()
    assert called(world) == ["chat-a", "chat-b"]


def test_traffic_moves_once_the_new_backend_serves(dialect: Dialect) -> None:
    """In one edit: the old one gets weight 0. The wait is bounded as that of a replaced backend."""
    world = wanted(serving(dialect, "a"), a_backend("a", routeWeight=0), a_backend("b"))
    world.settle()
    step = world.plan(now=CREATED).steps[ROUTE]
    assert isinstance(step, Wait)
    assert (step.reason, step.until) == (Reason.HANDOVER, CREATED + DEFAULT_SECONDS)
    assert step.needs == (ChildKey(dialect.workload.kind, "chat-b"),)
    assert isinstance(world.plan(now=CREATED + DEFAULT_SECONDS).steps[ROUTE], Patch)
    world.model["metadata"]["annotations"] = {HANDOVER_TIMEOUT: "0s"}
    assert isinstance(world.plan(now=CREATED).steps[ROUTE], Patch)
    del world.model["metadata"]["annotations"]
    serve(world, "b")
    world.settle()
    assert called(world) == ["chat-a", "chat-b"]
