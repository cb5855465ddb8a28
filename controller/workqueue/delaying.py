"""Items that become due at a later time. Pure: times are seconds of any steady clock.

Promises: one entry per item; the earliest time and the highest priority win; an item becomes due once.
"""

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)

_OUTDATED_ENTRIES_ALLOWED = 64
"""Outdated heap entries that are tolerated beyond one for each waiting item, before the heap is rebuilt."""


@dataclass(slots=True)
class _Waiting:
    ready_at: float
    priority: int
    entry: int


class DelayingQueue(Generic[T]):
    """Waiting items by due time. The heap may hold outdated entries; only an item's latest entry counts."""

    def __init__(self) -> None:
        self._waiting: dict[T, _Waiting] = {}
        self._heap: list[tuple[float, int, T]] = []
        self._entries = count(1)

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, item: T) -> bool:
        return item in self._waiting

    def add(self, item: T, ready_at: float, priority: int = 0) -> None:
        """Make the item due at ``ready_at``, unless it is due earlier already. Its priority is only ever raised."""
        known = self._waiting.get(item)
        if known is not None:
            known.priority = max(known.priority, priority)
            if ready_at >= known.ready_at:
                return
            priority = known.priority
        entry = next(self._entries)
        self._waiting[item] = _Waiting(ready_at, priority, entry)
        heapq.heappush(self._heap, (ready_at, entry, item))
        self._compact()

    def discard(self, item: T) -> int | None:
        """Remove the item. Returns the priority it waited with; None if it did not wait."""
        waiting = self._waiting.pop(item, None)
        return None if waiting is None else waiting.priority

    def due(self, now: float) -> list[tuple[T, int]]:
        """Remove and return the items whose time has come, with their priorities, earliest first."""
        ready = []
        while self._heap and self._heap[0][0] <= now:
            _, entry, item = heapq.heappop(self._heap)
            if self._is_current(item, entry):
                ready.append((item, self._waiting.pop(item).priority))
        return ready

    def next_ready_at(self) -> float | None:
        """The time at which the first item becomes due; None if none waits."""
        while self._heap and not self._is_current(self._heap[0][2], self._heap[0][1]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        """Remove all items."""
        self._waiting.clear()
        self._heap.clear()

    def _is_current(self, item: T, entry: int) -> bool:
        waiting = self._waiting.get(item)
        return waiting is not None and waiting.entry == entry

    def _compact(self) -> None:
        if len(self._heap) > 2 * len(self._waiting) + _OUTDATED_ENTRIES_ALLOWED:
            self._heap = [(waiting.ready_at, waiting.entry, item) for item, waiting in self._waiting.items()]
            heapq.heapify(self._heap)
