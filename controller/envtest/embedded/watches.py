"""The watchers of a resource: the pending events of each, and when it gets a bookmark."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
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
        self._pending: deque[Entry] = deque()
        self._closed = False
        self._wake = asyncio.Event()

    def push(self, entry: Entry) -> None:
        """Adds a change."""
        self._pending.append(entry)
        if len(self._pending) > self._most:
            self._pending.clear()
            self._closed = True
        self._wake.set()

    def close(self) -> None:
        """Ends the watch after what is pending."""
        self._closed = True
        self._wake.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing will come any more."""
        return self._closed and not self._pending

    async def next(self, deadline: float) -> Entry | None:
        """The next change; None when it is closed or when the loop's clock reaches ``deadline`` first."""
        while not self._pending and not self._closed:
            self._wake.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._wake.wait()
            except TimeoutError:
                return None
        return self._pending.popleft() if self._pending else None


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

    async def events(self, selection: Selection, options: WatchOptions) -> AsyncGenerator[Event, None]:
        """The stream of one watch, until its window ends. Closing the iterator ends the watch."""
        watcher = Watcher(selection.info.key)
        self._watchers.add(watcher)
        try:
            try:
                backlog = self._backlog(selection.info, options)
            except Compacted as error:
                yield _expired(options.version, error.oldest)
                return
            for entry in backlog:
                if (event := _event(selection, entry)) is not None:
                    yield event
            if options.marked and options.bookmarks:
                yield "BOOKMARK", self._bookmark(selection.info, _INITIAL_EVENTS_END)
            async for event in self._live(watcher, selection, options):
                yield event
        finally:
            self._watchers.discard(watcher)

    def _backlog(self, info: TypeInfo, options: WatchOptions) -> list[Entry]:
        """The events before the live ones: one for each object, or those since a version. Raises Compacted."""
        if options.initial:
            objects = self._storage.list(info.key)
            return [Entry(0, info.key, meta.key_of(obj), None, obj, obj) for obj in objects]
        return list(self._storage.since(options.version, info.key)) if options.version else []

    async def _live(self, watcher: Watcher, selection: Selection, options: WatchOptions) -> AsyncGenerator[Event, None]:
        clock = asyncio.get_running_loop().time
        deaf = options.version > self._storage.revision
        end = clock() + (options.seconds or _DEFAULT_WINDOW)
        bookmark = _next_bookmark(clock(), end)
        while clock() < end and not watcher.is_over:
            entry = await watcher.next(min(bookmark, end) if options.bookmarks else end)
            if deaf:
                continue
            if entry is not None:
                if (event := _event(selection, entry)) is not None:
                    yield event
            elif options.bookmarks and bookmark <= clock() < end:
                yield "BOOKMARK", self._bookmark(selection.info, {})
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


def _event(selection: Selection, entry: Entry) -> Event | None:
    """The change as this watch sees it: entering the selection is ADDED, leaving it DELETED with the last state inside."""
    was, is_ = selection.matches(entry.before), selection.matches(entry.after)
    if not was and not is_:
        return None
    obj = entry.object
    if not is_ and entry.after is not None and entry.before is not None:
        obj = {**entry.before, "metadata": {**entry.before["metadata"], "resourceVersion": str(entry.revision)}}
    return "ADDED" if not was else "MODIFIED" if is_ else "DELETED", selection.info.shown(obj)
