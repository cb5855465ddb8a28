"""When a child that is no longer desired goes."""

from typing import Any

import pytest

from controller.dialects import ChildKey
from controller.reconcilers.planning.removals import removal, rival_scalers
from controller.reconcilers.steps import Delete, Reason, Wait
from tests.support.factories import a_backend, a_model
from tests.support.worlds import World

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
SERVER, ROUTE = ChildKey("ModelServer", "chat-old"), ChildKey("ModelRoute", "chat")
BINDING, WORKLOAD = ChildKey("AutoscalingPolicyBinding", "chat-main"), ChildKey("ModelInfer", "chat-main")


@pytest.fixture
def world() -> World:
    """A Model that has lost its backend ``old``, whose children are still there."""
    world = World(a_model("chat", a_backend(), a_backend("old")))
    world.settle()
    world.model = a_model("chat", a_backend())
    return world


def test_a_child_that_the_route_still_names_stays(world: World) -> None:
    """Until a pass has written the route: here the route could not be."""
    planned = world.plan()
    found = removal(planned.request, SERVER, planned.steps)
    assert isinstance(found, Delete)
    assert ROUTE in found.needs
    held = planned.revised(SERVER, world.children[SERVER], failed=[ROUTE])
    assert isinstance(held, Wait)
    assert (held.reason, held.needs) == (Reason.STILL_NAMED, (ROUTE,))


@pytest.mark.parametrize("change", [{"deletionTimestamp": "2026-01-01T00:00:00Z"}, {"ownerReferences": []}])
def test_nothing_is_done_about_what_is_going_or_not_ours(world: World, change: dict[str, Any]) -> None:
    """A deletion is sent once, and never to another owner's object."""
    planned = world.plan()
    live = {**world.children[SERVER], "metadata": {**world.children[SERVER]["metadata"], **change}}
    assert planned.revised(SERVER, live) is None
    assert planned.revised(SERVER, None) is None


def test_an_unwanted_scaler_is_a_rival_of_its_workload() -> None:
    """Two must never scale one workload, so the old one goes before the workload is written."""
    world = World(a_model("chat", a_backend(maxReplicas=2, autoscalingPolicy=POLICY)))
    world.settle()
    request = world.plan().request
    assert rival_scalers(request, request.desired[WORKLOAD]) == ()
    world.model = a_model("chat", a_backend())
    request = world.plan().request
    assert rival_scalers(request, request.desired[WORKLOAD]) == (BINDING,)
    assert rival_scalers(request, request.desired[ROUTE]) == ()
