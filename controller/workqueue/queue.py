"""What is to do and what is in hand, in the order of priority. Pure: ``now`` is an argument, in seconds of any steady clock.

Promises:

- an item is never handed out again before it is done, however often it is added meanwhile;
- an item added while it is in hand is handed out once more after it is done: no add is lost;
- an item added several times before it is taken is handed out once, at the highest priority it was given;
- higher priority first, first in first out among equals, and waiting raises priority, so that nothing waits for ever.
"""

import heapq
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

LOW_PRIORITY = -100
"""Priority of what nobody changed just now: the objects of an initial list and of a resync. Live changes have 0."""

AGEING = 1 / 6
"""Priority gained per second of waiting: a low-priority item is overtaken by live changes for ten minutes at most."""


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
class _InHand:
    priority: int
    since: float


class Queue(Generic[T]):
    """``dirty`` is what is to do, ``processing`` what is in hand; the heap holds ``dirty`` without ``processing``.

    All items age at the same rate, so the order of two items never changes while they wait: ``priority - ageing * queued_at`` is a
    rank fixed when the item enters the heap. A raised priority pushes another heap entry; only the item's latest entry counts.
    """

    def __init__(self, *, ageing: float = AGEING) -> None:
        self._ageing = ageing
        self._dirty: dict[T, _Dirty] = {}
        self._processing: dict[T, _InHand] = {}
        self._heap: list[tuple[float, int, int, T]] = []
        self._depths: Counter[int] = Counter()
        self._orders = count(1)
        self._entries = count(1)

    def __len__(self) -> int:
        """Items that could be taken now."""
        return self._depths.total()

    def __contains__(self, item: T) -> bool:
        """Whether the item is to do, be it in hand as well or not."""
        return item in self._dirty

    @property
    def processing(self) -> int:
        """Number of items in hand."""
        return len(self._processing)

    @property
    def depths(self) -> Mapping[int, int]:
        """Items that could be taken now, by the priority they were given; priorities without items may be missing."""
        return {priority: depth for priority, depth in self._depths.items() if depth}

    def processing_ages(self, now: float) -> tuple[float, ...]:
        """Seconds since each item in hand was taken."""
        return tuple(now - taken.since for taken in self._processing.values())

    def priority_in_hand(self, item: T) -> int | None:
        """The priority the item was taken with, None if it is not in hand."""
        taken = self._processing.get(item)
        return None if taken is None else taken.priority

    def add(self, item: T, priority: int, now: float) -> bool:
        """Make the item dirty; if it is already, raise its priority at most. Returns whether it was clean."""
        known = self._dirty.get(item)
        if known is not None:
            self._raise(item, known, priority)
            return False
        dirty = self._dirty[item] = _Dirty(priority, now, now, next(self._orders))
        if item not in self._processing:
            self._enqueue(item, dirty)
        return True

    def take(self, now: float) -> Taken[T] | None:
        """Hand out the first item, None if there is none."""
        while self._heap:
            _, _, entry, item = heapq.heappop(self._heap)
            dirty = self._dirty.get(item)
            if dirty is None or dirty.entry != entry:
                continue
            del self._dirty[item]
            self._depths[dirty.priority] -= 1
            self._processing[item] = _InHand(dirty.priority, now)
            return Taken(item, dirty.priority, now - dirty.since)
        return None

    def done(self, item: T, now: float) -> float:
        """Give back an item in hand; if it became dirty meanwhile, it is queued. Returns the seconds it was in hand.

        Raises ValueError for an item that is not in hand.
        """
        taken = self._processing.pop(item, None)
        if taken is None:
            raise ValueError(f"{item!r} is done without having been taken")
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
        rank = dirty.priority - self._ageing * dirty.queued_at
        heapq.heappush(self._heap, (-rank, dirty.order, dirty.entry, item))
        self._depths[dirty.priority] += 1
