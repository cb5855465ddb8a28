"""The awaiting queue in virtual time: waiting, delays, back-off, shut-down, and what it tells its observer."""

import asyncio
from typing import Any

import pytest

from controller.workqueue import LOW_PRIORITY, ItemExponentialFailure, RateLimitingQueue, ShutDown


def now() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_get_waits_until_something_is_added(virtual_time):
    """A blocked get returns with the item, and no time passes."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        getter = asyncio.create_task(queue.get())
        await settle()
        assert not getter.done()
        queue.add("a")
        assert await getter == "a"
        assert now() == 0

    virtual_time(scenario())


@pytest.mark.parametrize("delays", [(10, 2), (2, 10)], ids=["late-early", "early-late"])
def test_delayed_item_fires_once_at_its_earliest_time(virtual_time, delays):
    """Two delayed adds of one item make one run, at the earlier time."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        for delay in delays:
            queue.add_after("a", delay)
        assert await queue.get() == "a"
        assert now() == 2
        queue.done("a")
        await asyncio.sleep(60)
        assert len(queue) == 0

    virtual_time(scenario())


def test_immediate_add_absorbs_a_waiting_one(virtual_time):
    """An object that was corrected does not wait for its back-off, nor runs again at its end."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q", rate_limiter=ItemExponentialFailure(30, 300))
        queue.add_rate_limited("a")
        queue.add("a")
        assert await queue.get() == "a"
        assert now() == 0
        queue.done("a")
        await asyncio.sleep(400)
        assert len(queue) == 0

    virtual_time(scenario())


def test_back_off_grows_until_forgotten(virtual_time):
    """Each rate-limited add waits twice as long as the one before; forget starts over."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q", rate_limiter=ItemExponentialFailure(1, 300))
        for expected in (1, 3, 7):
            queue.add_rate_limited("a")
            queue.done(await queue.get())
            assert now() == expected
        assert queue.num_requeues("a") == 3
        queue.forget("a")
        queue.add_rate_limited("a")
        await queue.get()
        assert now() == 8

    virtual_time(scenario())


def test_a_retry_keeps_the_priority_it_was_taken_with(virtual_time):
    """A failing object of the initial list does not overtake live changes by failing."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        queue.add("listed", priority=LOW_PRIORITY)
        item = await queue.get()
        queue.add_rate_limited(item)
        queue.done(item)
        await asyncio.sleep(1)
        assert queue.depths == {LOW_PRIORITY: 1}

    virtual_time(scenario())


def test_delayed_add_of_a_waiting_key_changes_nothing(virtual_time):
    """What is to do now is not put off by a wish for later."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        queue.add("a")
        queue.add_after("a", 10)
        queue.done(await queue.get())
        await asyncio.sleep(20)
        assert len(queue) == 0

    virtual_time(scenario())


def test_shut_down_finishes_what_is_queued_and_ignores_the_rest(virtual_time):
    """Queued items can be taken, new and delayed ones are dropped, and a blocked get returns by raising."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        queue.add("queued")
        queue.add_after("delayed", 1)
        queue.shut_down()
        queue.add("new")
        queue.add_after("newer", 1)
        queue.add_rate_limited("newest")
        assert await queue.get() == "queued"
        blocked = asyncio.create_task(queue.get())
        await settle()
        queue.done("queued")
        with pytest.raises(ShutDown):
            await blocked
        await asyncio.sleep(5)
        assert len(queue) == 0

    virtual_time(scenario())


def test_blocked_gets_return_when_the_queue_is_shut_down(virtual_time):
    """All waiting workers are freed at once."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        blocked = [asyncio.create_task(queue.get()) for _ in range(3)]
        await settle()
        queue.shut_down()
        assert all(isinstance(e, ShutDown) for e in await asyncio.gather(*blocked, return_exceptions=True))

    virtual_time(scenario())


def test_drain_waits_for_items_processing_and_dirty_again(virtual_time):
    """Drain returns only after the item that became dirty while processing was run once more."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        queue.add("a")
        await queue.get()
        queue.add("a")
        drain = asyncio.create_task(queue.shut_down_with_drain())
        await settle()
        queue.done("a")
        await settle()
        assert not drain.done()
        assert await queue.get() == "a"
        queue.done("a")
        await drain

    virtual_time(scenario())


@pytest.mark.parametrize("second", ["shut_down", "shut_down_with_drain"])
def test_second_shut_down_frees_the_first(virtual_time, second):
    """Who shuts down again has lost patience: nobody waits any longer."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        queue.add("a")
        await queue.get()
        drain = asyncio.create_task(queue.shut_down_with_drain())
        await settle()
        assert not drain.done()
        if second == "shut_down":
            queue.shut_down()
        else:
            await queue.shut_down_with_drain()
        await drain
        queue.done("a")

    virtual_time(scenario())


def test_drain_of_an_idle_queue_returns_at_once(virtual_time):
    """Nothing to wait for."""

    async def scenario() -> None:
        await RateLimitingQueue[str]("q").shut_down_with_drain()
        assert now() == 0

    virtual_time(scenario())


def test_a_cancelled_get_passes_its_wake_up_on(virtual_time):
    """An item whose announced taker was cancelled reaches the next one."""

    async def scenario() -> None:
        queue: RateLimitingQueue[str] = RateLimitingQueue("q")
        first, second = (asyncio.create_task(queue.get()) for _ in range(2))
        await settle()
        queue.add("a")
        first.cancel()
        assert await second == "a"
        assert first.cancelled()

    virtual_time(scenario())


def test_fifty_producers_and_ten_workers_never_share_a_key_nor_lose_an_add(virtual_time):
    """A key is never in two workers, and always runs after its last add."""

    async def scenario() -> None:
        queue: RateLimitingQueue[int] = RateLimitingQueue("q")
        wanted: dict[int, int] = {}
        seen: dict[int, int] = {}
        processing: set[int] = set()

        async def produce(seed: int) -> None:
            for step in range(40):
                key = (seed * 7 + step * 13) % 23
                wanted[key] = wanted.get(key, 0) + 1
                queue.add(key, priority=(step % 3) * -50)
                await asyncio.sleep((seed * step % 5) / 10)

        async def work() -> None:
            while True:
                try:
                    key = await queue.get()
                except ShutDown:
                    return
                assert key not in processing
                processing.add(key)
                state = wanted[key]
                await asyncio.sleep((key % 4) / 10)
                seen[key] = state
                processing.discard(key)
                queue.done(key)

        workers = [asyncio.create_task(work()) for _ in range(10)]
        await asyncio.gather(*(produce(seed) for seed in range(50)))
        await queue.shut_down_with_drain()
        await asyncio.gather(*workers)
        assert seen == wanted

    virtual_time(scenario())


class Recorder:
    """Remembers what the queue reported."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.state: Any = None

    def track(self, state: Any) -> None:
        """Keeps the state."""
        self.state = state

    def added(self) -> None:
        """Notes it."""
        self.calls.append("added")

    def retried(self) -> None:
        """Notes it."""
        self.calls.append("retried")

    def taken(self, waited: float) -> None:
        """Notes it."""
        self.calls.append(("taken", waited))

    def done(self, worked: float) -> None:
        """Notes it."""
        self.calls.append(("done", worked))


def test_observer_gets_counts_and_durations_and_can_read_the_state(virtual_time):
    """One add, one retry, how long each waited and took, and the depth while it waits."""

    async def scenario() -> None:
        recorder = Recorder()
        queue: RateLimitingQueue[str] = RateLimitingQueue("q", metrics=recorder)
        queue.add("a")
        queue.add("a")
        assert recorder.state.depths == {0: 1}
        await asyncio.sleep(3)
        await queue.get()
        await asyncio.sleep(2)
        assert recorder.state.processing_ages == (2,)
        queue.add_after("a", 5)
        queue.done("a")
        assert recorder.calls == ["added", ("taken", 3), "retried", ("done", 2)]

    virtual_time(scenario())
