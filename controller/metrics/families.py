"""All metric families except the workqueue's, with the recorders that packages call. Durations are seconds, sizes bytes."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from controller.meta import Resource
from controller.metrics.workqueue import WorkqueueFamilies

WATCH_ENDS = ("timeout", "short", "silent", "expired", "refused", "broken")
RESULTS = ("success", "error", "requeue", "requeue_after")

# fmt: off
_RECONCILE_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 1.75, 2.0,
    2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
)
_REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_SIZE_BUCKETS = (64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216)
_QUICK_BUCKETS = tuple(10.0**exponent for exponent in range(-8, 4))
# fmt: on


class ReconcileFamilies:
    """The ``controller_runtime_*`` families."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *more: str) -> Counter:
            return Counter(f"controller_runtime_{name}", text, ("controller", *more), registry=registry)

        self.total = counter("reconcile_total", "Reconciliations by result.", "result")
        self.errors = counter("reconcile_errors_total", "Reconciliations that failed.")
        self.terminal_errors = counter("terminal_reconcile_errors_total", "Failures that are not retried.")
        self.panics = counter("reconcile_panics_total", "Reconciliations that ended in an unexpected exception.")
        self.timeouts = counter("reconcile_timeouts_total", "Reconciliations cut off by the controller's own deadline.")
        self.slow = counter("slow_reconciles_total", "Reconciliations that took longer than the slow_reconcile option.")
        self.source_errors = counter(
            "source_errors_total", "Failures of predicates, handlers and sources, by function.", "function"
        )
        self.time = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "How long a reconciliation takes.",
            ("controller",),
            buckets=_RECONCILE_BUCKETS,
            registry=registry,
        )
        self.max_concurrent = Gauge(
            "controller_runtime_max_concurrent_reconciles", "Number of workers.", ("controller",), registry=registry
        )
        self.active_workers = Gauge(
            "controller_runtime_active_workers", "Workers that process a key.", ("controller",), registry=registry
        )

    def for_controller(self, name: str, workers: int) -> "ControllerMetrics":
        """The recorder of one controller. Creates all its series, at zero."""
        return ControllerMetrics(self, name, workers)


class ControllerMetrics:
    """The recorder of one controller."""

    def __init__(self, families: ReconcileFamilies, name: str, workers: int) -> None:
        self._total = {result: families.total.labels(name, result) for result in RESULTS}
        self._errors = families.errors.labels(name)
        self._terminal_errors = families.terminal_errors.labels(name)
        self._panics = families.panics.labels(name)
        self._timeouts = families.timeouts.labels(name)
        self._slow = families.slow.labels(name)
        self._source_errors = functools.partial(families.source_errors.labels, name)
        self._time = families.time.labels(name)
        self._active_workers = families.active_workers.labels(name)
        families.max_concurrent.labels(name).set(workers)

    def started(self) -> None:
        """A worker took a key."""
        self._active_workers.inc()

    def ended(self, seconds: float) -> None:
        """The worker finished the key after ``seconds``, whatever the outcome."""
        self._active_workers.dec()
        self._time.observe(seconds)

    def succeeded(self, *, requeue_after: bool) -> None:
        """The reconciler returned."""
        self._total["requeue_after" if requeue_after else "success"].inc()

    def failed(self, *, terminal: bool = False, panic: bool = False, timeout: bool = False) -> None:
        """The reconciler raised, or was cut off."""
        self._total["error"].inc()
        self._errors.inc()
        if terminal:
            self._terminal_errors.inc()
        if panic:
            self._panics.inc()
        if timeout:
            self._timeouts.inc()

    def slow(self) -> None:
        """A reconciliation is taking longer than it should."""
        self._slow.inc()

    def source_failed(self, function: str) -> None:
        """A function that feeds the controller's queue raised."""
        self._source_errors(function).inc()


class LoopFamilies:
    """Metrics of the event loop: whether it keeps up."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lag = Histogram(
            "event_loop_lag_seconds",
            "How much later than asked for a timer of the event loop fired; a high lag means that something blocks the loop.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
            registry=registry,
        )


class ClientFamilies:
    """The ``rest_client_*`` families. The series of a method, host and code are looked up once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "rest_client_requests_total",
            "HTTP requests by status code, method and host; the code is <error> when there was no answer.",
            ("code", "method", "host"),
            registry=registry,
        )
        self.retries = Counter(
            "rest_client_request_retries_total",
            "Requests sent again.",
            ("code", "verb", "host"),
            registry=registry,
        )

        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"rest_client_{name}", text, ("verb", "host"), buckets=buckets, registry=registry)

        self._answers: dict[tuple[str, str, int | None], tuple[Counter, Histogram]] = {}
        self._sizes: dict[tuple[str, str], tuple[Histogram, Histogram]] = {}
        self.duration = histogram("request_duration_seconds", "Time until the answer.", _REQUEST_BUCKETS)
        self.rate_limiter = histogram(
            "rate_limiter_duration_seconds", "Time a request waited for the client's own limit.", _REQUEST_BUCKETS
        )
        self.request_size = histogram("request_size_bytes", "Size of request bodies.", _SIZE_BUCKETS)
        self.response_size = histogram("response_size_bytes", "Size of answers.", _SIZE_BUCKETS)
        self.dns = Histogram(
            "rest_client_dns_resolution_duration_seconds",
            "Time to look up the address of a host.",
            ("host",),
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )

    def request(self, method: str, host: str, code: int | None, seconds: float) -> None:
        """A request was answered with ``code``; None means that there was no answer."""
        series = self._answers.get((method, host, code))
        if series is None:
            counter = self.requests.labels("<error>" if code is None else str(code), method, host)
            series = self._answers[method, host, code] = (counter, self.duration.labels(method, host))
        series[0].inc()
        series[1].observe(seconds)

    def retry(self, method: str, host: str, code: int | None) -> None:
        """A request is sent again after ``code``, or after no answer (None)."""
        self.retries.labels("<error>" if code is None else str(code), method, host).inc()

    def waited(self, method: str, host: str, seconds: float) -> None:
        """A request waited for the client's own rate limit."""
        self.rate_limiter.labels(method, host).observe(seconds)

    def sizes(self, method: str, host: str, request: int, response: int) -> None:
        """Bytes sent and received for a request."""
        series = self._sizes.get((method, host))
        if series is None:
            series = self.request_size.labels(method, host), self.response_size.labels(method, host)
            self._sizes[method, host] = series
        series[0].observe(request)
        series[1].observe(response)

    def resolved(self, host: str, seconds: float) -> None:
        """The address of a host was looked up."""
        self.dns.labels(host).observe(seconds)


class LeaderElectionFamilies:
    """The ``leader_election_*`` families and the gap between renewals."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._status = Gauge(
            "leader_election_master_status", "1 for the leader, 0 for a standby.", ("name",), registry=registry
        )
        self._slowpath = Counter(
            "leader_election_slowpath_total", "Renewals that had to read the lease first.", ("name",), registry=registry
        )
        self._gap = Histogram(
            "leader_election_renewal_gap_seconds",
            "Time between successful renewals of the lease.",
            ("name",),
            buckets=(1, 2, 2.5, 3, 4, 5, 7.5, 10, 15),
            registry=registry,
        )

    def leading(self, name: str, *, is_leader: bool) -> None:
        """Whether this process holds the lease of this name. Called once at the start, so that all series exist."""
        self._status.labels(name).set(is_leader)
        self._slowpath.labels(name)

    def slowpath(self, name: str) -> None:
        """A renewal had to read the lease before writing it."""
        self._slowpath.labels(name).inc()

    def renewed(self, name: str, gap: float) -> None:
        """The lease was renewed, ``gap`` seconds after the previous renewal."""
        self._gap.labels(name).observe(gap)


class InformerFamilies:
    """The ``informer_*`` families: they reveal a silent watch. ``name`` says which list-and-watch of the resource it is."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("name", "group", "version", "resource")
        self._lists = Counter("informer_lists_total", "Full lists made.", labels, registry=registry)
        self._watches = Counter(
            "informer_watches_total", "Watches ended, by reason.", (*labels, "reason"), registry=registry
        )
        self._last_event = Gauge(
            "informer_last_event_timestamp_seconds",
            "When the last list, event or bookmark came.",
            labels,
            registry=registry,
        )
        self._store_version = Gauge(
            "informer_store_resource_version", "The resource version the store has reached.", labels, registry=registry
        )
        self._queued = Gauge(
            "informer_queued_items",
            "Items of a list in progress that handlers have not received yet.",
            labels,
            registry=registry,
        )
        self._latency = Histogram(
            "informer_processing_latency_seconds",
            "Time in which all handlers processed one change.",
            labels,
            buckets=_QUICK_BUCKETS,
            registry=registry,
        )
        self._errors = Counter(
            "informer_function_errors_total",
            "Failures of transform and index functions, each for one object.",
            (*labels, "function"),
            registry=registry,
        )

    def for_reflector(self, resource: Resource, name: str) -> "ReflectorSeries":
        """The series of one list-and-watch. Its counters exist from now on, at zero; its gauges appear with their first value."""
        labels = (name, resource.group, resource.version, resource.plural)
        return ReflectorSeries(
            lists=self._lists.labels(*labels),
            watches={reason: self._watches.labels(*labels, reason) for reason in WATCH_ENDS},
            last_event=lambda: self._last_event.labels(*labels),
            store_version=lambda: self._store_version.labels(*labels),
            queue=self._queued.labels(*labels),
            latency=self._latency.labels(*labels),
            errors=lambda function: self._errors.labels(*labels, function),
        )


class ReflectorSeries:
    """The ``informer_*`` series of one list-and-watch, looked up once: they are written at each event."""

    def __init__(
        self,
        *,
        lists: Counter,
        watches: Mapping[str, Counter],
        last_event: Callable[[], Gauge],
        store_version: Callable[[], Gauge],
        queue: Gauge,
        latency: Histogram,
        errors: Callable[[str], Counter],
    ) -> None:
        self._lists = lists
        self._watches = watches
        self._new_last_event = last_event
        self._last_event: Gauge | None = None
        self._new_store_version = store_version
        self._store_version: Gauge | None = None
        self._queue = queue
        self._latency = latency
        self._errors = errors

    def listed(self) -> None:
        """A full list came in."""
        self._lists.inc()

    def watch_ended(self, reason: str) -> None:
        """A watch ended for this reason, one of ``WATCH_ENDS``."""
        self._watches[reason].inc()

    def saw(self, version: str, at: float) -> None:
        """A list, event or bookmark with this resource version came in, ``at`` seconds since the epoch."""
        if self._last_event is None:
            self._last_event = self._new_last_event()
        self._last_event.set(at)
        if version.isdecimal():
            if self._store_version is None:
                self._store_version = self._new_store_version()
            self._store_version.set(int(version))

    def queued(self, items: int) -> None:
        """``items`` items of a list arrived and were not given to handlers yet."""
        self._queue.set(items)

    def processed(self, seconds: float) -> None:
        """All handlers processed one change, in ``seconds``."""
        self._latency.observe(seconds)

    def failed(self, function: str) -> None:
        """A transform or index function raised for one object."""
        self._errors(function).inc()


class EventFamilies:
    """The outcome of recorded Events."""

    def __init__(self, registry: CollectorRegistry) -> None:
        family = Counter(
            "event_recorder_events_total",
            "Recorded Events by outcome: sent to the API server (alone or as one step of a series), merged into a series, "
            "dropped because too many were waiting, or failed because the server refused them.",
            ("result",),
            registry=registry,
        )
        self.sent = family.labels("sent")
        self.merged = family.labels("merged")
        self.dropped = family.labels("dropped")
        self.failed = family.labels("failed")


class CertificateFamilies:
    """The ``certwatcher_*`` families."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reads = Counter("certwatcher_read_certificate_total", "Times the certificate was read.", registry=registry)
        self.errors = Counter(
            "certwatcher_read_certificate_errors_total", "Times it could not be read.", registry=registry
        )


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every family of the framework, on one registry. A controller's own families go on ``registry`` as well."""

    registry: CollectorRegistry
    reconcile: ReconcileFamilies
    workqueue: WorkqueueFamilies
    client: ClientFamilies
    leader: LeaderElectionFamilies
    informer: InformerFamilies
    event: EventFamilies
    loop: LoopFamilies
    certificate: CertificateFamilies

    @classmethod
    def on(cls, registry: CollectorRegistry) -> "Metrics":
        """Register all families, and those of the process, on this registry. Once per registry."""
        ProcessCollector(registry=registry)
        return cls(
            registry=registry,
            reconcile=ReconcileFamilies(registry),
            workqueue=WorkqueueFamilies(registry),
            client=ClientFamilies(registry),
            leader=LeaderElectionFamilies(registry),
            informer=InformerFamilies(registry),
            event=EventFamilies(registry),
            loop=LoopFamilies(registry),
            certificate=CertificateFamilies(registry),
        )
