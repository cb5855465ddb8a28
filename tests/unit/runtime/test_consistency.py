"""The promotion barrier in virtual time: nothing is worked on before every cache has caught up with the moment of promotion."""

import asyncio

from controller.client import ListPage
from controller.informers import CacheOptions
from controller.meta import Resource
from controller.meta.errors import Forbidden
from controller.runtime.consistency import wait_for_consistency

PODS = Resource("", "v1", "pods", "Pod")
NODES = Resource("", "v1", "nodes", "Node", namespaced=False)


class Server:
    """Is at version 7, refuses the first requests, and notes what it was asked."""

    def __init__(self, refusals: int = 0) -> None:
        self.asked: list[tuple[str, str | None, int, str]] = []
        self._refusals = refusals

    async def list(
        self, resource: Resource, namespace: str | None, *, field_selector: str, limit: int, metadata_only: bool
    ) -> ListPage:
        """One page of what the server holds now."""
        self.asked.append((resource.plural, namespace, field_selector, limit))
        if len(self.asked) <= self._refusals:
            raise Forbidden("not yet")
        return ListPage((), "7")


class LaggingInformer:
    """Reaches version 7 at a certain time."""

    def __init__(self, resource: Resource, caught_up_at: float, options: CacheOptions | None = None) -> None:
        self.resource = resource
        self.options = options or CacheOptions()
        self._at = caught_up_at

    async def wait_for_version(self, version: str, timeout: float) -> None:
        """Returns at that time, or gives up."""
        assert version == "7"
        async with asyncio.timeout(timeout):
            await asyncio.sleep(max(0.0, self._at - asyncio.get_running_loop().time()))


async def caught_up_at(server: Server, *informers: LaggingInformer) -> float:
    await wait_for_consistency(server, informers)  # type: ignore[arg-type]
    return asyncio.get_running_loop().time()


def test_the_slowest_cache_decides(virtual_time):
    """One fresh LIST of one object per informer, in its namespace and of its fields, and then the wait for all of them."""

    async def scenario() -> None:
        server = Server()
        one = CacheOptions(namespaces=["ns", "other"], field_selector="metadata.name=a")
        assert await caught_up_at(server, LaggingInformer(PODS, 3, one), LaggingInformer(NODES, 12)) == 12
        assert server.asked == [("pods", "ns", "metadata.name=a", 1), ("nodes", None, "", 1)]

    virtual_time(scenario())


def test_neither_a_refusal_nor_a_cache_that_lags_for_long_opens_the_barrier(virtual_time):
    """It asks again until the server answers and the cache has followed."""

    async def scenario() -> None:
        server = Server(refusals=3)
        assert await caught_up_at(server, LaggingInformer(PODS, 100)) == 100
        assert len(server.asked) > 4

    virtual_time(scenario())
