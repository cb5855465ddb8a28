"""The watchers of a resource: the pending events of each, and when it gets a bookmark."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from controller import meta
from controller.envtest.embedded.queries import Selection, WatchOptions
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.storage import Compacted, Entry, ResourceKey, Storage
from controller.meta import Object
from controller.meta.errors import Gone, to_status

BOOKMARK_SECONDS = 60.0
_DEFAULT_WINDOW = 1800.0
_LAST_BOOKMARK_BEFORE_END = 2.0
_INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}

Event = tuple[str, dict[str, Any]]


class Watcher:
    """One watch's share of the changes. One that is more than ``most`` changes behind is closed, as Kubernetes does."""

    def __init__(self, resource: ResourceKey, most: int = 10_000) -> None:
        self.resource = resource
        self._most = most
        self._pending: list[Entry] = []
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def push(self, entry: Entry) -> None:
        """Adds a change."""
        self._pending.append(entry)
        if len(self._pending) > self._most:
            self._pending.clear()
            self._closed = True
        self._wake()

    def close(self) -> None:
        """Ends the watch after what is pending."""
        self._closed = True
        self._wake()

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more."""
        return self._closed and not self._pending

    async def take(self, deadline: float) -> list[Entry]:
        """All pending changes, at least one; none when it is closed or when the loop's clock reaches ``deadline`` first."""
        if not self._pending and not self._closed:
            self._waiter = asyncio.get_running_loop().create_future()
            self._ring_at(deadline)
            try:
                await self._waiter
            finally:
                self._waiter = None
        taken, self._pending = self._pending, []
        return taken

    def _ring_at(self, deadline: float) -> None:
        """One timer serves for all waits with the same deadline."""
        if self._alarm is None or self._alarm.when() != deadline or self._alarm.cancelled():
            self.silence()
            self._alarm = asyncio.get_running_loop().call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._wake()

    def silence(self) -> None:
        """Drops the timer."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Watchers:
    """All watches of a server."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._watchers: set[Watcher] = set()

    def __len__(self) -> int:
        return len(self._watchers)

    def publish(self, entry: Entry) -> None:
        """Sends the event to every watcher of the resource."""
        for watcher in self._watchers:
            if watcher.resource == entry.resource:
                watcher.push(entry)

    def close(self, resource: ResourceKey | None = None) -> None:
        """Ends the watches of one resource, or all."""
        for watcher in self._watchers:
            if resource in (None, watcher.resource):
                watcher.close()

    async def events(self, selection: Selection, options: WatchOptions) -> AsyncGenerator[list[Event], None]:
        """The stream of one watch, until its window ends: events that are there together come together. Closing it ends the watch."""
        watcher = Watcher(selection.info.key)
        self._watchers.add(watcher)
        try:
            try:
                backlog = self._backlog(selection.info, options)
            except Compacted as error:
                yield [_expired(options.version, error.oldest)]
                return
            initial = _seen(selection, backlog)
            if options.marked and options.bookmarks:
                initial.append(("BOOKMARK", self._bookmark(selection.info, _INITIAL_EVENTS_END)))
            if initial:
                yield initial
            async for events in self._live(watcher, selection, options):
                yield events
        finally:
            watcher.silence()
            self._watchers.discard(watcher)

    def _backlog(self, info: TypeInfo, options: WatchOptions) -> list[Entry]:
        """The events before the live ones: one for each object, or those since a version. Raises Compacted."""
        if options.initial:
            objects = self._storage.list(info.key)
            return [Entry(0, info.key, meta.key_of(obj), None, obj, obj) for obj in objects]
        return list(self._storage.since(options.version, info.key)) if options.version else []

    async def _live(
        self, watcher: Watcher, selection: Selection, options: WatchOptions
    ) -> AsyncGenerator[list[Event], None]:
        clock = asyncio.get_running_loop().time
        deaf = options.version > self._storage.revision
        end = clock() + (options.seconds or _DEFAULT_WINDOW)
        bookmark = _next_bookmark(clock(), end)
        while clock() < end and not watcher.is_over:
            entries = await watcher.take(min(bookmark, end) if options.bookmarks else end)
            if deaf:
                continue
            if entries:
                if events := _seen(selection, entries):
                    yield events
            elif options.bookmarks and bookmark <= clock() < end:
                yield [("BOOKMARK", self._bookmark(selection.info, {}))]
                bookmark = _next_bookmark(clock(), end)

    def _bookmark(self, info: TypeInfo, annotations: Object) -> dict[str, Any]:
        metadata: dict[str, Any] = {"resourceVersion": str(self._storage.revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        return {"kind": info.kind, "apiVersion": info.api_version, "metadata": metadata}


def _next_bookmark(now: float, end: float) -> float:
    """Every minute, and a last one shortly before the end."""
    last = end - _LAST_BOOKMARK_BEFORE_END
    return min(now + BOOKMARK_SECONDS, last) if now < last else end


def _expired(version: int, oldest: int) -> Event:
    return "ERROR", to_status(Gone(f"too old resource version: {version} ({oldest})", reason="Expired"))


def _seen(selection: Selection, entries: Iterable[Entry]) -> list[Event]:
    """The changes that a watch of the selection sees."""
    return [event for entry in entries if (event := _event(selection, entry)) is not None]


def _event(selection: Selection, entry: Entry) -> Event | None:
    """The change as this watch sees it: entering the selection is ADDED, leaving it DELETED with the last state inside."""
    was, is_ = selection.matches(entry.before), selection.matches(entry.after)
    if not was and not is_:
        return None
    obj = entry.object
    if not is_ and entry.after is not None and entry.before is not None:
        obj = {**entry.before, "metadata": {**entry.before["metadata"], "resourceVersion": str(entry.revision)}}
    return "ADDED" if not was else "MODIFIED" if is_ else "DELETED", selection.info.shown(obj)
