"""The snapshot of live lists, which ``diff`` compares with, is that of the caches, which ``run`` uses."""

from typing import Any

import pytest

from controller.api.model import Model
from controller.dialects import E4FB6663, ChildKey
from controller.meta import Object, Resource
from controller.meta.errors import Forbidden, status_error
from controller.reconcilers.live import observer_of, read_children
from controller.render import RenderOptions, render
from tests.support.factories import a_model
from tests.support.worlds import World


class Lists:
    """A client that has lists of some kinds."""

    def __init__(self, objects: dict[str, list[Object]]) -> None:
        self.objects = objects
        self.error: Exception = status_error(404, "404 page not found")

    async def list_all(self, resource: Resource, namespace: str, label_selector: str = "") -> Any:
        if resource.kind not in self.objects:
            raise self.error
        return type("Page", (), {"items": self.objects[resource.kind]})


def settled() -> World:
    world = World(a_model("chat"))
    world.settle()
    return world


async def test_lists_give_the_snapshot_of_a_cache() -> None:
    """Kinds that are not installed are named and have no objects."""
    world = settled()
    kinds = [resource.kind for resource in E4FB6663.children if resource != E4FB6663.route]
    lists = {kind: [each for key, each in world.children.items() if key.kind == kind] for kind in kinds}
    world.start_pod("chat-main")
    client: Any = Lists(lists | {"Pod": list(world.pods.values())})
    live = await read_children(client, "default", E4FB6663)
    assert live.missing == (E4FB6663.route,)
    desired = render(Model.from_object(world.model), RenderOptions.of(E4FB6663))
    del world.children[ChildKey("ModelRoute", "chat")]
    seen = live.observer.snapshot(world.model, desired)
    assert seen.children == world.snapshot(desired).children
    assert len(seen.children) == 2
    assert seen.pods == world.snapshot(desired).pods != {"chat-main": ()}


async def test_pods_that_may_not_be_read_are_none() -> None:
    """Which is said: a plan without them may differ."""
    world = settled()
    client: Any = Lists({kind.kind: [] for kind in E4FB6663.children})
    client.error = status_error(403, {"reason": "Forbidden"})
    assert (await read_children(client, "default", E4FB6663)).blind
    client.objects["Pod"] = list(world.pods.values())
    assert not (await read_children(client, "default", E4FB6663)).blind


async def test_a_kind_that_may_not_be_read_is_an_error() -> None:
    """It must not look as if there were no objects."""
    client: Any = Lists({})
    client.error = status_error(403, {"reason": "Forbidden"})
    with pytest.raises(Forbidden):
        await read_children(client, "default", E4FB6663)


def test_pods_are_found_by_their_workload() -> None:
    """A pod of another workload is not seen."""
    world = settled()
    workload = world.children[ChildKey("ModelInfer", "chat-main")]
    owner = {"kind": "ModelInfer", "name": "chat-main", "uid": workload["metadata"]["uid"], "controller": True}

    def a_pod(name: str, of: str) -> dict[str, Any]:
        labels = {E4FB6663.pod_keys.name: of}
        return {"metadata": {"name": name, "namespace": "default", "labels": labels, "ownerReferences": [owner]}}

    children = {
        kind: [each for each in world.children.values() if each["kind"] == kind.kind] for kind in E4FB6663.children
    }
    observer = observer_of(E4FB6663, children, [a_pod("p", "chat-main"), a_pod("q", "talk-main")])
    desired = render(Model.from_object(world.model), RenderOptions.of(E4FB6663))
    found = observer.snapshot(world.model, desired).pods["chat-main"]
    assert [pod["metadata"]["name"] for pod in found] == ["p"]
