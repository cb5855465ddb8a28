"""The step for one child, by the state of the object that has its name."""

import copy
from typing import Any

import pytest

from controller.dialects import ChildKey
from controller.reconcilers.planning.child import extended, immutable_differences, step_for
from controller.reconcilers.steps import Create, Keep, Patch, Reason, Recreate, Refuse, Step, Wait
from tests.support.factories import a_model
from tests.support.worlds import World

SERVER, ROUTE = ChildKey("ModelServer", "chat-main"), ChildKey("ModelRoute", "chat")


def step(world: World, key: ChildKey, live: dict[str, Any] | None) -> Step:
    request = world.plan().request
    return step_for(request, request.desired[key], live, needs=(SERVER,), after=())


@pytest.fixture
def world() -> World:
    """A Model whose children are as desired."""
    world = World(a_model())
    world.settle()
    return world


def test_a_missing_child_is_created_with_its_needs(world: World) -> None:
    """The whole desired object."""
    found = step(world, ROUTE, None)
    assert isinstance(found, Create)
    assert (found.reason, found.needs, found.desired["kind"]) == (Reason.MISSING, (SERVER,), "ModelRoute")


def test_a_child_as_desired_is_kept(world: World) -> None:
    """Nothing is compared that the server has set."""
    live = copy.deepcopy(world.children[SERVER])
    live["status"] = {"anything": 1}
    assert isinstance(step(world, SERVER, live), Keep)


def test_a_different_child_is_patched_with_what_differs(world: World) -> None:
    """And with nothing else."""
    live = copy.deepcopy(world.children[SERVER])
    live["spec"]["workloadPort"]["port"] = 1
    found = step(world, SERVER, live)
    assert isinstance(found, Patch)
    assert found.fields == ("spec.workloadPort.port",)
    assert found.patch["spec"] == {"workloadPort": {"port": 8000}}


def test_a_child_that_is_being_deleted_is_waited_for(world: World) -> None:
    """Whatever it says."""
    live = copy.deepcopy(world.children[SERVER])
    live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    found = step(world, SERVER, live)
    assert isinstance(found, Wait)
    assert found.reason is Reason.DELETING


@pytest.mark.parametrize(("uid", "reason"), [("other", Reason.LEFTOVER), (None, Reason.FOREIGN)])
def test_an_object_of_another_owner_is_refused(world: World, uid: str | None, reason: Reason) -> None:
    """One of an earlier Model of this name has its own reason; it goes by itself."""
    live = copy.deepcopy(world.children[SERVER])
    if uid is None:
        del live["metadata"]["ownerReferences"]
        live["metadata"]["labels"] = {}
    else:
        live["metadata"]["ownerReferences"][0]["uid"] = uid
    found = step(world, SERVER, live)
    assert isinstance(found, Refuse)
    assert found.reason is reason


def test_a_field_that_cannot_change_makes_a_new_object(world: World) -> None:
    """The fields are named with their place in the object."""
    live = copy.deepcopy(world.children[ROUTE])
    live["spec"]["modelName"] = "other"
    found = step(world, ROUTE, live)
    assert isinstance(found, Recreate)
    assert (found.reason, found.fields) == (Reason.IMMUTABLE, ("spec.modelName",))
    request = world.plan().request
    assert immutable_differences(request.kind(ROUTE), request.desired[ROUTE], live) == [("modelName",)]


def test_a_further_change_joins_the_first(world: World) -> None:
    """Of a step that keeps the object, and of one that patches it already."""
    desired = world.plan().request.desired[SERVER]
    more = {"metadata": {"annotations": {"a": "b"}}}
    kept = step(world, SERVER, world.children[SERVER])
    assert isinstance(kept, Keep)
    assert extended(kept, desired, more).patch == more
    live = copy.deepcopy(world.children[SERVER])
    live["spec"]["workloadPort"]["port"] = 1
    patched = step(world, SERVER, live)
    assert isinstance(patched, Patch)
    both = extended(patched, desired, more)
    assert both.patch["metadata"]["annotations"]["a"] == "b"
    assert both.patch["spec"] == patched.patch["spec"]
    assert set(both.fields) == {*patched.fields, "metadata.annotations.a"}
