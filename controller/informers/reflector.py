"""The shell around the list-and-watch machine: it obeys, and puts what comes in into the store."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

import structlog

from controller import meta
from controller.client import Client, WatchEvent
from controller.informers.delta import Delta
from controller.informers.listwatch import List, ListWatch, Wait, Watch, WatchList
from controller.informers.options import CacheOptions, ReflectorOptions, Transform
from controller.informers.store import Indexer
from controller.meta import NamespacedName, Object, Resource
from controller.meta.errors import ApiError, Gone, StatusError, TransportError, status_error

_log = structlog.get_logger("controller.informers")

PAGE = 500
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_BREATH = 200
_REPORT_EVERY = 60.0
_INITIAL_SILENCE = 30.0
_LIST_SECONDS = 180.0
_SLACK = 30.0
_CHANGES = ("ADDED", "MODIFIED", "DELETED")


class InformerMetrics(Protocol):
    """Told what a reflector does; ``at`` is seconds since the epoch."""

    def added(self, resource: Resource) -> None:
        """There is an informer of this resource."""

    def listed(self, resource: Resource) -> None:
        """A full list came in."""

    def watch_ended(self, resource: Resource, reason: str) -> None:
        """A watch is over."""

    def saw(self, resource: Resource, version: str, at: float) -> None:
        """A list, event or bookmark came in."""

    def queued(self, resource: Resource, items: int) -> None:
        """So many items of a list have come in and are not handed out yet."""

    def processed(self, resource: Resource, seconds: float) -> None:
        """All handlers were told of one change, which took so long."""


class NoInformerMetrics:
    """Observes nothing."""

    def added(self, resource: Resource) -> None:
        """Nothing."""

    def listed(self, resource: Resource) -> None:
        """Nothing."""

    def watch_ended(self, resource: Resource, reason: str) -> None:
        """Nothing."""

    def saw(self, resource: Resource, version: str, at: float) -> None:
        """Nothing."""

    def queued(self, resource: Resource, items: int) -> None:
        """Nothing."""

    def processed(self, resource: Resource, seconds: float) -> None:
        """Nothing."""


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
        selection: CacheOptions,
        options: ReflectorOptions,
        transform: Transform,
        metrics: InformerMetrics,
    ) -> None:
        self._client = client
        self._resource = resource
        self._store = store
        self._dispatch = dispatch
        self._namespace = namespace
        self._transform = transform
        self._selection = selection
        self._metrics = metrics
        self._machine = ListWatch(options.watch_timeout / 2, options.relist_interval, random.random)
        self._interrupt = asyncio.Event()
        self._listing = False
        self._moved = asyncio.Condition()
        self._reported_at = float("-inf")
        self._due = float("inf")

    @property
    def has_synced(self) -> bool:
        """Whether a first list is in the store."""
        return self._machine.has_listed

    @property
    def problem(self) -> str:
        """Why it has not synced, in the server's words."""
        return self._machine.problem

    def overdue(self) -> float:
        """Seconds since the loop should have shown a sign of life; 0 as long as it has time, whether the server answers or not."""
        return max(0.0, time.monotonic() - self._due)

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            action = self._machine.next(time.monotonic())
            match action:
                case Wait(seconds):
                    self._expect(seconds)
                    await self._pause(seconds)
                case List(version):
                    await self._list(version)
                case Watch() | WatchList():
                    await self._watch(action)

    def _expect(self, seconds: float) -> None:
        """The next sign of life has to come within so many seconds, give or take."""
        self._due = time.monotonic() + seconds + _SLACK

    async def wait_for_sync(self) -> None:
        """Return once a first list is in the store."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.has_synced)

    async def wait_for_version(self, version: str, seconds: float) -> None:
        """Return once this version is reached. Raises TimeoutError after ``seconds``.

        1. A list in progress goes on to its end: interrupted, a long one would never end.
        2. Then a quiet watch is replaced by a short one from the same version. The server sends what was missed, and a bookmark before
           the short window ends.
        3. A server that sends no bookmark is listed, as after any window of silence.
        """
        async with asyncio.timeout(seconds), self._moved:
            await self._moved.wait_for(lambda: self._reached(version) or not self._listing)
            if not self._reached(version):
                self._machine.ask_for_bookmark()
                self._interrupt.set()
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
        self._listing = True
        try:
            items, listed_version = await self._pages(version)
        except ApiError as error:
            self._machine.list_failed(error, time.monotonic())
            self._report(error)
            await self._list_ended()
        else:
            await self._replace(items, listed_version)

    async def _list_ended(self) -> None:
        self._listing = False
        self._interrupt.clear()
        await self._notify()

    async def _pages(self, version: str) -> tuple[list[Object], str]:
        """All items, by pages. When the snapshot expires between two pages, all in one piece: never parts of two snapshots."""
        items: list[Object] = []
        token = ""
        while True:
            try:
                page_version, token = await self._page(items, version, PAGE, token)
            except Gone:
                if not token:
                    raise
                items.clear()
                page_version, token = await self._page(items, "", 0, "")
            if not token:
                return items, page_version

    async def _page(self, items: list[Object], version: str, limit: int, token: str) -> tuple[str, str]:
        """Adds one page to the items; returns the list's version and the token of the next page."""
        self._expect(_LIST_SECONDS)
        page = await self._client.list(
            self._resource,
            self._namespace or None,
            resource_version="" if token else version,
            limit=limit,
            continue_=token,
            label_selector=self._selection.label_selector,
            field_selector=self._selection.field_selector,
            metadata_only=self._selection.metadata_only,
        )
        for start in range(0, len(page.items), _BREATH):
            items += [self._transform(item) for item in page.items[start : start + _BREATH]]
            self._metrics.queued(self._resource, len(items))
            await asyncio.sleep(0)
        return page.resource_version, page.continue_

    async def _replace(self, items: Sequence[Object], version: str) -> None:
        """The store holds exactly these items from now on, and all handlers know."""
        initial, seen = not self._machine.has_listed, self._machine.version
        rewound = self._machine.listed(version, time.monotonic())
        deltas = self._store.replace(items, version, namespace=self._namespace, rewound=rewound, initial=initial)
        self._dispatch(deltas)
        self._metrics.queued(self._resource, 0)
        self._metrics.listed(self._resource)
        self._metrics.saw(self._resource, version, time.time())
        if rewound:
            _log.warning("The API server's store went back; everything is taken anew", resource=self._resource.key)
        elif missed := [delta for delta in deltas if _should_be_known(delta, seen, version)]:
            keys = sorted(str(meta.key_of(delta.object)) for delta in missed)
            _log.warning(
                "The watch had missed changes", resource=self._resource.key, objects=keys[:10], count=len(keys)
            )
        await self._list_ended()

    async def _watch(self, action: Watch | WatchList) -> None:
        failure: ApiError | None = None
        self._listing = isinstance(action, WatchList)
        self._interrupt.clear()
        reading = asyncio.create_task(self._read(action))
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
        if self._listing:
            await self._list_ended()
        reason = self._machine.watch_ended(failure, time.monotonic())
        self._metrics.watch_ended(self._resource, reason)

    async def _read(self, action: Watch | WatchList) -> None:
        self._expect(action.idle_timeout)
        watch = self._client.watch(
            self._resource,
            self._namespace or None,
            resource_version=action.resource_version if isinstance(action, Watch) else "",
            timeout_seconds=action.window,
            idle_timeout=action.idle_timeout,
            send_initial_events=isinstance(action, WatchList),
            label_selector=self._selection.label_selector,
            field_selector=self._selection.field_selector,
            metadata_only=self._selection.metadata_only,
        )
        async with watch as events:
            if isinstance(action, WatchList):
                await self._replace(*await self._initial(events))
            taken = 0
            async for event in events:
                self._expect(action.idle_timeout)
                await self._take(event)
                taken += 1
                if taken % _BREATH == 0:
                    await asyncio.sleep(0)

    async def _initial(self, events: AsyncIterator[WatchEvent]) -> tuple[list[Object], str]:
        """What a stream begins with, complete: the items and their version. Raises ApiError when the stream ends or pauses too early."""
        items: dict[NamespacedName, Object] = {}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_INITIAL_SILENCE) as silence:
                async for event in events:
                    self._expect(_INITIAL_SILENCE)
                    silence.reschedule(loop.time() + _INITIAL_SILENCE)
                    obj = event.object
                    if event.type == "ERROR":
                        raise _error_of(event)
                    if event.type == "DELETED":
                        items.pop(meta.key_of(obj), None)
                    elif event.type in _CHANGES:
                        items[meta.key_of(obj)] = self._transform(obj)
                    elif meta.annotations_of(obj).get(INITIAL_EVENTS_END) == "true":
                        return list(items.values()), meta.resource_version_of(obj)
                    if len(items) % _BREATH == 0:
                        self._metrics.queued(self._resource, len(items))
                        await asyncio.sleep(0)
        except TimeoutError:
            raise TransportError(f"no initial event for {_INITIAL_SILENCE:g} s") from None
        raise TransportError("the stream ended before the end of the initial events")

    async def _take(self, event: WatchEvent) -> None:
        if event.type == "ERROR":
            raise _error_of(event)
        if event.type in _CHANGES:
            delta = self._store.apply(event.type, self._transform(event.object))
            if delta is not None:
                self._dispatch((delta,))
        elif event.type != "BOOKMARK":
            _log.warning("Unknown watch event", resource=self._resource.key, type=event.type)
        version = meta.resource_version_of(event.object)
        self._machine.saw(version, bookmark=event.type == "BOOKMARK")
        self._metrics.saw(self._resource, version, time.time())
        await self._notify()

    def _report(self, error: ApiError) -> None:
        """At most one line a minute, and only once there is something to lose; before the first list the manager says what is missing."""
        now = time.monotonic()
        if not self.has_synced or now - self._reported_at < _REPORT_EVERY:
            return
        self._reported_at = now
        _log.warning("Cannot list or watch", resource=self._resource.key, namespace=self._namespace, error=str(error))


def _error_of(event: WatchEvent) -> StatusError:
    code = event.object.get("code")
    return status_error(code if isinstance(code, int) else 500, event.object)


def _should_be_known(delta: Delta, seen: str, listed: str) -> bool:
    """Whether a watch that had reached ``seen`` should have told this change, which only a list at ``listed`` showed.

    When an absent object was deleted is not known, unless nothing at all has happened since.
    """
    if not seen:
        return False
    if delta.new is None:
        return seen == listed
    return not meta.is_newer(meta.resource_version_of(delta.new), seen)
