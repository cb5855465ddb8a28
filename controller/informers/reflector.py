"""The shell around the list-and-watch machine: carries out its actions and fills the store."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

import structlog

from controller import meta
from controller.client import Client, Pages, RawPage, WatchEvent
from controller.informers.delta import Delta, DeltaType
from controller.informers.listwatch import List, ListWatch, StreamUnknown, Wait, Watch, WatchList
from controller.informers.metrics import ReflectorMetrics
from controller.informers.options import CacheOptions, ReflectorOptions
from controller.informers.replacement import Replacement
from controller.informers.slices import Slices
from controller.informers.store import Indexer
from controller.meta import NamespacedName, Object, Resource
from controller.meta.errors import ApiError, StatusError, TransportError, status_error

_log = structlog.get_logger("controller.informers")

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_REPORT_SECONDS = 60.0
_FIRST_EVENT_SECONDS = 30.0
_NEXT_EVENT_SECONDS = 30.0
_BOOKMARK_SECONDS = 15.0
_LIST_SECONDS = 180.0
_SLACK_SECONDS = 30.0
_CHANGES = ("ADDED", "MODIFIED", "DELETED")


class Sink(Protocol):
    """Where a reflector's objects go."""

    def shape(self, obj: dict[str, Any]) -> Object:
        """The object as it is stored; may raise what a user's transform raises."""

    def keeps(self, obj: Object) -> bool:
        """Whether a function of the user lets the object in."""

    def failed(self, function: str, obj: Object, error: BaseException) -> None:
        """A user's function raised for this object."""

    def dispatch(self, delta: Delta) -> None:
        """Deliver one change to all handlers."""

    async def dispatch_all(self, deltas: Sequence[Delta]) -> None:
        """Deliver many changes to all handlers, in slices; returns when all were delivered."""


class Reflector:
    """Keeps a store equal to what the API server holds of one namespace, or of all of them."""

    def __init__(
        self,
        client: Client,
        resource: Resource,
        store: Indexer,
        sink: Sink,
        *,
        namespace: str,
        selection: CacheOptions,
        options: ReflectorOptions,
        metrics: ReflectorMetrics,
    ) -> None:
        self._client = client
        self._resource = resource
        self._store = store
        self._sink = sink
        self._namespace = namespace
        self._selection = selection
        self._metrics = metrics
        self._machine = ListWatch(options.watch_timeout / 2, options.relist_interval, random.random)
        self._interrupt = asyncio.Event()
        self._not_listing = asyncio.Event()
        self._not_listing.set()
        self._tried = asyncio.Event()
        self._rejected: dict[NamespacedName, dict[str, Any]] = {}
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []
        self._reported_at = float("-inf")
        self._due = float("inf")

    @property
    def has_listed(self) -> bool:
        """Whether a first list is in the store."""
        return self._machine.has_listed

    @property
    def problem(self) -> str:
        """Why it has not listed, in the server's words; with the namespace, if it is limited to one."""
        where = f"namespace {self._namespace}: " if self._namespace else ""
        return where + self._machine.problem

    def overdue(self) -> str | None:
        """The reason why the loop has missed its liveness deadline, or None. A server that does not answer does not count."""
        seconds = time.monotonic() - self._due
        where = f" in namespace {self._namespace}" if self._namespace else ""
        return f"the watch of {self._resource.key}{where} is overdue by {seconds:.0f} s" if seconds > 0 else None

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
                    self._tried.set()
                case Watch() | WatchList():
                    await self._watch(action)
                    self._tried.set()

    async def wait_for_first_list(self) -> None:
        """Return once a first list is in the store, or was tried and failed."""
        await self._tried.wait()

    def retry_rejected(self) -> None:
        """Tries again the objects for which a transform or an index function raised."""
        self._store.retry_indexes()
        for obj in list(self._rejected.values()):
            if (shaped := self._shaped(obj)) is not None and (delta := self._store.apply("MODIFIED", shaped)):
                self._sink.dispatch(delta)

    def _expect(self, seconds: float) -> None:
        """Sets the liveness deadline."""
        self._due = time.monotonic() + seconds + _SLACK_SECONDS

    async def wait_for_version(self, version: str, seconds: float) -> None:
        """Returns once the store has reached this version. Raises TimeoutError after ``seconds``.

        1. A list in progress goes on to its end: interrupted, a long one would never end.
        2. Then an open watch is replaced by a short one from the same version. The server sends what was missed, and a bookmark before
           the short window ends.
        3. A server that sends no bookmark is listed.
        """
        async with asyncio.timeout(seconds):
            for nudge in (self._machine.ask_for_bookmark, self._machine.relist):
                await self._not_listing.wait()
                if await self._reaches(version, 0.0):
                    return
                nudge()
                self._interrupt.set()
                if await self._reaches(version, _BOOKMARK_SECONDS):
                    return
            await self._reaches(version, None)

    async def _reaches(self, version: str, seconds: float | None) -> bool:
        if self.has_listed and not meta.is_newer(version, self._machine.version):
            return True
        if seconds == 0:
            return False
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((version, reached))
        try:
            await asyncio.wait_for(reached, seconds)
        except TimeoutError:
            return False
        return True

    def _moved(self) -> None:
        if not self._waiting:
            return
        still = []
        for version, reached in self._waiting:
            if reached.done():
                continue
            if meta.is_newer(version, self._machine.version):
                still.append((version, reached))
            else:
                reached.set_result(None)
        self._waiting = still

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._interrupt.wait()
        except TimeoutError:
            pass
        self._interrupt.clear()

    async def _list(self, version: str) -> None:
        self._not_listing.clear()
        self._rejected.clear()
        pages = Pages(self._page, resource_version=version)
        replacement = self._store.begin_replace()
        try:
            async for page in pages:
                if page is None:
                    self._store.abandon(replacement)
                    replacement = self._store.begin_replace()
                else:
                    await self._fill(replacement, page)
            await self._commit(replacement, pages.resource_version)
        except ApiError as error:
            self._machine.list_failed(error, time.monotonic())
            self._report(error)
        finally:
            self._store.abandon(replacement)
            self._not_listing.set()

    async def _page(self, version: str, limit: int, token: str) -> RawPage:
        self._expect(_LIST_SECONDS)
        return await self._client.list_raw(
            self._resource,
            self._namespace or None,
            resource_version=version,
            limit=limit,
            continue_=token,
            label_selector=self._selection.label_selector,
            field_selector=self._selection.field_selector,
            metadata_only=self._selection.metadata_only,
            progress=lambda: self._expect(_LIST_SECONDS),
        )

    async def _fill(self, replacement: Replacement, items: Iterable[dict[str, Any]]) -> None:
        slices = Slices()
        for item in items:
            self._stage(replacement, item)
            if slices.is_over:
                self._metrics.queued(len(replacement))
                await slices.pause()

    def _stage(self, replacement: Replacement, item: dict[str, Any]) -> None:
        if not self._sink.keeps(item):
            replacement.discard(meta.key_of(item))
            return
        shaped = self._shaped(item)
        if shaped is None:
            self._store.keep(replacement, meta.key_of(item))
        else:
            replacement.add(shaped)

    def _shaped(self, obj: dict[str, Any]) -> Object | None:
        """The object as it is stored; None when the transform raised, and then it is tried again later."""
        key = meta.key_of(obj)
        try:
            shaped = self._sink.shape(obj)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a user's function concerns one object alone
            self._rejected[key] = obj
            self._sink.failed("transform", obj, error)
            return None
        self._rejected.pop(key, None)
        return shaped

    async def _commit(self, replacement: Replacement, version: str) -> None:
        """Puts the items in place of the store's content and delivers the differences to all handlers."""
        initial, seen = not self._machine.has_listed, self._machine.version
        rewound = self._machine.listed(version, time.monotonic())
        deltas = self._store.commit(replacement, version, rewound=rewound, initial=initial)
        self._metrics.listed()
        self._metrics.saw(version, time.time())
        self._report_missed(deltas, seen, version, rewound=rewound)
        self._moved()
        await self._sink.dispatch_all(deltas)
        self._metrics.queued(0)

    def _report_missed(self, deltas: Sequence[Delta], seen: str, version: str, *, rewound: bool) -> None:
        if rewound:
            _log.warning(
                "The API server's data was rolled back; the cache was rebuilt",
                resource=self._resource.key,
                version=version,
            )
        elif missed := missed_changes(deltas, seen, version):
            _log.warning(
                "The watch had missed changes",
                resource=self._resource.key,
                namespace=self._namespace,
                objects=missed[:10],
                count=len(missed),
            )

    async def _watch(self, action: Watch | WatchList) -> None:
        failure: ApiError | None = None
        self._interrupt.clear()
        if isinstance(action, WatchList):
            self._not_listing.clear()
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
        reason = self._machine.watch_ended(failure, time.monotonic())
        self._metrics.watch_ended(reason)

    async def _read(self, action: Watch | WatchList) -> None:
        self._expect(action.idle_timeout)
        stream = isinstance(action, WatchList)
        watch = self._client.watch(
            self._resource,
            self._namespace or None,
            resource_version=action.resource_version if isinstance(action, Watch) else "",
            timeout_seconds=action.window,
            idle_timeout=action.idle_timeout,
            send_initial_events=stream,
            label_selector=self._selection.label_selector,
            field_selector=self._selection.field_selector,
            metadata_only=self._selection.metadata_only,
        )
        try:
            async with watch as events:
                self._machine.opened(time.monotonic())
                if stream:
                    await self._initial(events)
                    self._not_listing.set()
                    self._tried.set()
                slices = Slices()
                async for event in events:
                    self._expect(action.idle_timeout)
                    self._take(event)
                    await slices.pause()
        finally:
            self._not_listing.set()

    async def _initial(self, events: AsyncIterator[WatchEvent]) -> None:
        """Takes in what a stream begins with. Raises ApiError when the stream ends, pauses, or turns out to be a plain watch."""
        replacement = self._store.begin_replace()
        self._rejected.clear()
        try:
            version = await self._initial_events(replacement, events)
            await self._commit(replacement, version)
        finally:
            self._store.abandon(replacement)

    async def _initial_events(self, replacement: Replacement, events: AsyncIterator[WatchEvent]) -> str:
        """Fills the replacement; returns its version.

        The time allowed for a pause runs from the last ADDED event, not from other events: a server that takes the request for a plain
        watch sends changes for as long as objects change, and never the end of the initial events.
        """
        loop, slices = asyncio.get_running_loop(), Slices()
        limit = _FIRST_EVENT_SECONDS
        try:
            async with asyncio.timeout(limit) as silence:
                async for event in events:
                    if event.type == "BOOKMARK":
                        return _end_of_initial(event)
                    if self._stage_event(replacement, event):
                        limit = _NEXT_EVENT_SECONDS
                        self._expect(limit)
                        silence.reschedule(loop.time() + limit)
                    if slices.is_over:
                        self._metrics.queued(len(replacement))
                        await slices.pause()
        except TimeoutError:
            raise TransportError(f"no initial event for {limit:g} s") from None
        raise TransportError("the stream ended before the end of the initial events")

    def _stage_event(self, replacement: Replacement, event: WatchEvent) -> bool:
        """Whether it was progress."""
        if event.type == "ERROR":
            raise _error_of(event)
        if event.type == "DELETED":
            replacement.discard(meta.key_of(event.object))
        elif event.type in _CHANGES:
            self._stage(replacement, event.object)
        return event.type == "ADDED"

    def _take(self, event: WatchEvent) -> None:
        version = meta.resource_version_of(event.object)
        if event.type == "ERROR":
            raise _error_of(event)
        if event.type == "BOOKMARK":
            self._store.reach(version)
        elif event.type in _CHANGES:
            self._change(event)
        else:
            _log.warning("Unknown watch event", resource=self._resource.key, type=event.type)
        self._machine.saw(version, bookmark=event.type == "BOOKMARK")
        self._metrics.saw(version, time.time())
        self._moved()

    def _change(self, event: WatchEvent) -> None:
        type_ = event.type if self._sink.keeps(event.object) else DeltaType.DELETED
        shaped = self._shaped(event.object)
        if type_ == DeltaType.DELETED:
            self._rejected.pop(meta.key_of(event.object), None)
            shaped = event.object if shaped is None else shaped
        if shaped is not None and (delta := self._store.apply(type_, shaped)) is not None:
            self._sink.dispatch(delta)

    def _report(self, error: ApiError) -> None:
        """At most one line a minute, and only once there is something to lose; before the first list the manager says what is missing."""
        now = time.monotonic()
        if not self.has_listed or now - self._reported_at < _REPORT_SECONDS:
            return
        self._reported_at = now
        _log.warning("Cannot list or watch", resource=self._resource.key, namespace=self._namespace, error=str(error))


def _error_of(event: WatchEvent) -> StatusError:
    code = event.object.get("code")
    return status_error(code if isinstance(code, int) else 500, event.object)


def _end_of_initial(event: WatchEvent) -> str:
    if meta.annotations_of(event.object).get(INITIAL_EVENTS_END) != "true":
        raise StreamUnknown("the server ignored sendInitialEvents and started a plain watch")
    return meta.resource_version_of(event.object)


def missed_changes(deltas: Sequence[Delta], seen: str, listed: str) -> list[str]:
    """The keys of changes that a watch at ``seen`` should have delivered and that only a list at ``listed`` showed.

    When an absent object was deleted is not known, unless nothing at all has happened since.
    """
    if not seen:
        return []
    return sorted(str(delta.key) for delta in deltas if _was_missed(delta, seen, listed))


def _was_missed(delta: Delta, seen: str, listed: str) -> bool:
    if delta.type is DeltaType.DELETED:
        return seen == listed
    return not meta.is_newer(meta.resource_version_of(delta.object), seen)
