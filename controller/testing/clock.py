"""A clock that only a test moves, for code that takes its time as a function or an argument."""


class FakeClock:
    """Returns the same time until it is advanced. Pass it wherever ``time.time`` or ``time.monotonic`` is expected."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now

    def __call__(self) -> float:
        """The current time in seconds."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Move the clock forward and return its new time. Raises ValueError for a negative number: this clock is steady."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back, got {seconds}")
        self._now += seconds
        return self._now
