"""Gives the event loop back between the parts of a long piece of work."""

import asyncio
import time

SLICE_SECONDS = 0.005


class Slices:
    """``await pause()`` after each small step: it lets others run once a slice of time is over."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    @property
    def is_over(self) -> bool:
        """Whether this slice is used up."""
        return time.perf_counter() - self._since >= SLICE_SECONDS

    async def pause(self) -> None:
        """Begins a new slice if this one is used up."""
        if self.is_over:
            await asyncio.sleep(0)
            self._since = time.perf_counter()
