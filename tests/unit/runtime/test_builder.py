"""From a few lines to a controller: which informers it asks for, what reaches its queue, and at which priority."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.informers import Delta, DeltaType
from controller.meta import Resource, controller_reference
from controller.metrics import Metrics
from controller.runtime import Controller, ControllerBuilder, Request, Result, enqueue_mapped, generation_changed
from controller.workqueue import LOW_PRIORITY

SET = Resource("apps", "v1", "replicasets", "ReplicaSet")
POD = Resource("", "v1", "pods", "Pod")
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)


class Informer:
    """Hands the test's deltas to its handlers."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.tell: list[Callable[[Delta], None]] = []

    def add_handler(self, handler: Callable[[Delta], None]) -> Callable[[Delta], None]:
        """Remembers it."""
        self.tell.append(handler)
        return handler

    def remove_handler(self, registration: Callable[[Delta], None]) -> None:
        """Forgets it."""
        self.tell.remove(registration)

    def sends(self, delta: Delta) -> None:
        """Tells all handlers."""
        for handler in self.tell:
            handler(delta)


class Host:
    """A manager's part in building."""

    sync_period = None

    def __init__(self) -> None:
        self.metrics = Metrics.on(CollectorRegistry())
        self.informers: dict[str, Informer] = {}
        self.controllers: list[Controller] = []

    def informer(self, resource: Resource) -> Any:
        """One informer a resource."""
        return self.informers.setdefault(resource.plural, Informer(resource))

    def add_controller(self, controller: Controller) -> None:
        """Remembers it."""
        self.controllers.append(controller)


class Nothing:
    """Reconciles nothing."""

    async def reconcile(self, request: Request) -> Result:
        """Is content."""
        return Result()


@contextlib.asynccontextmanager
async def fed(controller: Controller) -> AsyncIterator[Controller]:
    """The controller with its sources at work."""
    task = asyncio.create_task(controller.run_sources())
    await asyncio.sleep(0)
    while not all(watch._task for watch in controller._watches):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    try:
        yield controller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def host() -> Host:
    return Host()


def pod(version: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "ns", "resourceVersion": version, **metadata}}


async def test_watches_own_objects_and_others_lead_to_requests(host: Host):
    """The object itself, the owner of an owned one, and whatever a mapping says."""
    builder = ControllerBuilder(host).owns(POD).for_(host.informer(SET), generation_changed)
    nodes = enqueue_mapped(lambda node: [Request("ns", "every")])
    controller = builder.watches(host.informer(NODE), nodes).complete(Nothing())
    assert controller.name == "replicaset"
    assert host.controllers == [controller]
    assert all(not informer.tell for informer in host.informers.values())
    owner = controller_reference({"metadata": {"name": "owner", "uid": "u"}}, SET)
    async with fed(controller):
        host.informers["replicasets"].sends(Delta(DeltaType.ADDED, None, pod("1")))
        host.informers["pods"].sends(Delta(DeltaType.DELETED, pod("1", ownerReferences=[owner]), None))
        host.informers["nodes"].sends(Delta(DeltaType.ADDED, None, pod("1")))
    assert all(not informer.tell for informer in host.informers.values())
    assert [await controller.queue.get() for _ in range(3)] == [
        Request("ns", "p"),
        Request("ns", "owner"),
        Request("ns", "every"),
    ]


async def test_predicates_hold_back_what_does_not_matter(host: Host):
    """A change of the status alone reaches no worker."""
    controller = ControllerBuilder(host).for_(SET, generation_changed).complete(Nothing())
    async with fed(controller):
        host.informers["replicasets"].sends(Delta(DeltaType.MODIFIED, pod("1", generation=1), pod("2", generation=1)))
        assert len(controller.queue) == 0
        host.informers["replicasets"].sends(Delta(DeltaType.MODIFIED, pod("2", generation=1), pod("3", generation=2)))
        assert len(controller.queue) == 1


async def test_an_event_filter_holds_for_every_watch(host: Host):
    """In addition to the predicates of each."""
    builder = ControllerBuilder(host).for_(SET).owns(POD).with_event_filter(lambda delta: delta.old is None)
    controller = builder.complete(Nothing())
    async with fed(controller):
        for plural in ("replicasets", "pods"):
            host.informers[plural].sends(Delta(DeltaType.MODIFIED, pod("1"), pod("2")))
        assert len(controller.queue) == 0


@pytest.mark.parametrize(
    ("delta", "priority"),
    [
        (Delta(DeltaType.ADDED, None, pod("1"), in_initial_list=True), LOW_PRIORITY),
        (Delta(DeltaType.MODIFIED, pod("1"), pod("1")), LOW_PRIORITY),
        (Delta(DeltaType.ADDED, None, pod("1")), 0),
        (Delta(DeltaType.MODIFIED, pod("1"), pod("2")), 0),
        (Delta(DeltaType.DELETED, pod("1"), None, final_state_unknown=True), 0),
    ],
    ids=["initial", "resync", "added", "modified", "tombstone"],
)
async def test_what_nobody_changed_just_now_waits_behind_what_somebody_did(host: Host, delta: Delta, priority: int):
    """Initial lists and resyncs have low priority."""
    controller = ControllerBuilder(host).for_(SET).complete(Nothing())
    async with fed(controller):
        host.informers["replicasets"].sends(delta)
    assert controller.queue.depths == {priority: 1}


def test_options_reach_the_controller(host: Host):
    """Workers, timeout and name; the gauge of workers shows it before the start."""
    controller = (
        ControllerBuilder(host)
        .for_(SET)
        .named("sets")
        .with_options(concurrency=4, reconcile_timeout=9)
        .with_options(slow_reconcile=7)
        .complete(Nothing())
    )
    assert (controller.name, controller.options.concurrency, controller.options.reconcile_timeout) == ("sets", 4, 9)
    assert controller.options.slow_reconcile == 7
    labels = {"controller": "sets"}
    assert host.metrics.registry.get_sample_value("controller_runtime_max_concurrent_reconciles", labels) == 4


def test_a_controller_is_for_exactly_one_kind(host: Host):
    """Neither none nor two."""
    with pytest.raises(ValueError, match="for_ is missing"):
        ControllerBuilder(host).owns(POD).complete(Nothing())
    with pytest.raises(ValueError, match="already for"):
        ControllerBuilder(host).for_(SET).for_(POD)
