"""Groups of tasks: an end nobody asked for is reported, one that was asked for is not."""

import asyncio

import pytest

from controller.runtime import RunnableFailed
from controller.runtime.runnables import RunnableGroup


@pytest.fixture
def failures() -> list[Exception]:
    return []


@pytest.fixture
def group(failures: list[Exception]) -> RunnableGroup:
    return RunnableGroup(failures.append)


async def forever() -> None:
    await asyncio.sleep(1e9)


async def return_at_once() -> None:
    return


async def raise_at_once() -> None:
    raise ValueError("no such thing")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_runnable_that_raises_is_reported_with_its_name_and_cause(group, failures):
    """One sentence, and the exception behind it."""
    group.start("informers", raise_at_once())
    await settle()
    (failure,) = failures
    assert isinstance(failure, RunnableFailed)
    assert failure.name == "informers"
    assert str(failure) == "informers stopped unexpectedly: no such thing."
    assert isinstance(failure.__cause__, ValueError)


async def test_a_runnable_that_returns_is_reported_unless_it_may(group, failures):
    """A loop that ends leaves a process that looks alive."""
    group.start("startup", return_at_once(), may_return=True)
    await settle()
    assert failures == []
    group.start("loop", return_at_once())
    await settle()
    assert [failure.name for failure in failures] == ["loop"]


async def test_a_runnable_cancelled_by_somebody_else_is_reported(group, failures):
    """Only the group itself may stop its tasks."""
    group.start("loop", forever())
    (task,) = group._tasks
    task.cancel()
    await settle()
    assert [str(failure) for failure in failures] == ["loop stopped unexpectedly: it was cancelled."]


async def test_stop_cancels_all_and_waits_for_them(group, failures):
    """Cleaning up is waited for, and is no failure."""
    cleaned = []

    async def careful() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            cleaned.append(True)

    group.start("a", careful())
    group.start("b", careful())
    await settle()
    await group.stop()
    assert cleaned == [True, True]
    assert failures == []


def test_stop_waits_no_longer_than_its_patience(virtual_time, group):
    """Who does not let itself be cancelled is left behind."""

    async def stubborn() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(100)

    async def scenario() -> None:
        group.start("stubborn", stubborn())
        await settle()
        await group.stop(timeout=2)
        assert asyncio.get_running_loop().time() == 2

    virtual_time(scenario())


async def test_join_waits_for_ends_that_are_now_expected(group, failures):
    """After the controllers were told to finish, returning is right, and raising still is not."""
    release = asyncio.Event()

    async def finish() -> None:
        await release.wait()

    async def fail() -> None:
        await release.wait()
        await raise_at_once()

    group.start("good", finish())
    group.start("bad", fail())
    joined = asyncio.create_task(group.join())
    await settle()
    assert not joined.done()
    release.set()
    await joined
    assert [failure.name for failure in failures] == ["bad"]
