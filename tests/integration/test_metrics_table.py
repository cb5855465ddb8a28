"""Every family of the framework on ``/metrics`` of a running manager: name, type, labels and buckets, and which series exist from the start."""

import aiohttp
import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from controller.client import Client, static_config
from controller.envtest import Environment
from controller.leaderelection import LeaderElectionConfig
from controller.runtime import ControllerBuilder, Manager, ManagerOptions, Request, Result
from controller.testing import eventually
from tests.support.following import CONFIG_MAP, put
from tests.support.managers import Running

QUICK = tuple(10.0**exponent for exponent in range(-8, 4))
REQUEST = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)
LAG = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZE = (64, 256, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216)
# fmt: off
RECONCILE = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3,
    3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
)
INFORMER = {"name", "group", "version", "resource"}
TABLE = [
    ("controller_runtime_reconcile", "counter", {"controller", "result"}, ()),
    ("controller_runtime_reconcile_errors", "counter", {"controller"}, ()),
    ("controller_runtime_terminal_reconcile_errors", "counter", {"controller"}, ()),
    ("controller_runtime_reconcile_panics", "counter", {"controller"}, ()),
    ("controller_runtime_reconcile_timeouts", "counter", {"controller"}, ()),
    ("controller_runtime_slow_reconciles", "counter", {"controller"}, ()),
    ("controller_runtime_reconcile_time_seconds", "histogram", {"controller"}, RECONCILE),
    ("controller_runtime_max_concurrent_reconciles", "gauge", {"controller"}, ()),
    ("controller_runtime_active_workers", "gauge", {"controller"}, ()),
    ("workqueue_depth", "gauge", {"name", "controller", "priority"}, ()),
    ("workqueue_adds", "counter", {"name", "controller"}, ()),
    ("workqueue_retries", "counter", {"name", "controller"}, ()),
    ("workqueue_queue_duration_seconds", "histogram", {"name", "controller"}, QUICK),
    ("workqueue_work_duration_seconds", "histogram", {"name", "controller"}, QUICK),
    ("workqueue_unfinished_work_seconds", "gauge", {"name", "controller"}, ()),
    ("workqueue_longest_running_processor_seconds", "gauge", {"name", "controller"}, ()),
    ("rest_client_requests", "counter", {"code", "method", "host"}, ()),
    ("rest_client_request_retries", "counter", {"code", "verb", "host"}, ()),
    ("rest_client_request_duration_seconds", "histogram", {"verb", "host"}, REQUEST),
    ("rest_client_rate_limiter_duration_seconds", "histogram", {"verb", "host"}, REQUEST),
    ("rest_client_request_size_bytes", "histogram", {"verb", "host"}, SIZE),
    ("rest_client_response_size_bytes", "histogram", {"verb", "host"}, SIZE),
    ("rest_client_dns_resolution_duration_seconds", "histogram", {"host"}, REQUEST),
    ("leader_election_master_status", "gauge", {"name"}, ()),
    ("leader_election_slowpath", "counter", {"name"}, ()),
    ("informer_lists", "counter", INFORMER, ()),
    ("informer_watches", "counter", {*INFORMER, "reason"}, ()),
    ("informer_last_event_timestamp_seconds", "gauge", INFORMER, ()),
    ("informer_store_resource_version", "gauge", INFORMER, ()),
    ("informer_queued_items", "gauge", INFORMER, ()),
    ("informer_processing_latency_seconds", "histogram", INFORMER, QUICK),
    ("event_loop_lag_seconds", "histogram", set(), LAG),
    ("certwatcher_read_certificate", "counter", set(), ()),
    ("certwatcher_read_certificate_errors", "counter", set(), ()),
]
# fmt: on
AT_ZERO = (
    "controller_runtime_reconcile",
    "controller_runtime_reconcile_errors",
    "controller_runtime_terminal_reconcile_errors",
    "controller_runtime_reconcile_panics",
    "controller_runtime_reconcile_timeouts",
    "controller_runtime_slow_reconciles",
    "workqueue_retries",
    "leader_election_slowpath",
    "informer_watches",
)


class Idle:
    """A reconciler without work."""

    async def reconcile(self, request: Request) -> Result:
        """Nothing."""
        return Result()


@pytest.fixture(scope="module")
async def families() -> dict[str, Metric]:
    """What a leading manager serves once it has worked, through a client that looks up its host and waits for its rate limit."""
    async with Environment("embedded") as environment, environment.client() as admin:
        await put(admin, "default", "a")
        config = static_config(environment.url.replace("127.0.0.1", "localhost")).with_limits(qps=50, burst=1)
        async with await Client.connect(config) as client:
            manager = Manager(
                client,
                ManagerOptions(
                    leader_election=LeaderElectionConfig("default", "lease", "me"),
                    metrics_bind_address="127.0.0.1:0",
                    health_probe_bind_address="127.0.0.1:0",
                ),
            )
            ControllerBuilder(manager).for_(CONFIG_MAP).complete(Idle())
            manager.metrics.client.retry("GET", "host", 503)
            async with Running(manager) as running:

                async def worked() -> bool:
                    return 'result="success"} 1.0' in await scrape(running)

                await eventually(running.is_ready)
                await eventually(worked)
                text = await scrape(running)
    return {family.name: family for family in text_string_to_metric_families(text)}


async def scrape(running: Running) -> str:
    """The text of ``/metrics``."""
    url = f"http://127.0.0.1:{running.manager.metrics_server.port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()


@pytest.mark.parametrize(("name", "type_", "labels", "buckets"), TABLE, ids=[row[0] for row in TABLE])
async def test_a_family_is_what_dashboards_expect(
    families: dict[str, Metric], name: str, type_: str, labels: set[str], buckets: tuple[float, ...]
) -> None:
    """Name, type, labels and buckets of the Go libraries."""
    family = families[name]
    assert family.type == type_
    assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(labels)}
    bounds = sorted({float(sample.labels["le"]) for sample in family.samples if "le" in sample.labels})
    assert bounds == pytest.approx([*buckets, float("inf")] if buckets else [])


@pytest.mark.parametrize("name", AT_ZERO)
async def test_what_has_not_happened_is_served_as_zero(families: dict[str, Metric], name: str) -> None:
    """A series that is absent until its first increase hides that increase from rate()."""
    values = [sample.value for sample in families[name].samples if sample.labels.get("result") != "success"]
    assert values
    assert set(values) == {0.0}


async def test_informers_are_named_by_their_resource(families: dict[str, Metric]) -> None:
    """One list as a stream, nothing waiting, and a version that was reached."""
    labels = {"name": "configmaps", "group": "", "version": "v1", "resource": "configmaps"}
    for name, least in (("informer_lists", 1), ("informer_store_resource_version", 2), ("informer_queued_items", 0)):
        (sample,) = families[name].samples
        assert sample.labels == labels
        assert sample.value >= least
