"""Virtual time for tests of awaiting shells: sleeping costs nothing, and a test can say exactly how much time passed."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest


class _SkippingSelector(selectors.DefaultSelector):
    """Moves a clock forward instead of waiting for time to pass. Waits really only when nothing but I/O can happen."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0 if timeout else timeout)
        if timeout and not events:
            self.now += timeout
        return events


class _VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.now


@pytest.fixture
def virtual_time() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine to its end on a loop of its own whose clock starts at 0 and jumps to the next timer whenever all wait."""

    def run(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=_VirtualTimeLoop) as runner:
            runner.run(coroutine)

    return run
