"""The families: names, labels and buckets as controller-runtime has them, present at zero before anything happens."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from controller.meta import Resource
from controller.metrics import Metrics
from controller.metrics.servers import exposition


class Queue:
    """A queue's readable side, as the test wants it."""

    def __init__(self, depths: dict[int, int], ages: tuple[float, ...]) -> None:
        self.depths = depths
        self.processing_ages = ages


@pytest.fixture
def metrics() -> Metrics:
    return Metrics.on(CollectorRegistry())


def scrape(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = exposition(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def buckets(samples: dict[tuple[str, tuple[tuple[str, str], ...]], float], name: str) -> list[float]:
    return sorted(float(dict(labels)["le"]) for sample, labels in samples if sample == f"{name}_bucket")


def test_a_controllers_series_exist_at_zero_before_its_first_key(metrics: Metrics):
    """Dashboards see every result of a controller from the start."""
    metrics.reconcile.for_controller("model", workers=16)
    samples = scrape(metrics)
    controller = ("controller", "model")
    for result in ("success", "error", "requeue", "requeue_after"):
        assert samples["controller_runtime_reconcile_total", (controller, ("result", result))] == 0
    for name in ("reconcile_errors", "terminal_reconcile_errors", "reconcile_panics", "reconcile_timeouts"):
        assert samples[f"controller_runtime_{name}_total", (controller,)] == 0
    assert samples["controller_runtime_max_concurrent_reconciles", (controller,)] == 16
    assert samples["controller_runtime_active_workers", (controller,)] == 0
    assert samples["controller_runtime_reconcile_time_seconds_count", (controller,)] == 0


def test_outcomes_are_counted_as_controller_runtime_counts_them(metrics: Metrics):
    """Every failure counts as error; terminal ones, panics and time-outs once more in their own family."""
    recorder = metrics.reconcile.for_controller("model", workers=1)
    recorder.started()
    recorder.succeeded(requeue_after=False)
    recorder.succeeded(requeue_after=True)
    recorder.failed()
    recorder.failed(terminal=True)
    recorder.failed(panic=True)
    recorder.failed(timeout=True)
    samples = scrape(metrics)
    controller = ("controller", "model")
    assert samples["controller_runtime_active_workers", (controller,)] == 1
    recorder.ended(0.3)
    assert samples["controller_runtime_reconcile_total", (controller, ("result", "success"))] == 1
    assert samples["controller_runtime_reconcile_total", (controller, ("result", "requeue_after"))] == 1
    assert samples["controller_runtime_reconcile_total", (controller, ("result", "error"))] == 4
    assert samples["controller_runtime_reconcile_errors_total", (controller,)] == 4
    for name in ("terminal_reconcile_errors", "reconcile_panics", "reconcile_timeouts"):
        assert samples[f"controller_runtime_{name}_total", (controller,)] == 1
    assert scrape(metrics)["controller_runtime_active_workers", (controller,)] == 0


def test_buckets_are_those_of_the_go_libraries(metrics: Metrics):
    """Histograms of both languages can be added up."""
    metrics.reconcile.for_controller("model", workers=1)
    metrics.workqueue.for_queue("model")
    metrics.client.request("GET", "host", 200, 0.1)
    metrics.client.sizes("GET", "host", 0, 100)
    samples = scrape(metrics)
    reconcile = buckets(samples, "controller_runtime_reconcile_time_seconds")
    assert len(reconcile) == 41
    assert reconcile[:6] == [0.005, 0.01, 0.025, 0.05, 0.1, 0.15]
    assert reconcile[-8:] == [15, 20, 25, 30, 40, 50, 60, float("inf")]
    for name in ("queue", "work"):
        durations = buckets(samples, f"workqueue_{name}_duration_seconds")
        assert durations[:-1] == pytest.approx([10e-9 * 10**power for power in range(12)], rel=1e-9)
    assert buckets(samples, "rest_client_request_duration_seconds")[:-1] == [
        0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60,
    ]  # fmt: skip
    assert buckets(samples, "rest_client_response_size_bytes")[-2] == 16777216


def test_queue_gauges_are_read_at_scrape_time(metrics: Metrics):
    """Depth by priority and the ages of processing items are read at the scrape."""
    recorder = metrics.workqueue.for_queue("model")
    queue = Queue({}, ())
    recorder.track(queue)
    labels = (("controller", "model"), ("name", "model"))
    samples = scrape(metrics)
    assert samples["workqueue_depth", (*labels, ("priority", "0"))] == 0
    assert samples["workqueue_longest_running_processor_seconds", labels] == 0
    queue.depths, queue.processing_ages = {-100: 7}, (2.0, 5.0)
    samples = scrape(metrics)
    assert samples["workqueue_depth", (*labels, ("priority", "-100"))] == 7
    assert samples["workqueue_depth", (*labels, ("priority", "0"))] == 0
    assert samples["workqueue_unfinished_work_seconds", labels] == 7
    assert samples["workqueue_longest_running_processor_seconds", labels] == 5


def test_queue_counts_and_durations_go_to_the_queues_series(metrics: Metrics):
    """Adds, retries, waiting and working times bear the queue's name."""
    recorder = metrics.workqueue.for_queue("model")
    recorder.added()
    recorder.retried()
    recorder.taken(3.0)
    recorder.done(0.5)
    labels = (("controller", "model"), ("name", "model"))
    samples = scrape(metrics)
    assert samples["workqueue_adds_total", labels] == samples["workqueue_retries_total", labels] == 1
    assert samples["workqueue_queue_duration_seconds_sum", labels] == 3
    assert samples["workqueue_work_duration_seconds_sum", labels] == 0.5


def test_requests_without_an_answer_have_a_code_of_their_own(metrics: Metrics):
    """As client-go does: the code is <error>."""
    metrics.client.request("GET", "host", 200, 0.1)
    metrics.client.request("GET", "host", None, 0.1)
    metrics.client.retry("GET", "host", None)
    samples = scrape(metrics)
    for code in ("200", "<error>"):
        labels = (("code", code), ("host", "host"), ("method", "GET"))
        assert samples["rest_client_requests_total", labels] == 1
    assert samples["rest_client_request_retries_total", (("code", "<error>"), ("host", "host"), ("verb", "GET"))] == 1


def test_leadership_is_a_gauge_by_lease_name(metrics: Metrics):
    """1 while leading, 0 as a standby."""
    metrics.leader.leading("lease", is_leader=True)
    assert scrape(metrics)["leader_election_master_status", (("name", "lease"),)] == 1
    metrics.leader.leading("lease", is_leader=False)
    assert scrape(metrics)["leader_election_master_status", (("name", "lease"),)] == 0
    assert scrape(metrics)["leader_election_slowpath_total", (("name", "lease"),)] == 0


def test_the_exposition_has_no_created_series(metrics: Metrics):
    """No Kubernetes component has them, and they double the series."""
    metrics.reconcile.for_controller("model", workers=1)
    assert not [name for name, _ in scrape(metrics) if name.endswith("_created")]


def test_two_registries_do_not_meet():
    """Nothing is global: two managers of one process count apart."""
    first, second = Metrics.on(CollectorRegistry()), Metrics.on(CollectorRegistry())
    first.workqueue.for_queue("model").added()
    second.workqueue.for_queue("model")
    labels = (("controller", "model"), ("name", "model"))
    assert scrape(first)["workqueue_adds_total", labels] == 1
    assert scrape(second)["workqueue_adds_total", labels] == 0


def test_informers_tell_when_they_last_heard_of_the_server(metrics: Metrics):
    """Lists, ended watches with their reason, and the time and version of the last event: a silent watch shows."""
    pods = Resource("", "v1", "pods", "Pod")
    metrics.informer.for_reflector(pods, "pods/other")
    watched = metrics.informer.for_reflector(pods, "pods/mine")
    watched.listed()
    watched.watch_ended("expired")
    watched.saw("42", 1000.5)
    watched.saw("", 1001.5)
    labels = (("group", ""), ("name", "pods/mine"))
    rest = (("resource", "pods"), ("version", "v1"))
    samples = scrape(metrics)
    assert samples["informer_lists_total", (*labels, *rest)] == 1
    assert samples["informer_watches_total", (*labels, ("reason", "expired"), *rest)] == 1
    assert samples["informer_last_event_timestamp_seconds", (*labels, *rest)] == 1001.5
    assert samples["informer_store_resource_version", (*labels, *rest)] == 42
    assert samples["informer_lists_total", (("group", ""), ("name", "pods/other"), *rest)] == 0
