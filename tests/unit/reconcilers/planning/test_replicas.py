"""The owner of the replicas of a workload."""

from typing import Any

import pytest

from controller.dialects import V1, ChildKey
from controller.reconcilers.diff import Scaling
from controller.reconcilers.planning.replicas import scaling
from tests.support.factories import a_backend, a_model
from tests.support.rules import a_pair, policy
from tests.support.worlds import World

WORKLOAD, ROUTE = ChildKey("ModelInfer", "chat-main"), ChildKey("ModelRoute", "chat")


def owner(world: World, key: ChildKey = WORKLOAD) -> Scaling | None:
    return scaling(world.plan().request, key, world.children[key])


def settled(*backends: dict[str, Any], **spec: Any) -> World:
    world = World(a_model("chat", *backends, **spec))
    world.settle()
    return world


def test_without_a_policy_the_model_decides() -> None:
    """And a kind without replicas has no owner of them."""
    world = settled(a_backend())
    assert owner(world) == Scaling()
    assert owner(world, ROUTE) is None


@pytest.mark.parametrize("whole", [True, False])
def test_with_a_policy_the_autoscaler_decides_within_the_bounds(whole: bool) -> None:
    """The bounds of the backend are kept until the children of this generation are there."""
    scaled: dict[str, Any] = {"autoscalingPolicy": policy()}
    backend = a_backend(maxReplicas=3, scalingCost=1, **({} if whole else scaled))
    world = settled(backend, **(scaled if whole else {}))
    assert owner(world) == Scaling(True, (1, 3, 1))
    condition = {"type": "Initialized", "status": "True", "reason": "x", "observedGeneration": 1}
    world.model["status"] = {"conditions": [condition]}
    assert owner(world) == Scaling(True)


def test_another_writer_may_take_the_replicas() -> None:
    """By the annotation on the workload."""
    world = settled(a_backend())
    key = world.dialect.keys.replicas_owner
    world.children[WORKLOAD]["metadata"]["annotations"] = {key: "external"}
    assert owner(world) == Scaling(True)


def test_a_scaler_of_others_takes_the_replicas() -> None:
    """One that this Model does not control."""
    world = settled(a_backend(maxReplicas=2, autoscalingPolicy=policy()))
    binding = world.children[ChildKey("AutoscalingPolicyBinding", "chat-main")]
    binding["metadata"]["ownerReferences"] = []
    world.model = a_model("chat", a_backend())
    found = owner(world)
    assert found is not None
    assert found.autoscaled


def test_roles_that_scale_leave_the_replicas_to_the_model() -> None:
    """In a dialect whose policies name roles."""
    bounds = {"minReplicas": 1, "maxReplicas": 4}
    world = World(a_model("chat", a_pair(bounds, bounds, autoscalingPolicy=policy())), V1)
    world.settle()
    found = owner(world, ChildKey("ModelServing", "chat-pd"))
    assert found is not None
    assert (found.autoscaled, found.roles) == (False, frozenset({"prefill", "decode"}))
