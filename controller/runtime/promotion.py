"""The promotion barrier: a new leader works only on caches that have caught up with the moment it became leader.

A standby's cache may lag behind what the former leader already acted on; rendering it would put an older generation over newer children.
"""

import asyncio
from collections.abc import Iterable

import structlog

from controller.client import Client
from controller.informers import SharedInformer
from controller.meta.errors import ApiError

_log = structlog.get_logger("controller.runtime")

_PATIENCE = 30.0
_PAUSE = 1.0


async def catch_up(client: Client, informers: Iterable[SharedInformer]) -> None:
    """Return once every informer has seen what the API server held when it was asked, one LIST of one object per informer.

    Versions count per resource, so asking in one of an informer's namespaces is enough. Each is asked with its informer's field selector:
    who may read one object by its name may not list the others. Tries until it succeeds: a cache that lags must not be worked from.
    """
    async with asyncio.TaskGroup() as group:
        for informer in informers:
            group.create_task(_catch_up_one(client, informer))


async def _catch_up_one(client: Client, informer: SharedInformer) -> None:
    namespace = next(iter(informer.options.namespaces or ()), None)
    while True:
        try:
            page = await client.list(
                informer.resource,
                namespace,
                field_selector=informer.options.field_selector,
                limit=1,
                metadata_only=True,
            )
            await informer.wait_for_version(page.resource_version, _PATIENCE)
            return
        except (ApiError, TimeoutError) as error:
            _log.warning("Cache has not caught up yet", resource=informer.resource.key, error=str(error))
            await asyncio.sleep(_PAUSE)
