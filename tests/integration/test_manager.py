"""A manager against an API server: the small second controller converges on it, and every way to start, lead and stop."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from controller import meta
from controller.client import Client, static_config
from controller.envtest import Environment
from controller.informers import CacheMutated
from controller.leaderelection import LEASE, LeaderElectionConfig, NotLeader
from controller.meta import Resource
from controller.meta.errors import NotFound
from controller.metrics import BindError
from controller.runtime import (
    ControllerBuilder,
    GraceExceeded,
    LostLease,
    Manager,
    ManagerOptions,
    Request,
    Result,
    RunnableFailed,
)
from controller.testing import eventually
from examples import replicaset
from examples.crds import crd_of
from examples.replicaset import POD, REPLICA_SET
from tests.support.managers import Running

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
EVENT = Resource("events.k8s.io", "v1", "events", "Event")
NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


@pytest.fixture(scope="module")
async def environment() -> AsyncIterator[Environment]:
    async with Environment("embedded", crds=[crd_of(REPLICA_SET)]) as environment:
        yield environment


@pytest.fixture
async def client(environment: Environment) -> AsyncIterator[Client]:
    async with environment.client() as client:
        yield client


@pytest.fixture
async def namespace(client: Client) -> str:
    name = f"manager-{uuid.uuid4().hex[:8]}"
    await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def options(namespace: str, **changes: Any) -> ManagerOptions:
    settings = {"metrics_bind_address": "0", "health_probe_bind_address": "127.0.0.1:0", "namespaces": (namespace,)}
    return ManagerOptions(**{**settings, **changes})


def candidate(namespace: str, identity: str, seconds: float = 4) -> LeaderElectionConfig:
    """A candidate whose lease lasts so long: nobody waits for it to expire when it is 600."""
    return LeaderElectionConfig(
        namespace, "lease", identity, lease_duration=seconds, renew_deadline=seconds / 2, retry_period=0.2
    )


class Recording:
    """A reconciler of ConfigMaps that notes what it was called for and then does as told."""

    def __init__(self, behave: Callable[[Request], Awaitable[None]] | None = None) -> None:
        self.seen: list[str] = []
        self._behave = behave

    async def reconcile(self, request: Request) -> Result:
        """Notes and behaves."""
        self.seen.append(request.name)
        if self._behave is not None:
            await self._behave(request)
        return Result()

    async def has_seen(self, name: str) -> None:
        """Waits until it was called for this name."""

        async def seen() -> bool:
            return name in self.seen

        await eventually(seen)

    def watching(self, client: Client, options: ManagerOptions) -> Running:
        """A manager with this reconciler alone."""
        manager = Manager(client, options)
        ControllerBuilder(manager).for_(CONFIG_MAP).complete(self)
        return Running(manager)


async def create_config_map(client: Client, namespace: str, name: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}
    await client.create(CONFIG_MAP, body)


async def holder(client: Client, namespace: str) -> str | None:
    lease = await client.get(LEASE, "lease", namespace)
    return meta.spec_of(lease).get("holderIdentity")


def pod_template() -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}}


async def pod_names(client: Client, namespace: str) -> set[str]:
    page = await client.list_all(POD, namespace)
    return {meta.name_of(pod) for pod in page.items if not meta.is_deleting(pod)}


async def test_a_second_controller_needs_nothing_but_the_public_surface(client: Client, namespace: str):
    """Pods are created, scaled, replaced when deleted, counted in the status and told in an Event; then silence."""
    manager = Manager(client, options(namespace))
    replicaset.setup(manager)
    async with Running(manager) as running:
        body = {
            "apiVersion": REPLICA_SET.api_version,
            "kind": REPLICA_SET.kind,
            "metadata": {"name": "r", "namespace": namespace},
            "spec": {"replicas": 3, "template": pod_template()},
        }
        await client.create(REPLICA_SET, body)

        async def has(*names: str) -> bool:
            owner = await client.get(REPLICA_SET, "r", namespace)
            counted = meta.status_of(owner).get("replicas") == len(names)
            return counted and await pod_names(client, namespace) == set(names)

        await eventually(lambda: has("r-0", "r-1", "r-2"))
        first = await client.get(POD, "r-0", namespace)
        await client.delete(POD, "r-0", namespace=namespace)

        async def replaced() -> bool:
            with contextlib.suppress(NotFound):
                return meta.uid_of(await client.get(POD, "r-0", namespace)) != meta.uid_of(first)
            return False

        await eventually(replaced)
        await client.patch(REPLICA_SET, "r", {"spec": {"replicas": 1}}, namespace=namespace)
        await eventually(lambda: has("r-0"))

        async def told() -> bool:
            events = await client.list_all(EVENT, namespace)
            return any(event["reason"] == "Scaled" and event["regarding"]["name"] == "r" for event in events.items)

        await eventually(told)
        settled = running.writes()
        for controller in manager.controllers.values():
            controller.queue.add(Request(namespace, "r"))
        await asyncio.sleep(0.3)
        assert running.writes() == settled


async def test_a_missing_kind_is_named_and_waited_for_and_does_not_hold_up_the_stop(client: Client, namespace: str):
    """Not ready, alive, and gone at once when told to."""
    manager = Manager(client, options(namespace))
    reconciler = Recording()
    ControllerBuilder(manager).for_(Resource("nowhere.example.com", "v1", "things", "Thing")).owns(CONFIG_MAP).complete(
        reconciler
    )
    async with Running(manager) as running:

        async def configmaps_listed() -> bool:
            if manager.probe_server.port is None:
                return False
            status, text = await running.probe("/readyz")
            assert status == 500
            return text.startswith("[-]informers failed: waiting for the first list of things.nowhere.example.com\n")

        await eventually(configmaps_listed)
        assert await running.probe("/healthz") == (200, "ok")
        assert await running.probe("/readyz?exclude=informers") == (200, "ok")
    assert reconciler.seen == []


@pytest.mark.timeout(15)
async def test_a_server_that_never_answers_does_not_hold_up_the_stop():
    """Connections are accepted and nothing comes back: alive, not ready, and gone at once when told to."""
    silent = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with await asyncio.start_server(swallow, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with await Client.connect(static_config(f"http://127.0.0.1:{port}")) as client:
            settings = options("ns", leader_election=candidate("ns", "me", 600))
            async with Recording().watching(client, settings) as running:

                async def serving() -> bool:
                    return running.manager.probe_server.port is not None

                await eventually(serving)
                assert (await running.probe("/readyz"))[0] == 500
                assert (await running.probe("/healthz"))[0] == 200
        silent.set()


async def test_standby_is_ready_and_writes_nothing_until_the_leader_releases_its_lease(
    environment: Environment, client: Client, namespace: str
):
    """Warm caches, readiness, no write, no reconcile; and no waiting for the lease to expire after a clean stop."""
    await create_config_map(client, namespace, "a")
    first, second = Recording(), Recording()
    async with environment.client() as other:
        leader = first.watching(client, options(namespace, leader_election=candidate(namespace, "first", 600)))
        standby = second.watching(other, options(namespace, leader_election=candidate(namespace, "second", 600)))
        async with leader:
            await first.has_seen("a")
            async with standby:
                await eventually(standby.is_ready)
                with pytest.raises(NotLeader):
                    await create_config_map(standby.manager.client, namespace, "x")
                assert (second.seen, standby.writes()) == ([], 0)
                leader.stop.set()
                await leader.task
                await second.has_seen("a")
                assert await holder(client, namespace) == "second"
    assert await holder(client, namespace) == ""


async def test_work_in_progress_finishes_before_the_lease_is_released(client: Client, namespace: str):
    """A pass that takes a while may write until its end; the lease is ours until then, and free right after."""
    holders: list[str | None] = []
    begun = asyncio.Event()

    async def slow(request: Request) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        await create_config_map(running.manager.client, namespace, "late")
        holders.append(await holder(client, namespace))

    await create_config_map(client, namespace, "a")
    running = Recording(slow).watching(client, options(namespace, leader_election=candidate(namespace, "me", 600)))
    async with running:
        await begun.wait()
    assert holders[0] == "me"
    assert len(holders) == 1
    assert await holder(client, namespace) == ""


async def test_grace_exceeded_cuts_work_off_and_keeps_the_lease(client: Client, namespace: str):
    """Nobody may take over while a write of ours could still be on its way."""
    cancelled = asyncio.Event()
    begun = asyncio.Event()

    async def hang(request: Request) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    await create_config_map(client, namespace, "a")
    settings = options(namespace, leader_election=candidate(namespace, "me", 600), shutdown_grace=0.1)
    with pytest.raises(GraceExceeded, match=r"Work did not end in 0\.1 s: controller configmap\."):
        async with Recording(hang).watching(client, settings):
            await begun.wait()
    assert cancelled.is_set()
    assert await holder(client, namespace) == "me"


async def test_a_lost_lease_cuts_work_off_and_ends_the_process(client: Client, namespace: str):
    """Another holder in the lease: the pass in progress is cancelled, nothing more is written, the lease is left alone."""
    begun = asyncio.Event()

    async def hang(request: Request) -> None:
        begun.set()
        await asyncio.Event().wait()

    await create_config_map(client, namespace, "a")
    settings = options(namespace, leader_election=candidate(namespace, "me"))
    running = Recording(hang).watching(client, settings)
    task = asyncio.create_task(running.manager.run(running.stop))
    await begun.wait()
    await client.patch(LEASE, "lease", {"spec": {"holderIdentity": "other"}}, namespace=namespace)
    with pytest.raises(LostLease, match="lease"):
        await task
    assert await holder(client, namespace) == "other"
    with pytest.raises(NotLeader):
        await create_config_map(running.manager.client, namespace, "late")


class Dying:
    """A runnable that fails as soon as it is told to."""

    def __init__(self) -> None:
        self.now = asyncio.Event()

    async def run(self) -> None:
        """Wait and fail."""
        await self.now.wait()
        raise ValueError("no more")


async def test_a_dead_runnable_stops_the_process_in_order(client: Client, namespace: str):
    """The process does not live on without a part of itself; the lease is released."""
    settings = options(namespace, leader_election=candidate(namespace, "me", 600))
    reconciler, dying = Recording(), Dying()
    running = reconciler.watching(client, settings)
    running.manager.add_runnable("helper", dying)
    await create_config_map(client, namespace, "a")
    task = asyncio.create_task(running.manager.run(running.stop))
    await reconciler.has_seen("a")
    dying.now.set()
    with pytest.raises(RunnableFailed, match="helper stopped unexpectedly: no more"):
        await task
    assert await holder(client, namespace) == ""


async def test_a_cached_object_changed_in_place_ends_the_process(client: Client, namespace: str):
    """The reconciler that changed what everybody reads is found out at the stop at the latest."""
    await create_config_map(client, namespace, "a")

    async def spoil(request: Request) -> None:
        cached: Any = running.manager.informer(CONFIG_MAP).lister.get(request.name, request.namespace)
        cached["metadata"]["labels"] = {"spoiled": "true"}

    reconciler = Recording(spoil)
    running = reconciler.watching(client, options(namespace))
    with pytest.raises((CacheMutated, RunnableFailed), match=f"{namespace}/a"):
        async with running:
            await reconciler.has_seen("a")


async def test_the_health_of_lease_and_informers_can_be_asked_for(client: Client, namespace: str):
    """Both are alive from the start on, before anything has synced or leads."""
    settings = options(namespace, leader_election=candidate(namespace, "me", 600))
    async with Recording().watching(client, settings) as running:
        await eventually(running.is_ready)
        for check in ("informers", "leader-election"):
            assert await running.probe(f"/healthz/{check}") == (200, "ok")


async def test_a_taken_port_is_told_before_anything_starts(client: Client, namespace: str):
    """One sentence, and no request was sent."""
    async with Recording().watching(client, options(namespace)) as first:
        await eventually(first.is_ready)
        taken = f"127.0.0.1:{first.manager.probe_server.port}"
        second = Recording().watching(client, options(namespace, metrics_bind_address=taken))
        with pytest.raises(BindError, match="Cannot listen on"):
            await second.manager.run(second.stop)


async def test_many_lives_in_one_process_leave_no_task_behind(client: Client, namespace: str):
    """Start and stop again and again, also before anything has synced."""
    await create_config_map(client, namespace, "a")
    ours = ("controller/runtime", "controller/informers", "controller/workqueue")
    for life in range(10):
        reconciler = Recording()
        async with reconciler.watching(client, options(namespace)):
            if life % 2:
                await reconciler.has_seen("a")

    async def gone() -> bool:
        frames = [frame for task in asyncio.all_tasks() for frame in task.get_stack()]
        return not any(path in frame.f_code.co_filename for frame in frames for path in ours)

    await eventually(gone)


async def test_metrics_and_probes_are_served_while_it_runs(client: Client, namespace: str):
    """Requests, reconciliations and queue of this process, under the names dashboards know."""
    await create_config_map(client, namespace, "a")
    reconciler = Recording()
    async with reconciler.watching(client, options(namespace, metrics_bind_address="127.0.0.1:0")) as running:
        await reconciler.has_seen("a")
        url = f"http://127.0.0.1:{running.manager.metrics_server.port}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            text = await answer.text()
    assert 'controller_runtime_reconcile_total{controller="configmap",result="error"} 0.0' in text
    assert 'workqueue_adds_total{controller="configmap",name="configmap"}' in text
    assert "rest_client_requests_total{" in text
    assert "process_resident_memory_bytes" in text
