"""Virtual time: no time is spent, and the clock says how much has passed."""

import asyncio
import time

from controller.testing import run_in_virtual_time


def test_a_year_of_sleeping_takes_no_time_and_timers_keep_their_order():
    """The result of the coroutine is returned."""

    async def scenario() -> list[tuple[str, float]]:
        loop, seen = asyncio.get_running_loop(), []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, loop.time()))

        await asyncio.gather(sleeper("year", 3.2e7), sleeper("hour", 3600), sleeper("now", 0))
        return seen

    begun = time.monotonic()
    assert run_in_virtual_time(scenario()) == [("now", 0), ("hour", 3600), ("year", 3.2e7)]
    assert time.monotonic() - begun < 60


def test_a_time_out_fires_in_virtual_time():
    """The clock stands where the time-out was."""

    async def scenario() -> float:
        try:
            async with asyncio.timeout(90):
                await asyncio.Event().wait()
        except TimeoutError:
            return asyncio.get_running_loop().time()
        return -1

    assert run_in_virtual_time(scenario()) == 90
