"""Watches of the embedded server: they end with their client, with the server, or when they fall too far behind."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from controller.envtest.embedded.server import EmbeddedServer
from controller.envtest.embedded.storage import Entry
from controller.envtest.embedded.watches import Watcher
from controller.meta import NamespacedName
from tests.support.factories import eventually

RESOURCE = ("", "configmaps")


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedServer]:
    """A server of the test's own."""
    running = EmbeddedServer()
    await running.start()
    yield running
    await running.stop()


def an_entry(revision: int) -> Entry:
    obj = {"metadata": {"name": "one", "resourceVersion": str(revision)}}
    return Entry(revision, RESOURCE, NamespacedName("default", "one"), None, obj, obj)


async def test_a_watch_ends_with_its_client_and_leaves_no_task(server: EmbeddedServer) -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        answers = [
            await session.get(f"{server.url}/api/v1/configmaps", params={"watch": "1", "resourceVersion": "0"})
            for _ in range(3)
        ]
        assert len(server.watchers) == 3
        for answer in answers:
            answer.close()

        async def nobody_watches() -> bool:
            return len(server.watchers) == 0

        assert await eventually(nobody_watches)

    async def nothing_is_left() -> bool:
        return not asyncio.all_tasks() - before

    assert await eventually(nothing_is_left)


async def test_a_server_that_stops_ends_its_watches(server: EmbeddedServer) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/api/v1/configmaps", params={"watch": "1", "resourceVersion": "0"}) as answer,
    ):
        await server.stop()
        assert await answer.content.read() == b""
    assert len(server.watchers) == 0


async def test_changes_come_in_order_and_before_the_end() -> None:
    watcher = Watcher(RESOURCE)
    deadline = asyncio.get_running_loop().time() + 60
    watcher.push(an_entry(1))
    watcher.push(an_entry(2))
    watcher.close()
    taken = [await watcher.take(deadline) for _ in range(2)]
    assert [[entry.revision for entry in entries] for entries in taken] == [[1, 2], []]
    assert watcher.is_over


async def test_a_change_wakes_a_waiting_watcher() -> None:
    watcher = Watcher(RESOURCE)
    waiting = asyncio.create_task(watcher.take(asyncio.get_running_loop().time() + 60))
    await asyncio.sleep(0)
    entry = an_entry(1)
    watcher.push(entry)
    assert await waiting == [entry]


async def test_a_deadline_ends_the_wait_and_not_the_watch() -> None:
    watcher = Watcher(RESOURCE)
    assert await watcher.take(asyncio.get_running_loop().time()) == []
    assert not watcher.is_over


async def test_a_watcher_that_does_not_read_is_cut_off() -> None:
    watcher = Watcher(RESOURCE, most=3)
    for revision in range(1, 5):
        watcher.push(an_entry(revision))
    assert watcher.is_over
    assert await watcher.take(asyncio.get_running_loop().time() + 60) == []
