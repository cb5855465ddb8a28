"""Waiting until a cache is consistent: it costs no list, and a list in progress goes on to its end."""

import pytest

from controller.client import Client
from controller.envtest import Environment
from controller.meta import Resource
from controller.testing import FaultProxy, SeenRequest, matching
from tests.support.following import CONFIG_MAP, following, put

SECRET = Resource("", "v1", "secrets", "Secret")
WATCH = matching("WATCH", "/configmaps")


def everything(seen: SeenRequest) -> bool:
    """Requests that fetch the whole collection: lists without a limit of one, and streams that begin with all objects."""
    stream = WATCH(seen) and seen.query.get("sendInitialEvents") == "true"
    return stream or (seen.verb == "GET" and "/configmaps" in seen.path and seen.query.get("limit") != "1")


async def current_version(client: Client, namespace: str) -> str:
    """How far the collection is on the server now."""
    return (await client.list(CONFIG_MAP, namespace, limit=1)).resource_version


async def test_a_quiet_kind_becomes_consistent_without_a_list(
    environment: Environment, client: Client, namespace: str
) -> None:
    """Nothing happens to ConfigMaps while the server's version moves on: a short watch brings a bookmark, and nothing is listed."""
    await put(client, namespace, "a")
    async with (
        FaultProxy(environment.config) as proxy,
        await Client.connect(proxy.config) as through,
        following(through, CONFIG_MAP, namespace) as followed,
    ):
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other", "namespace": namespace}}
        await client.create(SECRET, body)
        version = await current_version(client, namespace)
        await followed.informer.wait_for_version(version, 30)
        assert proxy.count(everything) == 1
        await put(client, namespace, "b")
        await followed.until(lambda: followed.names() == {"a", "b"})
        assert proxy.count(everything) == 1


async def test_a_missed_change_arrives_before_the_cache_counts_as_consistent(
    proxy: FaultProxy, admin: Client, room: str
) -> None:
    """The watch is frozen while an object is created; the short watch brings it."""
    async with await Client.connect(proxy.config) as hurt, following(hurt, CONFIG_MAP, room) as followed:
        with proxy.freezing(everything):
            await put(admin, room, "a")
            await followed.informer.wait_for_version(await current_version(admin, room), 30)
            assert followed.names() == {"a"}


@pytest.mark.timeout(300)
async def test_a_long_list_in_progress_is_not_interrupted(proxy: FaultProxy, admin: Client, room: str) -> None:
    """The stream takes longer than many attempts to wait: it is made once and ends, and then the cache is consistent."""
    for index in range(20):
        await put(admin, room, f"c{index}")
    with proxy.delaying(WATCH, 0.2):
        async with (
            await Client.connect(proxy.config) as hurt,
            following(hurt, CONFIG_MAP, room, synced=False) as followed,
        ):
            version = await current_version(admin, room)
            attempts = 0
            while True:
                attempts += 1
                try:
                    await followed.informer.wait_for_version(version, 0.3)
                except TimeoutError:
                    continue
                break
            assert attempts > 1
            assert len(followed.names()) == 20
            assert proxy.count(everything) == 1
