"""Sources feed a controller's queue: from an informer, from another part of the process, by time, or from wherever an author likes.

Promises of the sources in this module, whatever the functions of the author do:

- a predicate that raises lets its change pass;
- a handler that raises, or returns something else than requests, keeps its change: it is mapped again after a back-off, together with
  later changes of the same object, until that works;
- each failure is counted and logged with the name of the function and of the object, and hurts no other object.
"""

import asyncio
import inspect
import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.informers import Delta, DeltaType, SharedInformer
from controller.meta import NamespacedName, key_of
from controller.runtime.handlers import Handler, PrioritizedRequest
from controller.runtime.predicates import Predicate, is_resync
from controller.runtime.reconcile import Request
from controller.workqueue import LOW_PRIORITY, ItemExponentialFailure, RateLimitingQueue

DEFAULT_SYNC_PERIOD = 36_000.0
"""Seconds between two resyncs of an informer's objects, as in controller-runtime."""

_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 300.0
_PERIOD_JITTER = 0.1
_KEPT_CHANGES = 32
"""Failed changes of one object that are kept apart."""

_RESYNC_SLICE = 100
"""Objects that a resync enqueues before other work gets the event loop."""


class RequestQueue(Protocol):
    """The values that a controller passes to a source."""

    def add(self, request: Request, *, priority: int = 0) -> None:
        """Enqueue the request. Raises TypeError for anything but a Request."""

    def add_after(self, request: Request, delay: float, *, priority: int = 0) -> None:
        """Enqueue the request in ``delay`` seconds. Raises TypeError for anything but a Request."""

    def report_failure(self, function: Callable[..., object], error: BaseException, subject: str) -> None:
        """Count and log that a function of the author raised; ``subject`` names the object that it was called for."""


class Source(Protocol):
    """Any origin of requests. Its author may write more of them."""

    async def run(self, queue: RequestQueue) -> None:
        """Feed the queue until cancelled.

        A source may return when it has nothing more to say. One that raises is counted, logged and run again after a back-off.
        """


@dataclass(frozen=True, slots=True)
class InformerSource:
    """Enqueues what a handler returns for each change that all predicates pass.

    Objects of an initial list are enqueued at low priority, so that live changes go first. Every ``sync_period`` seconds, give or take a
    tenth, all cached objects are replayed as changes whose old and new state are the same (``is_resync``), also at low priority; None: never.
    """

    informer: SharedInformer
    handler: Handler
    predicates: Sequence[Predicate] = ()
    sync_period: float | None = DEFAULT_SYNC_PERIOD

    async def run(self, queue: RequestQueue) -> None:
        """Handle changes until cancelled, beginning with what the cache holds already."""
        mapper = _Mapper(self, queue)
        registration = self.informer.add_handler(mapper.take)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(mapper.retry())
                if self.sync_period is not None:
                    group.create_task(mapper.resync(self.sync_period))
        finally:
            self.informer.remove_handler(registration)


class PeriodicSource:
    """Enqueues the requests that ``requests`` returns, every ``period`` seconds, give or take a tenth; the first time after one period.

    For state that no watch covers, such as an external system: ``PeriodicSource(300, informer.lister.keys)``.
    """

    def __init__(
        self, period: float, requests: Callable[[], Iterable[Request]], *, priority: int = LOW_PRIORITY
    ) -> None:
        if period <= 0:
            raise ValueError(f"the period must be positive, got {period}")
        self._period = period
        self._requests = requests
        self._priority = priority

    async def run(self, queue: RequestQueue) -> None:
        """Enqueue until cancelled."""
        retries = ItemExponentialFailure[None](min(_FIRST_RETRY_SECONDS, self._period), self._period)
        pause = _jittered(self._period)
        while True:
            await asyncio.sleep(pause)
            try:
                for request in self._requests():
                    queue.add(request, priority=self._priority)
            except Exception as error:  # noqa: BLE001 - the author's function must not end the source
                queue.report_failure(self._requests, error, "")
                pause = retries.when(None, 0)
            else:
                retries.forget(None)
                pause = _jittered(self._period)


class ChannelSource:
    """Requests that other parts of the process send. Equal requests that wait are one, at the highest priority; none is lost.

    ``send`` may be called before the controller runs and from any thread. A channel feeds one controller.
    """

    def __init__(self) -> None:
        self._waiting: dict[Request, int] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()

    def send(self, request: Request, *, priority: int = 0) -> None:
        """Have the request enqueued. Returns at once. Raises TypeError for anything but a Request."""
        checked(request)
        with self._lock:
            self._waiting[request] = max(priority, self._waiting.get(request, priority))
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self, queue: RequestQueue) -> None:
        """Pass on what is sent until cancelled. Raises RuntimeError if it runs already."""
        with self._lock:
            if self._loop is not None:
                raise RuntimeError("a channel feeds one controller")
            self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                with self._lock:
                    waiting, self._waiting = self._waiting, {}
                for request, priority in waiting.items():
                    queue.add(request, priority=priority)
                await self._wake.wait()
        finally:
            with self._lock:
                self._loop = None


class _Mapper:
    """One InformerSource at work. ``_failed`` holds the changes of each object whose mapping failed; they are mapped again.

    Why all of them and not just the latest state:

    1. An object moves from owner a to b, and then to c, while the handler fails.
    2. In between, b is reconciled for another reason and counts the object.
    3. If only the move from a to c were mapped in the end, b would keep a wrong count.
    """

    def __init__(self, source: InformerSource, queue: RequestQueue) -> None:
        self._source = source
        self._queue = queue
        self._failed: dict[NamespacedName, list[Delta]] = {}
        limiter = ItemExponentialFailure[NamespacedName](_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS)
        self._retries = RateLimitingQueue[NamespacedName]("", rate_limiter=limiter)

    def take(self, delta: Delta) -> None:
        """Enqueue the requests of this change, and of an earlier one of the same object whose mapping failed."""
        if all(self._passes(predicate, delta) for predicate in self._source.predicates):
            self._map(key_of(delta.object), delta)

    async def retry(self) -> None:
        """Map failed changes again, each after its back-off, until cancelled."""
        while True:
            key = await self._retries.get()
            self._retries.done(key)
            if key in self._failed:
                self._map(key, None)

    async def resync(self, period: float) -> None:
        """Replay all cached objects every period, until cancelled."""
        while True:
            await asyncio.sleep(_jittered(period))
            lister = self._source.informer.lister
            for count, key in enumerate(lister.keys(), 1):
                if (obj := lister.get(key.name, key.namespace)) is not None:
                    self.take(Delta(DeltaType.MODIFIED, obj, obj))
                if count % _RESYNC_SLICE == 0:
                    await asyncio.sleep(0)

    def _passes(self, predicate: Predicate, delta: Delta) -> bool:
        try:
            return _decided(predicate(delta))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - nothing here awaits, so even a CancelledError is the function's own
            self._report(predicate, error, delta)
            return True

    def _map(self, key: NamespacedName, delta: Delta | None) -> None:
        earlier = self._failed.pop(key, [])
        changes = earlier if delta is None else [*earlier, delta]
        failed = {id(change): error for change in changes if (error := self._enqueue(change)) is not None}
        if failed:
            self._failed[key] = _bounded([change for change in changes if id(change) in failed])
            self._report(self._source.handler, list(failed.values())[-1], changes[-1])
            self._retries.add_rate_limited(key)
        elif earlier:
            self._retries.forget(key)

    def _enqueue(self, change: Delta) -> BaseException | None:
        try:
            for request, priority in self._requests(change):
                self._queue.add(request, priority=priority)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - as above
            return error
        return None

    def _requests(self, delta: Delta) -> list[tuple[Request, int]]:
        default = LOW_PRIORITY if delta.in_initial_list or is_resync(delta) else 0
        found = []
        for each in self._source.handler(delta):
            request, priority = each if isinstance(each, PrioritizedRequest) else (each, default)
            found.append((checked(request), int(priority)))
        return found

    def _report(self, function: Callable[..., object], error: BaseException, delta: Delta) -> None:
        resource = self._source.informer.resource.key
        self._queue.report_failure(function, error, f"{resource} {key_of(delta.object)}")


def checked(request: Request) -> Request:
    """The request. Raises TypeError if it is anything else."""
    if not isinstance(request, NamespacedName):
        raise TypeError(f"expected a Request, got {type(request).__name__}")
    return request


def _decided(answer: object) -> bool:
    """The answer of a predicate. Raises TypeError for a coroutine, which would always count as true."""
    if inspect.iscoroutine(answer):
        answer.close()
        raise TypeError("a predicate is a plain function, got a coroutine function")
    return bool(answer)


def _bounded(changes: list[Delta]) -> list[Delta]:
    """The changes of one object; those beyond a limit are merged into the first one, so that a broken handler costs bounded memory."""
    while len(changes) > _KEPT_CHANGES:
        changes = [_merged(changes[0], changes[1]), *changes[2:]]
    return changes


def _merged(earlier: Delta, later: Delta) -> Delta:
    """One change from the state before ``earlier`` to the state after ``later``."""
    old = earlier.old if earlier.old is not None else later.old
    if later.new is None:
        return Delta(DeltaType.DELETED, old, None, final_state_unknown=later.final_state_unknown)
    initial = earlier.in_initial_list and later.in_initial_list
    return Delta(DeltaType.ADDED if old is None else DeltaType.MODIFIED, old, later.new, initial)


def _jittered(period: float) -> float:
    return period * random.uniform(1 - _PERIOD_JITTER, 1 + _PERIOD_JITTER)  # noqa: S311 - jitter, not a secret
