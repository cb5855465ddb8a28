"""A collection by pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from controller.client.wire import RawPage
from controller.meta.errors import Gone

PAGE = 500
Fetch = Callable[[str, int, str], Awaitable[RawPage]]


class Pages:
    """Yields the undecoded items of each page; ``resource_version`` is the list's once it has ended.

    ``fetch`` gets a resourceVersion, a limit and a continue token. When the snapshot expires between two pages, None is yielded, which
    takes back what came before, and then everything in one piece: the result never mixes two snapshots. Raises ApiError.
    """

    def __init__(self, fetch: Fetch, *, resource_version: str = "", page_size: int = PAGE) -> None:
        self.resource_version = ""
        self._fetch = fetch
        self._first = resource_version
        self._page_size = page_size

    async def __aiter__(self) -> AsyncIterator[Iterator[dict[str, Any]] | None]:
        page = await self._fetch(self._first, self._page_size, "")
        yield page.items()
        while page.continue_:
            try:
                page = await self._fetch("", self._page_size, page.continue_)
            except Gone:
                yield None
                page = await self._fetch("", 0, "")
            yield page.items()
        self.resource_version = page.resource_version
