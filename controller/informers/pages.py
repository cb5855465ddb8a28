"""A collection by pages."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from controller.client import Client, RawPage
from controller.informers.options import CacheOptions
from controller.meta import Resource
from controller.meta.errors import Gone

PAGE = 500


class Pages:
    """Yields the undecoded items of each page; ``resource_version`` is the list's once it has ended.

    When the snapshot expires between two pages it yields None, which takes back what came before, and then everything in one piece: the
    result never mixes two snapshots. Raises ApiError.
    """

    def __init__(
        self, client: Client, resource: Resource, namespace: str, selection: CacheOptions, resource_version: str
    ) -> None:
        self.resource_version = ""
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._selection = selection
        self._first = resource_version

    async def __aiter__(self) -> AsyncIterator[Iterator[dict[str, Any]] | None]:
        page = await self._page(self._first, PAGE, "")
        yield page.items()
        while page.continue_:
            try:
                page = await self._page("", PAGE, page.continue_)
            except Gone:
                yield None
                page = await self._page("", 0, "")
            yield page.items()
        self.resource_version = page.resource_version

    async def _page(self, version: str, limit: int, token: str) -> RawPage:
        return await self._client.list_raw(
            self._resource,
            self._namespace or None,
            resource_version=version,
            limit=limit,
            continue_=token,
            label_selector=self._selection.label_selector,
            field_selector=self._selection.field_selector,
            metadata_only=self._selection.metadata_only,
        )
