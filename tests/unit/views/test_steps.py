"""A step of a plan in one line."""

from controller.dialects import ChildKey
from controller.views.steps import shown_steps, sides, step_line
from tests.support.factories import a_backend, a_model
from tests.support.worlds import World


def test_every_kind_of_step_has_a_line() -> None:
    """Created, updated, deleted, waited for, refused, recreated; what is as desired is not shown."""
    world = World(a_model("chat", a_backend("a"), a_backend("b")))
    created = [step_line(step, "default") for step in shown_steps(world.plan())]
    assert created[0] == "create ModelServer default/chat-a: missing"
    world.settle()
    assert shown_steps(world.plan()) == []
    world.model = a_model("chat", a_backend("a", minReplicas=2, maxReplicas=2))
    world.model["spec"]["name"] = "talk"
    world.children[ChildKey("ModelServer", "chat-a")]["metadata"]["ownerReferences"] = [
        {"kind": "X", "uid": "x", "controller": True}
    ]
    taken = "an object of this name exists and is not controlled by this Model"
    assert [step_line(step, "default") for step in shown_steps(world.plan())] == [
        f"conflict ModelServer default/chat-a: {taken}",
        "wait ModelInfer default/chat-a: waits for other children: ModelServer chat-a",
        "wait ModelRoute default/chat: no backend that the route could send requests to: ModelServer chat-a",
        "wait ModelServer default/chat-b: another child still refers to it: ModelRoute chat",
        "wait ModelInfer default/chat-b: another child still refers to it: ModelRoute chat",
    ]


def test_the_sides_of_a_step_are_the_object_before_and_after() -> None:
    """None where there is none."""
    world = World(a_model("chat", a_backend("a"), a_backend("b")))
    assert all(before is None and after is not None for before, after in map(sides, world.plan().steps.values()))
    world.settle()
    world.model = a_model("chat", a_backend("a"))
    for step in shown_steps(world.plan()):
        before, after = sides(step)
        assert before is not None
        assert (after is None) == (step.name == "chat-b")
