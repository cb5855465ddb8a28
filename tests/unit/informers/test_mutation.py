"""The mutation detector: every change of a cached object is found, whatever becomes of the object."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from controller.envtest import Environment
from controller.informers import CacheMutated, SharedInformerFactory
from controller.informers.mutation import MutationDetector
from controller.informers.store import Indexer
from controller.meta import NamespacedName, Resource

KEY = NamespacedName("ns", "a")
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


def obj(version: int) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": str(version), "labels": {"k": "v"}}
    return {"metadata": metadata, "data": {"k": "v"}}


def changed_in(store: Indexer) -> None:
    cached: Any = store.get(KEY)
    cached["metadata"]["labels"]["k"] = "changed"


@pytest.mark.parametrize(
    "meet",
    [
        lambda store: store.apply("MODIFIED", obj(2)),
        lambda store: store.apply("DELETED", obj(2)),
        lambda store: store.replace([], "3"),
    ],
    ids=["replaced", "deleted", "missing from a list"],
)
def test_a_change_in_place_is_found_when_the_object_leaves(meet: Callable[[Indexer], object]) -> None:
    """The last moment at which it can be."""
    store = Indexer(detector=MutationDetector())
    store.apply("ADDED", obj(1))
    changed_in(store)
    with pytest.raises(CacheMutated, match="ns/a") as caught:
        meet(store)
    assert caught.value.keys == [KEY]


def test_a_change_in_place_is_found_while_the_object_stays() -> None:
    """By looking at everything, again and again."""
    detector = MutationDetector()
    store = Indexer(detector=detector)
    store.apply("ADDED", obj(1))
    detector.verify()
    changed_in(store)
    with pytest.raises(CacheMutated):
        detector.verify()


def test_replacing_and_deleting_is_no_change_in_place() -> None:
    """An object's life as the server tells it."""
    detector = MutationDetector()
    store = Indexer(detector=detector)
    store.apply("ADDED", obj(1))
    store.apply("MODIFIED", {**obj(2), "data": {}})
    store.apply("DELETED", obj(3))
    detector.verify()
    assert len(store) == 0


@pytest.mark.parametrize(("value", "on"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_it_is_switched_on_by_the_variable_of_client_go(monkeypatch: pytest.MonkeyPatch, value: str, on: bool) -> None:
    """Off in production, on in tests."""
    monkeypatch.setenv("KUBE_CACHE_MUTATION_DETECTOR", value)
    assert (MutationDetector.from_environment() is not None) is on


async def test_a_running_informer_dies_of_a_change_in_place() -> None:
    """So does the process it belongs to: nobody can miss it."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"},
        "data": {"k": "v"},
    }
    async with Environment("embedded") as environment, environment.client() as client:
        await client.create(CONFIG_MAP, body)
        factory = SharedInformerFactory(client)
        informer = factory.informer(CONFIG_MAP)
        task = asyncio.create_task(factory.run())
        await factory.wait_for_sync()
        cached: Any = informer.lister.get("a", "default")
        cached["data"]["k"] = "changed"
        with pytest.raises(CacheMutated):
            factory.verify()
        with pytest.raises(ExceptionGroup) as caught:
            await task
    assert caught.group_contains(CacheMutated)
