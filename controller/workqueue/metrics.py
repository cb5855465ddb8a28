"""The reports of a queue to an observer: counts and durations as they happen. Its state is read on demand."""

from collections.abc import Mapping
from typing import Protocol


class QueueState(Protocol):
    """The readable side of a queue."""

    @property
    def depths(self) -> Mapping[int, int]:
        """Items that could be taken now, by priority; priorities without items may be missing."""

    @property
    def processing_ages(self) -> tuple[float, ...]:
        """Seconds since each processing item was taken."""


class QueueMetrics(Protocol):
    """The observer of one queue. Durations are seconds."""

    def track(self, state: QueueState) -> None:
        """Remember the queue, whose state is read at every scrape."""

    def added(self) -> None:
        """An item became dirty."""

    def retried(self) -> None:
        """An item was added with a delay."""

    def taken(self, waited: float) -> None:
        """An item was taken, ``waited`` seconds after it became dirty."""

    def done(self, worked: float) -> None:
        """An item is done, ``worked`` seconds after it was taken."""


class NoQueueMetrics:
    """Observes nothing."""

    def track(self, state: QueueState) -> None:
        """Nothing."""

    def added(self) -> None:
        """Nothing."""

    def retried(self) -> None:
        """Nothing."""

    def taken(self, waited: float) -> None:
        """Nothing."""

    def done(self, worked: float) -> None:
        """Nothing."""
