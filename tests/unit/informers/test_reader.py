"""Reading whichever cache holds a resource, and ending a cache that is no longer needed."""

import asyncio

from controller import meta
from controller.client import Client
from controller.informers import CacheOptions, CacheReader, SharedInformerFactory
from controller.meta import NamespacedName, Resource
from tests.support.following import CONFIG_MAP, put


async def test_a_reader_takes_the_key_of_a_request(client: Client, namespace: str) -> None:
    """And finds what the informer's own lister finds."""
    await put(client, namespace, "a", k="v")
    factory = SharedInformerFactory(client, namespaces=[namespace])
    informer = factory.informer(CONFIG_MAP)
    informer.add_indexer("name", lambda obj: (meta.name_of(obj),))
    task = asyncio.create_task(factory.run())
    await factory.wait_for_sync()
    reader = CacheReader(factory.informer)
    found = reader.get(CONFIG_MAP, NamespacedName(namespace, "a"))
    assert found is not None
    assert found["data"] == {"k": "v"}
    assert found in reader.list(CONFIG_MAP, namespace)
    assert reader.by_index(CONFIG_MAP, "name", "a") == [found]
    assert reader.get(CONFIG_MAP, NamespacedName(namespace, "b")) is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_informer_can_be_stopped_while_the_others_go_on(client: Client, namespace: str) -> None:
    """Its watch ends and its handlers hear nothing more; asked for again it is a new one, which starts at once."""
    factory = SharedInformerFactory(client, namespaces=[namespace])
    stopped, other = factory.informer(CONFIG_MAP), factory.informer(Resource("", "v1", "secrets", "Secret"))
    heard: list[str] = []
    stopped.add_handler(lambda delta: heard.append(delta.key.name))
    task = asyncio.create_task(factory.run())
    await factory.wait_for_sync()
    heard.clear()
    await factory.stop(stopped)
    await factory.stop(stopped)
    assert list(factory) == [other]
    again = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace]))
    assert again is not stopped
    await factory.wait_for_sync()
    await put(client, namespace, "late")
    while again.lister.get("late", namespace) is None:
        await asyncio.sleep(0.02)
    assert heard == []
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
