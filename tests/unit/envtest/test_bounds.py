"""A server that runs for days keeps a bounded memory of what has passed."""

import asyncio

import aiohttp
import pytest

from controller.envtest.embedded import fault_rules
from controller.envtest.embedded.server import EmbeddedServer
from controller.envtest.embedded.storage import Storage
from controller.meta import NamespacedName
from tests.support.factories import eventually

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_the_older_half_of_the_requests_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_rules, "_MOST_REQUESTS", 10)
    server = EmbeddedServer()
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        for number in range(25):
            async with session.get(f"{MAPS}/{number}") as answer:
                assert answer.status == 404
    await server.stop()
    assert 5 <= len(server.faults.requests) <= 10
    assert server.faults.requests[-1].path == f"{MAPS}/24"


def test_the_history_of_watches_is_bounded() -> None:
    storage = Storage(history=5)
    for number in range(20):
        storage.put(("", "configmaps"), NamespacedName("default", "one"), {"metadata": {"name": "one", "n": number}})
    assert storage.oldest(("", "configmaps")) == storage.revision - 5
    assert len(list(storage.since(storage.oldest(("", "configmaps")), ("", "configmaps")))) == 5


async def test_owners_that_are_gone_leave_nothing() -> None:
    server = EmbeddedServer()
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        async with session.post(MAPS, json={"metadata": {"name": "owner"}}) as answer:
            uid = (await answer.json())["metadata"]["uid"]
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
        async with session.post(MAPS, json={"metadata": {"name": "owned", "ownerReferences": [owner]}}):
            pass
        async with session.delete(f"{MAPS}/owner"):
            pass

        async def nothing_is_left() -> bool:
            await asyncio.sleep(0)
            return not server._collector._dependents and server.storage.count(("", "configmaps")) == 0

        assert await eventually(nothing_is_left)
    await server.stop()
