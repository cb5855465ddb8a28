"""Another controller that writes a ModelBooster's children too: it sees a change and replaces the object by what it wants."""

import asyncio
import contextlib
import copy
from collections.abc import AsyncIterator, Iterable
from typing import Any

from controller import meta
from controller.client import Client
from controller.envtest import Environment
from controller.meta import Object, Resource
from controller.meta.errors import ApiError

GO_BOOSTER = "kthena-controller-manager"
_EVERY_SECONDS = 0.1


class Rival:
    """Replaces an object whenever it is not what this writer wants, as its revision label tells."""

    def __init__(self, client: Client, wanted: Iterable[tuple[Resource, Object]], revision: str) -> None:
        self._client = client
        self._wanted = list(wanted)
        self._revision = revision
        self.writes = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for resource, wanted in self._wanted:
                with contextlib.suppress(ApiError):
                    await self._insist(resource, wanted)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _insist(self, resource: Resource, wanted: Object) -> None:
        live = await self._client.get(resource, meta.name_of(wanted), meta.namespace_of(wanted))
        if meta.labels_of(live).get(self._revision) == meta.labels_of(wanted).get(self._revision):
            return
        body: dict[str, Any] = copy.deepcopy(dict(wanted))
        body["metadata"]["resourceVersion"] = meta.resource_version_of(live)
        await self._client.replace(resource, body)
        self.writes += 1


@contextlib.asynccontextmanager
async def insisting(
    environment: Environment, wanted: Iterable[tuple[Resource, Object]], revision: str, manager: str = GO_BOOSTER
) -> AsyncIterator[Rival]:
    """A rival at work under the name of this field manager, until the block is left."""
    async with environment.client() as client:
        client.field_manager = manager
        rival = Rival(client, wanted, revision)
        running = asyncio.create_task(rival.run())
        try:
            yield rival
        finally:
            running.cancel()
            await asyncio.wait([running])
