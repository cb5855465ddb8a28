"""Delivers changes to handlers in order, in short slices."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from controller.informers.delta import Delta
from controller.informers.slices import Slices
from controller.meta import Resource

_log = structlog.get_logger("controller.informers")

Handler = Callable[[Delta], None]


class Synced(Protocol):
    """The part of an informer that a registration uses."""

    @property
    def has_synced(self) -> bool:
        """Whether the first lists are in the store and handed out."""


class Registration:
    """One handler's membership.

    ``has_synced`` once the handler has received everything in the first lists and, if it was added late, everything in the cache.
    """

    def __init__(self, informer: Synced, handler: Handler) -> None:
        self._informer = informer
        self.handler = handler
        self.replay: deque[Delta] = deque()

    @property
    def has_synced(self) -> bool:
        """Whether the handler knows what the cache knows."""
        return self._informer.has_synced and not self.replay


class Dispatcher:
    """The handlers of one informer and the changes they have not received yet.

    A change is delivered at once unless earlier changes are still waiting: those of a list are delivered in slices of 5 ms. A late handler
    receives the present objects in slices too, and later changes wait behind them. So each handler receives each object's changes in
    order, and each change once.
    """

    def __init__(self, resource: Resource, processed: Callable[[float], None]) -> None:
        self._resource = resource
        self._processed = processed
        self._registrations: list[Registration] = []
        self._backlog: deque[tuple[Delta, tuple[Registration, ...]]] = deque()
        self._draining: asyncio.Task[None] | None = None
        self._replays: set[asyncio.Task[None]] = set()

    def add(self, registration: Registration, present: Iterable[Delta]) -> None:
        """From now on the handler receives every change, after the present objects.

        What fits into one slice is delivered before this returns; the rest follows on the running event loop.
        """
        registration.replay.extend(present)
        slices = Slices()
        while registration.replay and not slices.is_over:
            self._call(registration, registration.replay.popleft())
        self._registrations.append(registration)
        if registration.replay:
            task = asyncio.get_running_loop().create_task(self._replay(registration))
            self._replays.add(task)
            task.add_done_callback(self._replays.discard)

    def remove(self, registration: Registration) -> None:
        """The handler receives nothing more."""
        registration.replay.clear()
        if registration in self._registrations:
            self._registrations.remove(registration)

    def dispatch(self, delta: Delta) -> None:
        """Delivers one change to all handlers, or queues it behind those that are still waiting."""
        if self._backlog:
            self._backlog.append((delta, tuple(self._registrations)))
        else:
            self._tell(delta, tuple(self._registrations))

    async def dispatch_all(self, deltas: Sequence[Delta]) -> None:
        """Delivers many changes to all handlers; returns when all were delivered. Cancelling the caller does not stop it."""
        registrations = tuple(self._registrations)
        self._backlog.extend((delta, registrations) for delta in deltas)
        if self._backlog and (self._draining is None or self._draining.done()):
            self._draining = asyncio.create_task(self._drain())
        if self._draining is not None:
            await asyncio.shield(self._draining)

    async def stop(self) -> None:
        """Ends the work in progress."""
        tasks = [task for task in (self._draining, *self._replays) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drain(self) -> None:
        slices = Slices()
        while self._backlog:
            delta, registrations = self._backlog[0]
            self._tell(delta.copied(), registrations)
            self._backlog.popleft()
            await slices.pause()

    async def _replay(self, registration: Registration) -> None:
        slices = Slices()
        while registration.replay:
            self._call(registration, registration.replay[0])
            if registration.replay:
                registration.replay.popleft()
            await slices.pause()

    def _tell(self, delta: Delta, registrations: Iterable[Registration]) -> None:
        started = time.perf_counter()
        for registration in registrations:
            if registration.replay:
                registration.replay.append(delta)
            elif registration in self._registrations:
                self._call(registration, delta)
        self._processed(time.perf_counter() - started)

    def _call(self, registration: Registration, delta: Delta) -> None:
        try:
            registration.handler(delta)
        except KeyboardInterrupt:
            raise
        except BaseException:  # noqa: BLE001 - one handler's fault must not hurt the others
            handler = getattr(registration.handler, "__qualname__", repr(registration.handler))
            _log.exception("A handler failed", resource=self._resource.key, object=str(delta.key), handler=handler)
