"""Sources in virtual time: what they enqueue and when, and what becomes of a change whose mapping fails."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from controller.informers import Delta, DeltaType
from controller.meta import Object, Resource, key_of
from controller.metrics import Metrics
from controller.runtime import (
    ChannelSource,
    Controller,
    InformerSource,
    PeriodicSource,
    Request,
    RequestQueue,
    Result,
    Source,
    enqueue_mapped,
    enqueue_object,
    with_priority,
)
from controller.workqueue import LOW_PRIORITY, RateLimitingQueue

POD = Resource("", "v1", "pods", "Pod")


def pod(name: str, version: str = "1", owner: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", "resourceVersion": version}, "owner": owner}


class Cache:
    """An informer and its lister: holds objects and hands changes to its handlers."""

    resource = POD

    def __init__(self) -> None:
        self.objects: dict[Request, Object] = {}
        self.handlers: list[Callable[[Delta], None]] = []

    @property
    def lister(self) -> "Cache":
        """Itself."""
        return self

    def add_handler(self, handler: Callable[[Delta], None]) -> Callable[[Delta], None]:
        """Replays what is there."""
        self.handlers.append(handler)
        for obj in self.objects.values():
            handler(Delta(DeltaType.ADDED, None, obj, in_initial_list=True))
        return handler

    def remove_handler(self, registration: Callable[[Delta], None]) -> None:
        """Calls it no more."""
        self.handlers.remove(registration)

    def keys(self) -> list[Request]:
        """All keys."""
        return list(self.objects)

    def get(self, name: str, namespace: str) -> Object | None:
        """The object of this name."""
        return self.objects.get(Request(namespace, name))

    def put(self, obj: Object) -> None:
        """Creates or changes an object."""
        old = self.objects.get(key_of(obj))
        self.objects[key_of(obj)] = obj
        self.send(Delta(DeltaType.ADDED if old is None else DeltaType.MODIFIED, old, obj))

    def delete(self, name: str) -> None:
        """Deletes an object."""
        self.send(Delta(DeltaType.DELETED, self.objects.pop(Request("ns", name)), None))

    def send(self, delta: Delta) -> None:
        """Hands a change to all handlers."""
        for handler in list(self.handlers):
            handler(delta)


class Nothing:
    """Reconciles nothing."""

    async def reconcile(self, request: Request) -> Result:
        """Is content."""
        return Result()


class Fed:
    """A controller without workers whose sources are at work."""

    def __init__(self, *sources: Any) -> None:
        self.registry = CollectorRegistry()
        metrics = Metrics.on(self.registry)
        self.controller = Controller(
            "c",
            Nothing(),
            queue=RateLimitingQueue("c"),
            metrics=metrics.reconcile.for_controller("c", 1),
            sources=sources,
        )

    async def __aenter__(self) -> "Fed":
        self.task = asyncio.create_task(self.controller.run_sources())
        await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def taken(self) -> list[str]:
        """The names that wait in the queue, in its order; they are taken out."""
        names = []
        while len(self.controller.queue):
            request = await self.controller.queue.get()
            self.controller.queue.done(request)
            names.append(request.name)
        return names

    def failures(self, function: str) -> float | None:
        """How often this function has failed."""
        labels = {"controller": "c", "function": function}
        return self.registry.get_sample_value("controller_runtime_source_errors_total", labels)


def owner_of(obj: Object) -> Iterable[Request]:
    return [Request("ns", obj["owner"])]


def source(cache: Cache, handler: Any = enqueue_object, *predicates: Any, sync_period: float | None = None) -> Source:
    return InformerSource(cache, handler, predicates, sync_period)  # type: ignore[arg-type]


def test_a_mapping_that_fails_is_tried_again_and_named_and_hurts_no_other_object(virtual_time):
    """The change of one object is kept and mapped after 1 and 2 more seconds; others pass at once."""

    async def scenario() -> None:
        cache, failing = Cache(), 2

        def fragile(obj: Object) -> Iterable[Request]:
            nonlocal failing
            if obj["metadata"]["name"] == "bad" and failing:
                failing -= 1
                raise KeyError("spec")
            return owner_of(obj)

        async with Fed(source(cache, enqueue_mapped(fragile))) as fed:
            with capture_logs() as logs:
                cache.put(pod("bad", owner="a"))
                cache.put(pod("good", owner="b"))
            assert await fed.taken() == ["b"]
            assert [(entry["object"], entry["function"].split(".")[-1]) for entry in logs] == [
                ("pods ns/bad", "fragile")
            ]
            await asyncio.sleep(2.5)
            assert await fed.taken() == []
            await asyncio.sleep(1)
            assert await fed.taken() == ["a"]
            assert fed.failures(fragile.__qualname__) == 2
            await asyncio.sleep(1000)
            assert await fed.taken() == []

    virtual_time(scenario())


def test_no_owner_is_forgotten_while_a_mapping_fails(virtual_time):
    """The object moves from owner a to b and c and is deleted while the mapping fails: all three are enqueued once it works."""

    async def scenario() -> None:
        cache, broken = Cache(), True

        def fragile(obj: Object) -> Iterable[Request]:
            if broken:
                raise RuntimeError
            return owner_of(obj)

        cache.objects[Request("ns", "p")] = pod("p", owner="a")
        async with Fed(source(cache, enqueue_mapped(fragile))) as fed:
            cache.put(pod("p", "2", owner="b"))
            cache.put(pod("p", "3", owner="c"))
            cache.delete("p")
            broken = False
            await asyncio.sleep(100)
            assert sorted(await fed.taken()) == ["a", "b", "c"]

    virtual_time(scenario())


def test_a_handler_that_fails_for_good_costs_bounded_memory(virtual_time):
    """A hundred changes of one object: the last owners are known in the end."""

    async def scenario() -> None:
        cache, broken = Cache(), True

        def fragile(obj: Object) -> Iterable[Request]:
            if broken:
                raise RuntimeError
            return owner_of(obj)

        async with Fed(source(cache, enqueue_mapped(fragile))) as fed:
            with capture_logs():
                for version in range(100):
                    cache.put(pod("p", str(version), owner=f"o{version}"))
            broken = False
            await asyncio.sleep(1000)
            names = await fed.taken()
            assert "o99" in names
            assert len(names) < 50

    virtual_time(scenario())


def test_a_predicate_that_fails_lets_its_change_pass(virtual_time):
    """Whatever it raises; the object is reconciled once too often rather than never."""

    async def scenario() -> None:
        cache = Cache()

        def fragile(delta: Delta) -> bool:
            if delta.object["metadata"]["name"] == "bad":
                raise SystemExit
            return False

        async with Fed(source(cache, enqueue_object, fragile)) as fed:
            cache.put(pod("bad"))
            cache.put(pod("good"))
            assert await fed.taken() == ["bad"]
            assert fed.failures(fragile.__qualname__) == 1

    virtual_time(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        ["ns/name"],
        [("ns", "name")],
        [None],
        [Request("ns", "ok"), object()],
        [Request("ns", ["x"])],  # type: ignore[arg-type]
        asyncio.CancelledError(),
    ],
)
def test_a_handler_that_returns_something_else_than_requests_is_a_failure_of_its_change(virtual_time, answer):
    """The queue holds nothing that a reconciler could not use, and the change is mapped again."""

    async def scenario() -> None:
        cache, right = Cache(), False

        def handler(delta: Delta) -> Any:
            if isinstance(answer, BaseException) and not right:
                raise answer
            return [Request("ns", "right")] if right else answer

        async with Fed(source(cache, handler)) as fed:
            cache.put(pod("p"))
            assert await fed.taken() == []
            right = True
            await asyncio.sleep(1.1)
            assert await fed.taken() == ["right"]
            assert fed.failures(handler.__qualname__) == 1

    virtual_time(scenario())


def test_a_resync_replays_every_object_at_low_priority(virtual_time):
    """Once a period, give or take a tenth, though nothing has changed; without a period never."""

    async def scenario() -> None:
        cache = Cache()
        for name in ("a", "b"):
            cache.objects[Request("ns", name)] = pod(name)
        async with Fed(source(cache, sync_period=100)) as fed:
            assert await fed.taken() == ["a", "b"]
            await asyncio.sleep(89)
            assert await fed.taken() == []
            await asyncio.sleep(22)
            assert fed.controller.queue.depths == {LOW_PRIORITY: 2}
            assert await fed.taken() == ["a", "b"]
        async with Fed(source(cache)) as fed:
            assert await fed.taken() == ["a", "b"]
            await asyncio.sleep(1e6)
            assert await fed.taken() == []

    virtual_time(scenario())


def test_a_handler_may_choose_the_priority(virtual_time):
    """A number, or a function of the change; it stands over the low priority of an initial list."""

    async def scenario() -> None:
        cache = Cache()
        cache.objects[Request("ns", "first")] = pod("first")
        urgent = with_priority(enqueue_object, lambda delta: 7 if delta.object["owner"] == "vip" else 0)
        async with Fed(source(cache, urgent)) as fed:
            cache.put(pod("second", owner="vip"))
            assert fed.controller.queue.depths == {0: 1, 7: 1}
            assert await fed.taken() == ["second", "first"]
        async with Fed(source(cache, with_priority(enqueue_object, 3))) as fed:
            assert fed.controller.queue.depths == {3: 2}

    virtual_time(scenario())


def test_a_periodic_source_enqueues_every_period_and_survives_its_function(virtual_time):
    """A failure is tried again after a back-off, not only after the next period."""

    async def scenario() -> None:
        failures = 1

        def requests() -> Iterable[Request]:
            nonlocal failures
            if failures:
                failures -= 1
                raise OSError("external system")
            return [Request("ns", "a")]

        async with Fed(PeriodicSource(100, requests)) as fed:
            await asyncio.sleep(89)
            assert await fed.taken() == []
            await asyncio.sleep(23)
            assert await fed.taken() == ["a"]
            assert fed.failures(requests.__qualname__) == 1
            await asyncio.sleep(112)
            assert await fed.taken() == ["a"]

    virtual_time(scenario())


def test_a_channel_loses_nothing_and_merges_equal_requests(virtual_time):
    """Before the controller runs, while it runs, and from another thread."""

    async def scenario() -> None:
        channel = ChannelSource()
        channel.send(Request("ns", "early"), priority=-5)
        channel.send(Request("ns", "early"), priority=5)
        with pytest.raises(TypeError, match="expected a Request"):
            channel.send("ns/name")  # type: ignore[arg-type]
        async with Fed(channel) as fed:
            assert fed.controller.queue.depths == {5: 1}
            assert await fed.taken() == ["early"]
            thread = threading.Thread(target=channel.send, args=(Request("ns", "threaded"),))
            thread.start()
            thread.join()
            await asyncio.sleep(0.001)
            assert await fed.taken() == ["threaded"]
        channel.send(Request("ns", "late"))
        async with Fed(channel) as fed:
            assert await fed.taken() == ["late"]

    virtual_time(scenario())


def test_a_source_of_ones_own_is_run_again_when_it_fails(virtual_time):
    """It is counted and named, and does not end the others."""

    class Flaky:
        """Fails once, then feeds."""

        def __init__(self) -> None:
            self.runs = 0

        async def run(self, queue: RequestQueue) -> None:
            """Once per call."""
            self.runs += 1
            if self.runs == 1:
                raise ConnectionError("gone")
            queue.add(Request("ns", "own"))
            queue.add_after(Request("ns", "later"), 5)

    async def scenario() -> None:
        cache = Cache()
        async with Fed(Flaky(), source(cache)) as fed:
            await asyncio.sleep(1.1)
            cache.put(pod("p"))
            assert await fed.taken() == ["own", "p"]
            assert fed.failures(Flaky.run.__qualname__) == 1
            await asyncio.sleep(5)
            assert await fed.taken() == ["later"]

    virtual_time(scenario())


def test_a_watch_can_be_started_and_stopped_while_the_controller_runs(virtual_time):
    """A stopped watch leaves no handler behind and enqueues nothing more; what is queued stays."""

    async def scenario() -> None:
        cache = Cache()
        async with Fed() as fed:
            watch = fed.controller.watch(source(cache))
            await asyncio.sleep(0.001)
            cache.put(pod("a"))
            watch.stop()
            watch.stop()
            await asyncio.sleep(0.001)
            cache.put(pod("b"))
            assert (await fed.taken(), cache.handlers, fed.controller.sources) == (["a"], [], ())

    virtual_time(scenario())
