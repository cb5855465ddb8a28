"""The workqueue families. Depth and the ages of processing items are read from the queues at each scrape."""

from collections.abc import Iterator
from itertools import accumulate, repeat
from operator import mul

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from controller.workqueue import QueueState

_LABELS = ("name", "controller")
_BUCKETS = tuple(accumulate(repeat(10.0, 11), mul, initial=10e-9))


class WorkqueueFamilies:
    """Families of all queues of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.adds = Counter("workqueue_adds_total", "Items that became dirty.", _LABELS, registry=registry)
        self.retries = Counter("workqueue_retries_total", "Items added with a delay.", _LABELS, registry=registry)
        self.queue_duration = Histogram(
            "workqueue_queue_duration_seconds",
            "How long an item stays in the queue before it is taken.",
            _LABELS,
            buckets=_BUCKETS,
            registry=registry,
        )
        self.work_duration = Histogram(
            "workqueue_work_duration_seconds",
            "How long processing an item takes.",
            _LABELS,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._states = _QueueStates()
        registry.register(self._states)

    def for_queue(self, name: str) -> "QueueRecorder":
        """The recorder of one queue, which has the name of its controller. Creates its series, at zero."""
        return QueueRecorder(self, name)

    def track(self, name: str, state: QueueState) -> None:
        """Read the gauges of this queue from its state."""
        self._states.queues[name] = state


class QueueRecorder:
    """The recorder of one queue. Durations are seconds."""

    def __init__(self, families: WorkqueueFamilies, name: str) -> None:
        self._families = families
        self._name = name
        self._adds = families.adds.labels(name, name)
        self._retries = families.retries.labels(name, name)
        self._queue_duration = families.queue_duration.labels(name, name)
        self._work_duration = families.work_duration.labels(name, name)

    def track(self, state: QueueState) -> None:
        """Read the gauges from here."""
        self._families.track(self._name, state)

    def added(self) -> None:
        """An item became dirty."""
        self._adds.inc()

    def retried(self) -> None:
        """An item was added with a delay."""
        self._retries.inc()

    def taken(self, waited: float) -> None:
        """An item was taken, ``waited`` seconds after it became dirty."""
        self._queue_duration.observe(waited)

    def done(self, worked: float) -> None:
        """An item is done, ``worked`` seconds after it was taken."""
        self._work_duration.observe(worked)


class _QueueStates(Collector):
    """Reads the queues at scrape time, on their own event loop."""

    def __init__(self) -> None:
        self.queues: dict[str, QueueState] = {}

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("workqueue_depth", "Items waiting, by priority.", labels=(*_LABELS, "priority"))
        unfinished = GaugeMetricFamily(
            "workqueue_unfinished_work_seconds",
            "Seconds of work in progress; a steady rise means stuck workers.",
            labels=_LABELS,
        )
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds",
            "Seconds that the longest running worker has been processing its item.",
            labels=_LABELS,
        )
        for name, state in self.queues.items():
            for priority, items in {0: 0, **state.depths}.items():
                depth.add_metric((name, name, str(priority)), items)
            ages = state.processing_ages
            unfinished.add_metric((name, name), sum(ages))
            longest.add_metric((name, name), max(ages, default=0.0))
        yield from (depth, unfinished, longest)
