"""An informer at work, and what its handler was told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from controller import meta
from controller.client import Client
from controller.informers import CacheOptions, Delta, ReflectorOptions, SharedInformer, SharedInformerFactory
from controller.meta import Resource

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


class Followed:
    """An informer at work and everything its handler was told."""

    def __init__(self, informer: SharedInformer) -> None:
        self.informer = informer
        self.told: list[tuple[str, str]] = []
        informer.add_handler(self._hear)

    def _hear(self, delta: Delta) -> None:
        self.told.append((delta.type.value, meta.name_of(delta.object)))

    def names(self) -> set[str]:
        """What is in the cache."""
        return {meta.name_of(obj) for obj in self.informer.lister.list()}

    async def until(self, check: Callable[[], bool]) -> None:
        """Polls until the check holds; the test's own time limit is the only one."""
        while not check():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def following(
    client: Client,
    resource: Resource,
    *namespaces: str,
    watch_timeout: float = 300.0,
    relist_interval: float = 14400.0,
    synced: bool = True,
    **options: Any,
) -> AsyncIterator[Followed]:
    """An informer of these objects, by default once it has synced."""
    factory = SharedInformerFactory(client, options=ReflectorOptions(watch_timeout, relist_interval))
    followed = Followed(factory.informer(resource, CacheOptions(namespaces=namespaces, **options)))
    task = asyncio.create_task(factory.run())
    try:
        if synced:
            await factory.wait_for_sync()
        yield followed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def put(client: Client, namespace: str, name: str, **data: str) -> None:
    """Creates a ConfigMap."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}
    await client.create(CONFIG_MAP, body)
