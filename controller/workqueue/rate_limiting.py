"""The workqueue: queue, delays and back-off behind one awaiting ``get``. It belongs to one event loop and uses that loop's clock."""

import asyncio
import math
import random
from collections import deque
from collections.abc import Hashable, Mapping
from typing import Generic, TypeVar

from controller.workqueue.delaying import DelayingQueue
from controller.workqueue.metrics import NoQueueMetrics, QueueMetrics
from controller.workqueue.queue import Queue
from controller.workqueue.rate_limiters import ItemExponentialFailure, RateLimiter

T = TypeVar("T", bound=Hashable)

DEFAULT_BASE_DELAY = 0.005
"""Seconds before the first retry of an item, as in client-go."""

DEFAULT_MAX_DELAY = 1000.0
"""Longest seconds before a retry, as in client-go."""

DEFAULT_JITTER = 0.1
"""Share of a delay, 0 to 1, that chance may take off."""


class ShutDown(Exception):
    """The queue was shut down and nothing is left to take."""


def default_rate_limiter(base: float = DEFAULT_BASE_DELAY, cap: float = DEFAULT_MAX_DELAY) -> RateLimiter[Hashable]:
    """Exponential back-off per item from ``base`` to ``cap`` seconds, up to a tenth shorter by chance.

    There is no bucket for all items together: after an outage thousands of failing keys would wait for each other.
    """
    return ItemExponentialFailure(base, cap, jitter=DEFAULT_JITTER, random=random.random)


class RateLimitingQueue(Generic[T]):
    """A ``Queue`` with delayed and rate-limited adds and an awaiting ``get``.

    - ``add`` makes an item available now, even if a delayed add of it is waiting.
    - ``add_after`` keeps the earliest time of an item; if the item is already dirty, only its priority may change.
    - Without a ``priority``, a delayed add keeps the priority of the item that is processing, so that a failing object of the initial
      list does not overtake live changes.
    - After ``shut_down`` all adds are ignored, queued items can still be taken and delayed adds are dropped. ``get`` raises ``ShutDown``
      once nothing is queued.
    """

    def __init__(
        self, name: str, *, rate_limiter: RateLimiter[T] | None = None, metrics: QueueMetrics | None = None
    ) -> None:
        self.name = name
        self._queue: Queue[T] = Queue()
        self._delayed: DelayingQueue[T] = DelayingQueue()
        self._limiter: RateLimiter[T] = rate_limiter if rate_limiter is not None else default_rate_limiter()
        self._metrics = metrics if metrics is not None else NoQueueMetrics()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._shutting_down = False
        self._metrics.track(self)

    def __len__(self) -> int:
        """Items that could be taken now."""
        return len(self._queue)

    @property
    def depths(self) -> Mapping[int, int]:
        """Items that could be taken now, by priority; priorities without items may be missing."""
        return self._queue.depths

    @property
    def processing_ages(self) -> tuple[float, ...]:
        """Seconds since each processing item was taken."""
        return self._queue.processing_ages(self._now()) if self._queue.processing else ()

    def add(self, item: T, *, priority: int = 0) -> None:
        """Make the item available for ``get`` at its turn."""
        if self._shutting_down:
            return
        waited_with = self._delayed.discard(item)
        if waited_with is not None:
            priority = max(priority, waited_with)
        if self._queue.add(item, priority, self._now()):
            self._metrics.added()
            self._wake_getter()

    def add_after(self, item: T, delay: float, *, priority: int | None = None) -> None:
        """Add the item in ``delay`` seconds, at once if that is not positive. Raises ValueError for a delay that is not a number."""
        if math.isnan(delay):
            raise ValueError("a delay must be a number of seconds, got nan")
        if self._shutting_down:
            return
        if priority is None:
            priority = self._queue.processing_priority(item) or 0
        self._metrics.retried()
        if delay <= 0 or item in self._queue:
            self.add(item, priority=priority)
            return
        self._delayed.add(item, self._now() + delay, priority)
        self._arm_timer()

    def add_rate_limited(self, item: T, *, priority: int | None = None) -> None:
        """Add the item when its rate limiter lets it pass."""
        if not self._shutting_down:
            self.add_after(item, self._limiter.when(item, self._now()), priority=priority)

    def forget(self, item: T) -> None:
        """Reset the item's back-off."""
        self._limiter.forget(item)

    def num_requeues(self, item: T) -> int:
        """The number of times the item was added rate-limited since it was last forgotten."""
        return self._limiter.num_requeues(item)

    async def get(self) -> T:
        """Wait for an item and take it. Every item taken must be finished with ``done``. Raises ShutDown."""
        while True:
            taken = self._queue.take(self._now())
            if taken is not None:
                self._metrics.taken(taken.waited)
                return taken.item
            if self._shutting_down:
                raise ShutDown(self.name)
            await self._wait_for_wake()

    def done(self, item: T) -> None:
        """Finish processing an item; if it was added meanwhile, it is queued again."""
        self._metrics.done(self._queue.done(item, self._now()))
        if item in self._queue:
            self._wake_getter()
        self._note_drained()

    def shut_down(self) -> None:
        """Ignore new items, drop delayed ones, and let a pending drain return at once."""
        self._shutting_down = True
        self._delayed.clear()
        self._arm_timer()
        for getter in self._getters:
            if not getter.done():
                getter.set_result(None)
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def shut_down_with_drain(self) -> None:
        """Shut down and wait until nothing is queued or processing, including items that became dirty meanwhile.

        A second shut-down, of either kind, lets the first return and does not wait itself.
        """
        waits = self._drained is None
        self.shut_down()
        if not waits or not (len(self._queue) or self._queue.processing):
            return
        self._drained = asyncio.get_running_loop().create_future()
        await self._drained

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _note_drained(self) -> None:
        idle = not len(self._queue) and not self._queue.processing
        if idle and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    async def _wait_for_wake(self) -> None:
        getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            if getter.done() and not getter.cancelled() and len(self._queue):
                self._wake_getter()
            raise
        finally:
            self._getters.remove(getter)

    def _wake_getter(self) -> None:
        for getter in self._getters:
            if not getter.done():
                getter.set_result(None)
                return

    def _arm_timer(self) -> None:
        ready_at = self._delayed.next_ready_at()
        if self._timer is not None:
            if ready_at == self._timer.when():
                return
            self._timer.cancel()
            self._timer = None
        if ready_at is not None:
            self._timer = asyncio.get_running_loop().call_at(ready_at, self._release_due)

    def _release_due(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for item, priority in self._delayed.due(loop.time()):
            self.add(item, priority=priority)
        self._arm_timer()
