"""The lag of the event loop: measured all the time, logged when it is long, at most once a minute."""

import asyncio
from typing import Any

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from controller.metrics import LoopFamilies
from controller.runtime.loop_monitor import LoopMonitor


def block(seconds: float) -> None:
    """Lets the clock of the virtual loop go on while nothing else runs, as a blocking call does."""
    loop: Any = asyncio.get_running_loop()
    loop._skipping.now += seconds


def test_a_blocked_loop_is_measured_and_reported(virtual_time):
    """Two long blocks within a minute are one line in the log; both are in the histogram."""

    async def scenario() -> None:
        registry = CollectorRegistry()
        task = asyncio.create_task(LoopMonitor(LoopFamilies(registry)).run())
        with capture_logs() as logs:
            await asyncio.sleep(10)
            assert logs == []
            for _ in range(2):
                await asyncio.sleep(0.01)
                block(3)
                await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [entry["event"] for entry in logs] == ["The event loop was blocked"]
        assert logs[0]["seconds"] > 2
        total = registry.get_sample_value("event_loop_lag_seconds_count") or 0
        quick = registry.get_sample_value("event_loop_lag_seconds_bucket", {"le": "1.0"}) or 0
        assert total - quick == 2

    virtual_time(scenario())
