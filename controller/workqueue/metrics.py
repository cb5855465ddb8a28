"""What a queue tells an observer. Counts and durations are told as they happen; the state is read when somebody asks for it."""

from collections.abc import Mapping
from typing import Protocol


class QueueState(Protocol):
    """The readable side of a queue."""

    @property
    def depths(self) -> Mapping[int, int]:
        """Items that could be taken now, by priority; priorities without items may be missing."""

    @property
    def processing_ages(self) -> tuple[float, ...]:
        """Seconds since each item in hand was taken."""


class QueueMetrics(Protocol):
    """The observer of one queue. Durations are seconds."""

    def track(self, state: QueueState) -> None:
        """Read the queue's state from here, whenever it is wanted."""

    def added(self) -> None:
        """An item became dirty."""

    def retried(self) -> None:
        """An item was added with a delay."""

    def taken(self, waited: float) -> None:
        """An item was handed out, so long after it became dirty."""

    def done(self, worked: float) -> None:
        """An item was given back, so long after it was handed out."""


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
