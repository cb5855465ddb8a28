"""The example with an external resource: created, resized, repaired after drift, and removed before its object is gone."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.client import Client
from controller.envtest import Environment
from controller.meta.errors import NotFound
from controller.runtime import Manager, ManagerOptions
from controller.testing import eventually
from examples.bucket import BUCKET, FINALIZER, setup
from examples.crds import crd_of


class MemoryStore:
    """A store whose calls fail while it is away."""

    def __init__(self) -> None:
        self.buckets: dict[str, int] = {}
        self.is_away = False

    async def ensure(self, name: str, size_gib: int) -> str:
        """Creates or resizes."""
        self._check()
        self.buckets[name] = size_gib
        return f"s3://{name}"

    async def remove(self, name: str) -> None:
        """Deletes."""
        self._check()
        self.buckets.pop(name, None)

    def _check(self) -> None:
        if self.is_away:
            raise ConnectionError("the store is away")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Environment("embedded", crds=[crd_of(BUCKET)]) as environment, environment.client() as client:
        yield client


@pytest.fixture
async def store(client: Client) -> AsyncIterator[MemoryStore]:
    """The store of a running controller."""
    store, stop = MemoryStore(), asyncio.Event()
    manager = Manager(client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))
    setup(manager, store, drift_seconds=0.5)
    running = asyncio.create_task(manager.run(stop))
    yield store
    stop.set()
    await running


async def put(client: Client, name: str, spec: dict[str, Any]) -> None:
    body = {"apiVersion": BUCKET.api_version, "kind": BUCKET.kind, "spec": spec}
    await client.create(BUCKET, {**body, "metadata": {"name": name, "namespace": "default"}})


async def test_a_bucket_follows_its_object_and_outlives_no_deletion(client: Client, store: MemoryStore) -> None:
    """Through an outage of the store, too: the object stays until its bucket is gone."""
    await put(client, "a", {"sizeGib": 5})

    async def reported() -> bool:
        obj = await client.get(BUCKET, "a", "default")
        return meta.status_of(obj).get("url") == "s3://default-a"

    await eventually(reported)
    assert store.buckets == {"default-a": 5}
    assert meta.metadata_of(await client.get(BUCKET, "a", "default"))["finalizers"] == [FINALIZER]
    await client.patch(BUCKET, "a", {"spec": {"sizeGib": 7}}, namespace="default")
    await eventually(lambda: store.buckets == {"default-a": 7})
    store.buckets.clear()
    await eventually(lambda: store.buckets == {"default-a": 7})
    store.is_away = True
    await client.delete(BUCKET, "a", namespace="default")
    assert meta.is_deleting(await client.get(BUCKET, "a", "default"))
    store.is_away = False

    async def gone() -> bool:
        try:
            await client.get(BUCKET, "a", "default")
        except NotFound:
            return True
        return False

    await eventually(gone)
    assert store.buckets == {}


async def test_an_object_of_the_wrong_shape_hurts_no_other(client: Client, store: MemoryStore) -> None:
    """It is a terminal error of its own key."""
    await put(client, "wrong", {"sizeGib": "huge"})
    await put(client, "right", {})
    await eventually(lambda: store.buckets == {"default-right": 1})
