"""Which recorded Events are worth a request. Pure: ``now`` is seconds of a steady clock.

One Event object for a run of equal events, counted as a series; and for one object, type, reason and action at most one request per
``INTERVAL``: what comes in between is kept, the latest note wins, and goes out when the interval is over.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

from cachetools import LRUCache

INTERVAL = 60.0
"""Seconds between two requests about the same matter."""

SERIES_ENDS = 360.0
"""Seconds of silence after which an equal event starts a new Event object."""

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Create:
    """Make a new Event object with this name; ``count`` equal events are behind it, the last one now."""

    key: Hashable
    name: str
    note: str
    count: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """Tell the Event object of this name that ``count`` equal events have happened by now."""

    key: Hashable
    name: str
    note: str
    count: int


Action = Create | Repeat


@dataclass(slots=True)
class _Series:
    name: str
    note: str
    count: int
    last_seen: float
    last_sent: float
    pending: tuple[str, str, int] | None = field(default=None)
    """Name, note and count of what was seen and not sent: of this Event object, or of the next one."""


class EventCorrelator:
    """Remembers the latest 4096 matters; a matter that was forgotten starts anew."""

    def __init__(self) -> None:
        self._series: LRUCache[Hashable, _Series] = LRUCache(_REMEMBERED)
        self._pending: dict[Hashable, float] = {}

    def observe(self, key: Hashable, name: str, note: str, now: float) -> Action | None:
        """An event about the matter ``key`` happened; ``name`` is what a new Event object would be called. None: merged for now."""
        series = self._series.get(key)
        if series is None or (series.pending is None and now - series.last_seen > SERIES_ENDS):
            self._series[key] = _Series(name, note, 1, now, now)
            return Create(key, name, note, 1)
        series.last_seen = now
        series.pending = self._merged(series, name, note)
        if now - series.last_sent >= INTERVAL:
            return self._send(key, series, now)
        self._pending.setdefault(key, series.last_sent + INTERVAL)
        return None

    def due(self, now: float) -> list[Action]:
        """What was kept and may go out now."""
        actions = []
        for key in [key for key, at in self._pending.items() if at <= now]:
            series = self._series.get(key)
            del self._pending[key]
            if series is not None and series.pending is not None:
                actions.append(self._send(key, series, now))
        return actions

    def next_due(self) -> float | None:
        """When something kept may go out, None if nothing is kept."""
        return min(self._pending.values(), default=None)

    @staticmethod
    def _merged(series: _Series, name: str, note: str) -> tuple[str, str, int]:
        if series.pending is not None and series.pending[1] == note:
            return (series.pending[0], note, series.pending[2] + 1)
        if series.note == note:
            return (series.name, note, series.count + 1)
        return (name, note, 1)

    def _send(self, key: Hashable, series: _Series, now: float) -> Action:
        name, note, count = series.pending or (series.name, series.note, series.count)
        repeated = name == series.name
        series.name, series.note, series.count = name, note, count
        series.pending, series.last_sent = None, now
        self._pending.pop(key, None)
        return Repeat(key, name, note, count) if repeated else Create(key, name, note, count)
