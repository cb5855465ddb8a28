"""Any sequence of adds, takes and dones, played against a ten-line model of the queue."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from controller.workqueue import DelayingQueue, Queue
from controller.workqueue.queue import SECONDS_PER_PRIORITY

ITEMS = st.sampled_from("abcdefgh")
PRIORITIES = st.sampled_from([-100, 0, 0, 10])


class QueueMachine(RuleBasedStateMachine):
    """The model: what is dirty with its priority, since when it is queued, and what is processing."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: Queue[str] = Queue()
        self.now = 0.0
        self.dirty: dict[str, int] = {}
        self.queued: dict[str, tuple[float, int]] = {}
        self.processing: set[str] = set()
        self.steps = 0

    def _enqueue(self, item: str) -> None:
        self.steps += 1
        self.queued[item] = (self.now, self.steps)

    @rule(item=ITEMS, priority=PRIORITIES)
    def add(self, item: str, priority: int) -> None:
        """Only the first add of a clean item counts; later ones raise its priority."""
        assert self.queue.add(item, priority, self.now) == (item not in self.dirty)
        if item not in self.dirty and item not in self.processing:
            self._enqueue(item)
        self.dirty[item] = max(priority, self.dirty.get(item, priority))

    @rule(seconds=st.sampled_from([0.5, 60.0, 900.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule()
    def take(self) -> None:
        """The highest aged priority comes first, then the longest queued. Both sides count in seconds, so that a tie is a tie."""
        taken = self.queue.take(self.now)
        if not self.queued:
            assert taken is None
            return
        first = max(
            self.queued, key=lambda i: (SECONDS_PER_PRIORITY * self.dirty[i] - self.queued[i][0], -self.queued[i][1])
        )
        assert taken is not None
        assert (taken.item, taken.priority) == (first, self.dirty.pop(first))
        del self.queued[first]
        self.processing.add(first)

    @precondition(lambda self: self.processing)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        """An item that became dirty while processing is queued again."""
        item = data.draw(st.sampled_from(sorted(self.processing)))
        self.queue.done(item, self.now)
        self.processing.discard(item)
        if item in self.dirty:
            self._enqueue(item)

    @invariant()
    def counts_agree(self) -> None:
        """What the queue shows is what the model holds."""
        assert len(self.queue) == len(self.queued)
        assert self.queue.processing == len(self.processing)
        assert {item for item in "abcdefgh" if item in self.queue} == set(self.dirty)
        depths: dict[int, int] = {}
        for item in self.queued:
            depths[self.dirty[item]] = depths.get(self.dirty[item], 0) + 1
        assert self.queue.depths == depths


class DelayingMachine(RuleBasedStateMachine):
    """The model: the earliest time and the highest priority of each waiting item."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: DelayingQueue[str] = DelayingQueue()
        self.now = 0
        self.waiting: dict[str, tuple[int, int]] = {}

    @rule(item=ITEMS, delay=st.integers(0, 20), priority=PRIORITIES)
    def add(self, item: str, delay: int, priority: int) -> None:
        """The earliest time and the highest priority stay."""
        at, known = self.waiting.get(item, (self.now + delay, priority))
        self.queue.add(item, self.now + delay, priority)
        self.waiting[item] = (min(at, self.now + delay), max(known, priority))

    @rule(item=ITEMS)
    def discard(self, item: str) -> None:
        """A discarded item is gone."""
        assert self.queue.discard(item) == self.waiting.pop(item, (0, None))[1]

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        """Exactly what is due comes, in the order of its times."""
        self.now += seconds
        due = {item: priority for item, (at, priority) in self.waiting.items() if at <= self.now}
        released = self.queue.due(self.now)
        times = [self.waiting.pop(item)[0] for item, _ in released]
        assert dict(released) == due
        assert len(released) == len(due)
        assert times == sorted(times)

    @invariant()
    def counts_agree(self) -> None:
        """What the queue shows is what the model holds."""
        assert len(self.queue) == len(self.waiting)
        assert self.queue.next_ready_at() == min((at for at, _ in self.waiting.values()), default=None)


TestQueue = QueueMachine.TestCase
TestDelayingQueue = DelayingMachine.TestCase
