"""The client's answers in the caches: a write is read at once, whatever the watch does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from controller import meta
from controller.client import Client
from controller.informers import CacheOptions, SharedInformer, SharedInformerFactory
from controller.informers.factory import is_still_there
from controller.meta import Resource

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


def config_map(name: str, namespace: str, **labels: str) -> meta.Object:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "v"}}


@contextlib.asynccontextmanager
async def cached(client: Client, options: CacheOptions) -> AsyncIterator[tuple[Client, SharedInformer]]:
    """A client whose writes are recorded, and an informer that hears nothing of its own after its first list."""
    factory = SharedInformerFactory(client)
    informer = factory.informer(CONFIG_MAP, options)
    task = asyncio.create_task(factory.run())
    await factory.wait_for_sync()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    yield client.recording(factory), informer


async def test_each_write_is_in_the_cache_when_it_returns(client: Client, namespace: str) -> None:
    """Create, patch, replace and delete; nobody hands the answers over."""
    async with cached(client, CacheOptions(namespaces=[namespace])) as (writer, informer):
        await writer.create(CONFIG_MAP, config_map("a", namespace))
        assert informer.lister.get("a", namespace) is not None
        patched = await writer.patch(CONFIG_MAP, "a", {"data": {"k": "w"}}, namespace=namespace)
        assert informer.lister.get("a", namespace) is not None
        found = informer.lister.get("a", namespace) or {}
        assert meta.resource_version_of(found) == meta.resource_version_of(patched)
        await writer.replace(CONFIG_MAP, config_map("a", namespace))
        assert (informer.lister.get("a", namespace) or {})["data"] == {"k": "v"}
        await writer.delete(CONFIG_MAP, "a", namespace=namespace)
        assert informer.lister.get("a", namespace) is None


async def test_an_object_that_waits_for_a_finalizer_stays_until_it_is_gone(client: Client, namespace: str) -> None:
    """The cache shows its deletion timestamp, and loses it when the finalizer is taken off."""
    async with cached(client, CacheOptions(namespaces=[namespace])) as (writer, informer):
        held = config_map("a", namespace)
        metadata = {**held["metadata"], "finalizers": ["example.com/hold"]}
        await writer.create(CONFIG_MAP, {**held, "metadata": metadata})
        await writer.delete(CONFIG_MAP, "a", namespace=namespace)
        assert meta.is_deleting(informer.lister.get("a", namespace) or {})
        await client.patch(CONFIG_MAP, "a", {"metadata": {"finalizers": None}}, namespace=namespace)


async def test_only_what_belongs_into_a_cache_enters_it(client: Client, namespace: str) -> None:
    """Another namespace, another selection, more than metadata: neither stays out by luck; what leaves the selection leaves the cache."""
    options = CacheOptions(namespaces=[namespace], label_selector="mine", metadata_only=True)
    async with cached(client, options) as (writer, informer):
        await writer.create(CONFIG_MAP, config_map("foreign", "default", mine=""))
        await writer.delete(CONFIG_MAP, "foreign", namespace="default")
        await writer.create(CONFIG_MAP, config_map("other", namespace))
        await writer.create(CONFIG_MAP, config_map("mine", namespace, mine=""))
        assert [meta.name_of(obj) for obj in informer.lister.list()] == ["mine"]
        assert set(informer.lister.list()[0]) == {"apiVersion", "kind", "metadata"}
        await writer.patch(CONFIG_MAP, "mine", {"metadata": {"labels": {"mine": None}}}, namespace=namespace)
        assert informer.lister.list() == []


def test_a_deleted_pod_is_there_until_its_grace_period_is_over() -> None:
    """The server answers with the object both when it is gone and when it is not."""
    deleting = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert is_still_there({"metadata": {**deleting, "deletionGracePeriodSeconds": 30}})
    assert not is_still_there({"metadata": {**deleting, "deletionGracePeriodSeconds": 0}})
    assert not is_still_there({"metadata": {}})
