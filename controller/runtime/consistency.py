"""The conditions for a controller's first pass: its caches are synced and, in a new leader, consistent.

Consistent means that a cache has seen everything that happened before this process became leader. Why a leader waits, step by step:

1. A leads and renders generation 2 of an object into its children. B stands by; its watch lags and its cache shows generation 1.
2. A dies, B becomes leader.
3. If B worked at once, it would put generation 1 over A's children of generation 2.
4. So B asks the API server, for each informer, how far its collection is now, and waits until its own cache has got that far.
"""

import asyncio
from collections.abc import Iterable

import structlog

from controller import meta
from controller.client import Client
from controller.informers import SharedInformer
from controller.meta.errors import ApiError

_log = structlog.get_logger("controller.runtime")

_FIRST_REPORT_SECONDS = 1.5
"""How long a controller waits for its caches before the log says which kinds are missing."""

_REPORT_EVERY_SECONDS = 60.0

_WAIT_SECONDS = 30.0
"""How long one attempt waits for a cache before it logs that it still lags."""

_RETRY_SECONDS = 1.0
"""Pause after an attempt that failed."""


async def wait_for_sync(controller: str, informers: Iterable[SharedInformer]) -> None:
    """Return once all caches are synced; meanwhile the log has a line for each kind that is missing, with the reason."""
    waiting = {asyncio.create_task(informer.wait_for_sync()): informer for informer in informers}
    pending, timeout = set(waiting), _FIRST_REPORT_SECONDS
    try:
        while pending:
            _, pending = await asyncio.wait(pending, timeout=timeout)
            for resource, problem in sorted((waiting[task].resource.key, waiting[task].problem) for task in pending):
                _log.warning("Waiting for the first list", controller=controller, resource=resource, error=problem)
            timeout = _REPORT_EVERY_SECONDS
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def wait_for_consistency(client: Client, informers: Iterable[SharedInformer]) -> None:
    """Return once every informer has seen what the API server held when it was asked.

    Costs one LIST of one object per informer. Versions count per resource, so one of the informer's namespaces is asked; and with its
    field selector, because who may read one object by its name may not be allowed to list the others. Waits without limit: a reconciler
    must not work on a cache that lags. The first version asked for stays the goal, unless the server's data was rolled back behind it.
    """
    async with asyncio.TaskGroup() as group:
        for informer in dict.fromkeys(informers):
            group.create_task(_wait_for_one(client, informer))


async def _wait_for_one(client: Client, informer: SharedInformer) -> None:
    version = await _current_version(client, informer)
    while True:
        try:
            return await informer.wait_for_version(version, _WAIT_SECONDS)
        except TimeoutError:
            _log.warning("Cache has not caught up yet", resource=informer.resource.key, version=version)
        current = await _current_version(client, informer)
        if meta.is_newer(version, current):
            version = current


async def _current_version(client: Client, informer: SharedInformer) -> str:
    """The version of the informer's collection on the server; asks until there is an answer."""
    namespace = next(iter(informer.options.namespaces or ()), None)
    selector = informer.options.field_selector
    while True:
        try:
            page = await client.list(informer.resource, namespace, field_selector=selector, limit=1, metadata_only=True)
        except ApiError as error:
            _log.warning("Cannot read the collection's version", resource=informer.resource.key, error=str(error))
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return page.resource_version
