"""Decides which recorded Events are worth a request. Pure: ``now`` is seconds of a steady clock, ``at`` seconds since the epoch.

Equal events become one Event object, counted as a series. For one correlation key (object, type, reason, action, component) at most one
request is made per ``INTERVAL_SECONDS``: events in between are merged, the latest note wins, and it is sent when the interval is over.
"""

import heapq
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count

INTERVAL_SECONDS = 60.0
"""Time between two requests for the same correlation key."""

SERIES_END_SECONDS = 360.0
"""Silence after which an equal event starts a new Event object."""

_REMEMBERED_KEYS = 4096


@dataclass(frozen=True, slots=True)
class Create:
    """Make a new Event object with this name; ``count`` equal events happened from ``first_at`` to ``last_at``."""

    key: Hashable
    name: str
    note: str
    count: int
    first_at: float = 0.0
    last_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Repeat:
    """Update the series of the Event object of this name: ``count`` equal events happened from ``first_at`` to ``last_at``."""

    key: Hashable
    name: str
    note: str
    count: int
    first_at: float = 0.0
    last_at: float = 0.0


Action = Create | Repeat


@dataclass(frozen=True, slots=True)
class _Run:
    """Equal events in a row, which are or will be one Event object."""

    name: str
    note: str
    count: int
    first_at: float
    last_at: float

    def repeated(self, at: float) -> "_Run":
        return _Run(self.name, self.note, self.count + 1, self.first_at, at)


@dataclass(slots=True)
class _Series:
    """The run that was sent last, and the run that is not sent yet: of the same Event object, or of the next one."""

    sent: _Run
    last_seen: float
    last_sent: float
    pending: _Run | None = None

    def has_ended(self, now: float) -> bool:
        """Whether an equal event would start a new Event object."""
        return self.pending is None and now - self.last_seen > SERIES_END_SECONDS


class EventCorrelator:
    """Remembers the correlation keys of the series that have not ended, 4096 at most; an evicted key starts a new series."""

    def __init__(self) -> None:
        self._series: OrderedDict[Hashable, _Series] = OrderedDict()
        self._pending: dict[Hashable, float] = {}
        self._due: list[tuple[float, int, Hashable]] = []
        self._entries = count()

    def observe(self, key: Hashable, name: str, note: str, now: float, at: float = 0.0) -> Action | None:
        """An event of this correlation key happened; ``name`` is for a new Event object. Returns None if the event is merged for now."""
        self._drop_ended(now)
        run = _Run(name, note, 1, at, at)
        series = self._series.get(key)
        if series is None or series.has_ended(now):
            self._touch(key, _Series(run, now, now))
            return Create(key, name, note, 1, at, at)
        self._touch(key, series)
        series.last_seen = now
        series.pending = self._merged(series, run)
        if now - series.last_sent >= INTERVAL_SECONDS:
            return self._send(key, series, now)
        if key not in self._pending:
            self._pending[key] = series.last_sent + INTERVAL_SECONDS
            heapq.heappush(self._due, (self._pending[key], next(self._entries), key))
        return None

    def __len__(self) -> int:
        """Correlation keys that are remembered."""
        return len(self._series)

    def due(self, now: float) -> list[Action]:
        """The merged events whose interval is over."""
        actions = []
        while (at := self.next_due()) is not None and at <= now:
            key = heapq.heappop(self._due)[2]
            series = self._series.get(key)
            del self._pending[key]
            if series is not None and series.pending is not None:
                actions.append(self._send(key, series, now))
        return actions

    def next_due(self) -> float | None:
        """When the first interval with merged events is over; None if there are none."""
        while self._due and self._pending.get(self._due[0][2]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _touch(self, key: Hashable, series: _Series) -> None:
        """The series was seen last of all."""
        self._series[key] = series
        self._series.move_to_end(key)
        if len(self._series) > _REMEMBERED_KEYS:
            self._series.popitem(last=False)

    def _drop_ended(self, now: float) -> None:
        """Forgets series that nothing can continue, such as those of objects that are gone; the one seen longest ago comes first."""
        while self._series and next(iter(self._series.values())).has_ended(now):
            self._series.popitem(last=False)

    @staticmethod
    def _merged(series: _Series, run: _Run) -> _Run:
        if series.pending is not None and series.pending.note == run.note:
            return series.pending.repeated(run.last_at)
        if series.sent.note == run.note:
            return series.sent.repeated(run.last_at)
        return run

    def _send(self, key: Hashable, series: _Series, now: float) -> Action:
        run = series.pending or series.sent
        kind = Repeat if run.name == series.sent.name else Create
        series.sent, series.pending, series.last_sent = run, None, now
        self._pending.pop(key, None)
        return kind(key, run.name, run.note, run.count, run.first_at, run.last_at)
