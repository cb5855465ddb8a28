"""The pure queue: order, priorities, dirty and processing."""

import pytest

from controller.workqueue import LOW_PRIORITY, Queue


def drain(queue: Queue[str], now: float) -> list[str]:
    items = []
    while (taken := queue.take(now)) is not None:
        items.append(taken.item)
        queue.done(taken.item, now)
    return items


def test_items_of_one_priority_come_first_in_first_out():
    """Equal priority, equal or rising time: the order of adding is the order of taking."""
    queue: Queue[str] = Queue()
    for at, item in enumerate(["a", "b", "c", "d"]):
        queue.add(item, 0, at // 2)
    assert drain(queue, 3) == ["a", "b", "c", "d"]


def test_many_adds_make_one_run():
    """An item that is already to do is not added twice."""
    queue: Queue[str] = Queue()
    assert queue.add("a", 0, 0)
    assert not queue.add("a", 0, 0)
    assert drain(queue, 0) == ["a"]


def test_key_added_while_processing_runs_once_more():
    """Three adds while processing make exactly one more run, and not before the item is done."""
    queue: Queue[str] = Queue()
    queue.add("a", 0, 0)
    assert queue.take(0) is not None
    for _ in range(3):
        queue.add("a", 0, 1)
    assert queue.take(1) is None
    assert len(queue) == 0
    queue.done("a", 2)
    assert drain(queue, 2) == ["a"]


def test_live_changes_overtake_the_initial_list():
    """An edit made behind five thousand listed objects is the next to be taken."""
    queue: Queue[str] = Queue()
    for index in range(5000):
        queue.add(f"listed-{index}", LOW_PRIORITY, 0)
    queue.add("edited", 0, 30)
    taken = queue.take(30)
    assert taken is not None
    assert taken.item == "edited"


def test_equal_aged_priorities_come_first_in_first_out():
    """A minute of waiting makes up for ten points of priority exactly: the item queued first wins the tie."""
    queue: Queue[str] = Queue()
    for offset in (0.0, 0.5, 1234.5):
        queue.add("waiting", 0, offset)
        queue.add("urgent", 10, offset + 60)
        assert drain(queue, offset + 60) == ["waiting", "urgent"]


def test_waiting_raises_priority_so_that_nothing_starves():
    """With a live change every second, more than can be handled, a low-priority item is still taken, within ten minutes or so."""
    queue: Queue[str] = Queue()
    queue.add("listed", LOW_PRIORITY, 0)
    queue.add("live", 0, 0)
    for now in range(1, 700):
        queue.add(f"live-{now}", 0, now)
        taken = queue.take(now)
        assert taken is not None
        queue.done(taken.item, now)
        if taken.item == "listed":
            assert now > 100
            return
    pytest.fail("the low-priority item starved")


def test_priority_is_raised_and_never_lowered():
    """A repeated add keeps the highest priority, and depths follow."""
    queue: Queue[str] = Queue()
    queue.add("a", 0, 0)
    queue.add("b", LOW_PRIORITY, 0)
    queue.add("a", LOW_PRIORITY, 0)
    queue.add("b", 5, 0)
    assert queue.depths == {0: 1, 5: 1}
    assert drain(queue, 0) == ["b", "a"]
    assert queue.depths == {}


def test_priority_raised_while_processing_counts_after_done():
    """A processing item collects the highest priority of its adds for its next run."""
    queue: Queue[str] = Queue()
    queue.add("a", 0, 0)
    queue.take(0)
    queue.add("a", LOW_PRIORITY, 0)
    queue.add("a", 7, 0)
    assert queue.depths == {}
    queue.done("a", 0)
    assert queue.depths == {7: 1}


def test_taken_tells_how_long_the_item_waited_and_done_how_long_it_took():
    """Durations count from becoming dirty and from being taken."""
    queue: Queue[str] = Queue()
    queue.add("a", 3, 10)
    queue.add("a", 3, 11)
    taken = queue.take(14)
    assert taken is not None
    assert (taken.priority, taken.waited) == (3, 4)
    assert queue.processing_ages(20) == (6,)
    assert queue.processing_priority("a") == 3
    assert queue.done("a", 21) == 7
    assert queue.processing_ages(21) == ()


def test_done_without_take_is_refused():
    """Giving back what was not taken is a bug of the caller."""
    with pytest.raises(ValueError, match="is not processing"):
        Queue[str]().done("a", 0)
