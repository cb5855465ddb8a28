"""The shell around the list-and-watch machine: it obeys, and puts what comes in into the store."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog

from controller import meta
from controller.client import Client
from controller.informers.delta import Delta
from controller.informers.listwatch import List, ListWatch, Wait, Watch
from controller.informers.store import Indexer
from controller.meta import Object, Resource
from controller.meta.errors import ApiError, status_error

_log = structlog.get_logger("controller.informers")

PAGE = 500
_BREATH = 200
_REPORT_EVERY = 60.0


class InformerMetrics(Protocol):
    """Told what a reflector does; ``at`` is seconds since the epoch."""

    def listed(self, resource: Resource) -> None:
        """A full list came in."""

    def watch_ended(self, resource: Resource, reason: str) -> None:
        """A watch is over."""

    def saw(self, resource: Resource, version: str, at: float) -> None:
        """An event or bookmark came in."""


Transform = Callable[[dict[str, Any]], Object]


class Reflector:
    """Keeps one namespace's part of a store (or all of it) equal to what the API server holds."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        store: Indexer,
        dispatch: Callable[[Sequence[Delta]], None],
        *,
        namespace: str,
        watch_timeout: float,
        resync: float,
        transform: Transform,
        selectors: dict[str, Any],
        metrics: InformerMetrics | None,
    ) -> None:
        self._client = client
        self._resource = resource
        self._store = store
        self._dispatch = dispatch
        self._namespace = namespace
        self._transform = transform
        self._selectors = selectors
        self._metrics = metrics
        self._machine = ListWatch(watch_timeout / 2, resync, random.random)
        self._interrupt = asyncio.Event()
        self._moved = asyncio.Condition()
        self._reported_at = float("-inf")

    @property
    def has_synced(self) -> bool:
        """Whether a first list is in the store."""
        return self._machine.has_listed

    @property
    def problem(self) -> str:
        """Why it has not synced, in the server's words."""
        return self._machine.problem

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            match self._machine.next(time.monotonic()):
                case Wait(seconds):
                    await self._pause(seconds)
                case List(version):
                    await self._list(version)
                case Watch(version, window, idle):
                    await self._watch(version, window, idle)

    async def wait_for_version(self, version: str, seconds: float) -> None:
        """Returns once this version is reached, by a new list if need be. Raises TimeoutError after ``seconds``."""
        async with asyncio.timeout(seconds):
            if not self._reached(version):
                self._machine.relist()
                self._interrupt.set()
            async with self._moved:
                await self._moved.wait_for(lambda: self._reached(version))

    def _reached(self, version: str) -> bool:
        return self.has_synced and not meta.is_newer(version, self._machine.version)

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._interrupt.wait()
        except TimeoutError:
            pass
        self._interrupt.clear()

    async def _list(self, version: str) -> None:
        initial = not self._machine.has_listed
        try:
            items, listed_version = await self._pages(version)
        except ApiError as error:
            self._machine.list_failed(error, time.monotonic())
            self._report(error)
            return
        rewound = self._machine.listed(listed_version, time.monotonic())
        if rewound:
            _log.warning("The API server's store went back; everything is taken anew", resource=self._resource.key)
        self._dispatch(
            self._store.replace(items, listed_version, namespace=self._namespace, rewound=rewound, initial=initial)
        )
        if self._metrics is not None:
            self._metrics.listed(self._resource)
        await self._notify()

    async def _pages(self, version: str) -> tuple[list[Object], str]:
        items: list[Object] = []
        token = ""
        while True:
            page = await self._client.list(
                self._resource,
                self._namespace or None,
                resource_version="" if token else version,
                limit=PAGE,
                continue_=token,
                **self._selectors,
            )
            for start in range(0, len(page.items), _BREATH):
                items += [self._transform(item) for item in page.items[start : start + _BREATH]]
                await asyncio.sleep(0)
            if not page.continue_:
                return items, page.resource_version
            token = page.continue_

    async def _watch(self, version: str, window: float, idle: float) -> None:
        failure: ApiError | None = None
        reading = asyncio.create_task(self._read(version, window, idle))
        interrupt = asyncio.create_task(self._interrupt.wait())
        try:
            await asyncio.wait({reading, interrupt}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                self._interrupt.clear()
                return
            await reading
        except ApiError as error:
            failure = error
            self._report(error)
        finally:
            for task in (reading, interrupt):
                task.cancel()
            await asyncio.gather(reading, interrupt, return_exceptions=True)
        reason = self._machine.watch_ended(failure, time.monotonic())
        if self._metrics is not None:
            self._metrics.watch_ended(self._resource, reason)

    async def _read(self, version: str, window: float, idle: float) -> None:
        watch = self._client.watch(
            self._resource,
            self._namespace or None,
            resource_version=version,
            timeout_seconds=window,
            idle_timeout=idle,
            **self._selectors,
        )
        async with watch as events:
            async for event in events:
                await self._take(event.type, event.object)

    async def _take(self, type_: str, obj: dict[str, Any]) -> None:
        if type_ == "ERROR":
            code = obj.get("code")
            raise status_error(code if isinstance(code, int) else 500, obj)
        if type_ in ("ADDED", "MODIFIED", "DELETED"):
            delta = self._store.apply(type_, self._transform(obj))
            if delta is not None:
                self._dispatch((delta,))
        elif type_ != "BOOKMARK":
            _log.warning("Unknown watch event", resource=self._resource.key, type=type_)
        version = meta.resource_version_of(obj)
        self._machine.saw(version, bookmark=type_ == "BOOKMARK")
        if self._metrics is not None:
            self._metrics.saw(self._resource, version, time.time())
        await self._notify()

    def _report(self, error: ApiError) -> None:
        """At most one line a minute, and only once there is something to lose; before the first list the manager says what is missing."""
        now = time.monotonic()
        if not self.has_synced or now - self._reported_at < _REPORT_EVERY:
            return
        self._reported_at = now
        _log.warning("Cannot list or watch", resource=self._resource.key, namespace=self._namespace, error=str(error))
