"""The pure delaying queue and the rate limiters, in times the test chooses."""

import random

import pytest

from controller.workqueue import DelayingQueue, ItemExponentialFailure, MaxOf, TokenBucket, default_rate_limiter


@pytest.mark.parametrize("times", [(10, 2), (2, 10)], ids=["late-early", "early-late"])
def test_earliest_time_wins_and_fires_once(times: tuple[int, int]):
    """Whatever the order of two delayed adds, the item is due once, at the earlier time."""
    queue: DelayingQueue[str] = DelayingQueue()
    for ready_at in times:
        queue.add("a", ready_at)
    assert queue.next_ready_at() == 2
    assert queue.due(1.9) == []
    assert queue.due(2) == [("a", 0)]
    assert queue.due(100) == []
    assert queue.next_ready_at() is None


def test_highest_priority_stays_with_a_waiting_item():
    """Neither a later nor an earlier add lowers the priority."""
    queue: DelayingQueue[str] = DelayingQueue()
    queue.add("a", 5, 1)
    queue.add("a", 9, 3)
    queue.add("a", 4, 2)
    assert queue.due(4) == [("a", 3)]


def test_items_are_due_in_the_order_of_their_times():
    """Earliest first, and only those whose time has come."""
    queue: DelayingQueue[str] = DelayingQueue()
    for item, ready_at in (("c", 3), ("a", 1), ("b", 2), ("d", 4)):
        queue.add(item, ready_at)
    assert [item for item, _ in queue.due(3)] == ["a", "b", "c"]
    assert len(queue) == 1


def test_discarded_item_is_not_due_and_tells_its_priority():
    """A discarded item is gone; asking again says so."""
    queue: DelayingQueue[str] = DelayingQueue()
    queue.add("a", 1, -100)
    assert queue.discard("a") == -100
    assert queue.discard("a") is None
    assert queue.due(2) == []


def test_replaced_entries_do_not_pile_up():
    """Memory follows the number of waiting items, not the number of adds."""
    queue: DelayingQueue[str] = DelayingQueue()
    for index in range(100_000):
        queue.discard("a")
        queue.add("a", 1_000_000 - index)
    assert len(queue._heap) < 100


def test_back_off_doubles_to_the_cap_without_overflow():
    """5 ms, 10 ms, 20 ms … 1000 s, and still 1000 s after five thousand failures."""
    limiter: ItemExponentialFailure[str] = ItemExponentialFailure(0.005, 1000)
    waits = [limiter.when("a", 0) for _ in range(5001)]
    assert waits[:4] == pytest.approx([0.005, 0.01, 0.02, 0.04])
    assert waits[17] == pytest.approx(0.005 * 2**17)
    assert waits[18] == waits[5000] == 1000
    assert limiter.num_requeues("a") == 5001


def test_forget_resets_the_back_off_for_this_item_only():
    """Success of one item leaves the failures of another."""
    limiter: ItemExponentialFailure[str] = ItemExponentialFailure(1, 60)
    for item in ("a", "a", "b", "b"):
        limiter.when(item, 0)
    limiter.forget("a")
    assert limiter.when("a", 0) == 1
    assert limiter.when("b", 0) == 4
    limiter.forget("never-seen")


def test_jitter_only_shortens_and_by_no_more_than_its_part():
    """Waits lie between (1 - jitter) and 1 times the exponential one, and differ."""
    limiter: ItemExponentialFailure[int] = ItemExponentialFailure(8, 8, jitter=0.25, random=random.Random(1).random)
    waits = [limiter.when(item, 0) for item in range(100)]
    assert all(6 < wait <= 8 for wait in waits)
    assert len(set(waits)) > 90


def test_default_limiter_starts_at_five_milliseconds():
    """The framework's default: at most 5 ms at first, at most 1000 s ever."""
    limiter = default_rate_limiter()
    assert 0.0045 <= limiter.when("a", 0) <= 0.005
    assert max(limiter.when("a", 0) for _ in range(30)) <= 1000


def test_token_bucket_lets_a_burst_pass_and_then_its_rate():
    """Three at once, then one every half second; unused time earns tokens up to the burst."""
    bucket: TokenBucket[str] = TokenBucket(2, 3)
    assert [bucket.when("a", 0) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    assert bucket.when("a", 1.5) == 0
    assert [bucket.when("a", 100) for _ in range(4)] == [0, 0, 0, 0.5]


def test_max_of_takes_the_longest_wait_and_counts_in_all():
    """The strictest limiter decides, none is skipped."""
    slow: ItemExponentialFailure[str] = ItemExponentialFailure(1, 60)
    bucket: TokenBucket[str] = TokenBucket(0.1, 1)
    both = MaxOf(slow, bucket)
    assert both.when("a", 0) == 1
    assert both.when("a", 0) == 10
    assert both.num_requeues("a") == 2
    both.forget("a")
    assert both.num_requeues("a") == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: ItemExponentialFailure(0, 1),
        lambda: ItemExponentialFailure(2, 1),
        lambda: ItemExponentialFailure(1, 2, jitter=1.5),
        lambda: TokenBucket(0, 1),
        lambda: TokenBucket(1, 0),
        MaxOf,
    ],
)
def test_senseless_limits_are_refused(make):
    """Wrong parameters raise at once."""
    with pytest.raises(ValueError, match=r"jitter|cap|rate|least one"):
        make()
