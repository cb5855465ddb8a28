"""Virtual time: sleeping costs nothing, and a test can say exactly how much time passed.

1. A coroutine sleeps for an hour and nothing else can run.
2. A normal event loop would wait for an hour. This one moves its clock forward by an hour and goes on at once.
3. Only I/O is really waited for: while a socket may become ready, time does not jump.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_RESOLUTION_SECONDS = 1e-6
"""Timers within it fire together. The default of 1 ns is less than a float can add to the seconds of a year, and a timer never fired."""


class _SkippingSelector(selectors.DefaultSelector):
    """Moves a clock forward instead of waiting for time to pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0 if timeout else timeout)
        if timeout and not events:
            self.now += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps to the next timer whenever everything waits.

    For tests without real I/O: an answer from a socket takes no virtual time, but time-outs around it jump too. The order of timers,
    queues and tasks is that of any asyncio loop.
    """

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)
        self._clock_resolution = _RESOLUTION_SECONDS

    def time(self) -> float:
        """The virtual time, in seconds since the loop was made."""
        return self._skipping.now


def run_in_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine to its end on a VirtualTimeLoop of its own, and return its result."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)
