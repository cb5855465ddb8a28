"""The pending and the processing items, ordered by priority. Pure: ``now`` is an argument, in seconds of any steady clock.

Promises:

- an item is never handed out again before it is done, however often it is added meanwhile;
- an item added while it is processing is handed out once more after it is done: no add is lost;
- an item added several times before it is taken is handed out once, at the highest priority it was given;
- higher priority first, first in first out among equals; waiting raises the priority, so no item starves.
"""

import heapq
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

LOW_PRIORITY = -100
"""Priority of items that come from a list or a resync, not from a live change. Live changes have priority 0."""

SECONDS_PER_PRIORITY = 6
"""Seconds of waiting that raise an item's priority by one: live changes overtake a low-priority item for ten minutes at most."""


@dataclass(frozen=True, slots=True)
class Taken(Generic[T]):
    """An item handed out, the priority it had been given, and the seconds since it became dirty."""

    item: T
    priority: int
    waited: float


@dataclass(slots=True)
class _Dirty:
    priority: int
    since: float
    queued_at: float
    order: int
    entry: int = 0


@dataclass(frozen=True, slots=True)
class _Processing:
    priority: int
    since: float


class Queue(Generic[T]):
    """Dirty items need processing; processing items were taken and are not done. The heap holds the items that are dirty and not processing.

    All items age at the same rate, so the order of two items never changes while they wait. Their rank is fixed when they enter the
    heap: the time at which an item of priority 0 would have had to be queued in order to rank equally. A raised priority pushes another
    heap entry; only the item's latest entry counts.
    """

    def __init__(self) -> None:
        self._dirty: dict[T, _Dirty] = {}
        self._processing: dict[T, _Processing] = {}
        self._heap: list[tuple[float, int, int, T]] = []
        self._depths: Counter[int] = Counter()
        self._orders = count(1)
        self._entries = count(1)

    def __len__(self) -> int:
        """Items that could be taken now."""
        return self._depths.total()

    def __contains__(self, item: T) -> bool:
        """Whether the item is dirty, whether or not it is also processing."""
        return item in self._dirty

    @property
    def processing(self) -> int:
        """Number of items that were taken and are not done."""
        return len(self._processing)

    @property
    def depths(self) -> Mapping[int, int]:
        """Items that could be taken now, by the priority they were given; priorities without items may be missing."""
        return {priority: depth for priority, depth in self._depths.items() if depth}

    def processing_ages(self, now: float) -> tuple[float, ...]:
        """Seconds since each processing item was taken."""
        return tuple(now - taken.since for taken in self._processing.values())

    def processing_priority(self, item: T) -> int | None:
        """The priority the item was taken with; None if it is not processing."""
        taken = self._processing.get(item)
        return None if taken is None else taken.priority

    def add(self, item: T, priority: int, now: float) -> bool:
        """Mark the item dirty. If it already is, only raise its priority. Returns whether it was clean."""
        known = self._dirty.get(item)
        if known is not None:
            self._raise(item, known, priority)
            return False
        dirty = self._dirty[item] = _Dirty(priority, now, now, next(self._orders))
        if item not in self._processing:
            self._enqueue(item, dirty)
        return True

    def take(self, now: float) -> Taken[T] | None:
        """Remove the first item from the heap and mark it as processing; None if there is none."""
        while self._heap:
            _, _, entry, item = heapq.heappop(self._heap)
            dirty = self._dirty.get(item)
            if dirty is None or dirty.entry != entry:
                continue
            del self._dirty[item]
            self._depths[dirty.priority] -= 1
            self._processing[item] = _Processing(dirty.priority, now)
            return Taken(item, dirty.priority, now - dirty.since)
        return None

    def done(self, item: T, now: float) -> float:
        """Finish processing an item; if it became dirty meanwhile, it is queued. Returns the seconds since it was taken.

        Raises ValueError for an item that is not processing.
        """
        taken = self._processing.pop(item, None)
        if taken is None:
            raise ValueError(f"{item!r} is not processing")
        dirty = self._dirty.get(item)
        if dirty is not None:
            dirty.queued_at, dirty.order = now, next(self._orders)
            self._enqueue(item, dirty)
        return now - taken.since

    def _raise(self, item: T, dirty: _Dirty, priority: int) -> None:
        if priority <= dirty.priority:
            return
        queued = item not in self._processing
        if queued:
            self._depths[dirty.priority] -= 1
        dirty.priority = priority
        if queued:
            self._enqueue(item, dirty)

    def _enqueue(self, item: T, dirty: _Dirty) -> None:
        dirty.entry = next(self._entries)
        rank = dirty.queued_at - SECONDS_PER_PRIORITY * dirty.priority
        heapq.heappush(self._heap, (rank, dirty.order, dirty.entry, item))
        self._depths[dirty.priority] += 1
