"""Measures how much later than asked for the timers of the event loop fire."""

import asyncio

import structlog

from controller.metrics import LoopFamilies

_log = structlog.get_logger("controller.runtime")

_INTERVAL_SECONDS = 0.25
_LOGGED_LAG_SECONDS = 1.0
"""A lag from which on something blocks the loop so long that leases and probes suffer."""

_LOG_EVERY_SECONDS = 60.0


class LoopMonitor:
    """Observes the lag of the running event loop four times a second, and logs a long one at most once a minute."""

    def __init__(self, metrics: LoopFamilies) -> None:
        self._metrics = metrics

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        logged_at = float("-inf")
        while True:
            due = loop.time() + _INTERVAL_SECONDS
            await asyncio.sleep(_INTERVAL_SECONDS)
            lag = max(0.0, loop.time() - due)
            self._metrics.lag.observe(lag)
            if lag >= _LOGGED_LAG_SECONDS and loop.time() - logged_at >= _LOG_EVERY_SECONDS:
                logged_at = loop.time()
                _log.warning("The event loop was blocked", seconds=round(lag, 3))
