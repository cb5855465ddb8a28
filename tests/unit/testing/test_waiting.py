"""Waiting for a state."""

import asyncio

import pytest

from controller.testing import eventually, run_in_virtual_time


def test_it_returns_once_the_check_holds():
    """Functions and coroutine functions, truth and assertions."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def later() -> bool:
            return loop.time() >= 2

        await eventually(lambda: loop.time() >= 1)
        assert loop.time() == pytest.approx(1, abs=0.1)
        await eventually(later)
        assert loop.time() == pytest.approx(2, abs=0.1)

        def asserting() -> None:
            assert loop.time() >= 3

        await eventually(asserting)
        assert loop.time() == pytest.approx(3, abs=0.1)

    run_in_virtual_time(scenario())


def test_it_says_what_was_wrong_last():
    """The last failure is the cause; errors that were not expected are raised at once."""

    async def scenario() -> None:
        def never() -> None:
            raise AssertionError("two pods are missing")

        with pytest.raises(AssertionError, match=r"within 5 s: two pods are missing"):
            await eventually(never, timeout=5)

        def broken() -> bool:
            raise KeyError("spec")

        with pytest.raises(KeyError):
            await eventually(broken, timeout=5)
        with pytest.raises(AssertionError, match="not reached"):
            await eventually(broken, timeout=5, retry_on=KeyError)

    run_in_virtual_time(scenario())
