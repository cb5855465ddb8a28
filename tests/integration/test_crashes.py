"""Killed after any single write, the next process ends in the same state, having created and deleted no object more often."""

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from controller import meta
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import Dialect
from controller.envtest import Environment
from controller.meta import Object
from controller.meta.errors import ApiError
from controller.reconcilers import ModelControllerOptions, setup
from controller.runtime import Manager, ManagerOptions
from tests.support.factories import a_backend, a_model, a_worker, eventually, unborn
from tests.support.rights import NAMESPACES, as_controller
from tests.support.running import Counting

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
ADAPTER = {"name": "sql", "artifactURL": "hf://acme/sql"}
BIG = a_backend("big", loraAdapters=[ADAPTER], scalingCost=4, maxReplicas=3)
SMALL = a_backend("small", scalingCost=1, minReplicas=0, maxReplicas=2)
CREATED = a_model("chat", BIG, SMALL, autoscalingPolicy=POLICY)
CHANGED = a_model(
    "chat",
    a_backend("big", workers=[a_worker(config={"seed": 1})], routeWeight=7, autoscalingPolicy=POLICY, maxReplicas=3),
    a_backend("small"),
)
SHRUNK = a_model("chat", BIG, autoscalingPolicy=POLICY)

State = dict[tuple[str, str], Object]


class Killed(ApiError):
    """What a dead process would have sent."""


class Mortal(Counting):
    """Dies when its ``last``-th write was answered: nothing is sent after it."""

    def __init__(self, last: int | None) -> None:
        super().__init__()
        self._last = last
        self.dead = asyncio.Event()

    def request(self, method: str, host: str, code: int | None, seconds: float) -> None:
        """An attempt is over."""
        super().request(method, host, code, seconds)
        if len(self.writes) == self._last:
            self.dead.set()

    def guard(self) -> None:
        """Raises Killed once it is dead."""
        if self.dead.is_set():
            raise Killed("dead")


@contextlib.asynccontextmanager
async def a_process(environment: Environment, world: "World", last: int | None = None) -> AsyncIterator[Mortal]:
    """A controller process in a world; leaving it kills it without any farewell."""
    mortal = Mortal(last)
    async with await Client.connect(await as_controller(environment)) as client:
        off = ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0", namespaces=(world.namespace,))
        manager = Manager(client.with_guard(mortal.guard), off)
        client.use_metrics(mortal)
        setup(manager, ModelControllerOptions(families=(world.dialect.name,)))
        running = asyncio.create_task(manager.run(asyncio.Event()))
        try:
            yield mortal
        finally:
            mortal.dead.set()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def masked(obj: Object, dialect: Dialect) -> dict[str, Any]:
    """The object without the fields that every server sets itself, and without the hash of it."""
    labels = {
        name: value
        for name, value in meta.labels_of(obj).items()
        if name not in (dialect.keys.model_uid, dialect.keys.revision)
    }
    metadata = {"labels": labels, "annotations": meta.annotations_of(obj)}
    return {"metadata": metadata, "spec": without(meta.spec_of(obj), str(meta.owner_references_of(obj)[0]["uid"]))}


def without(value: Any, uid: str) -> Any:
    """The value with the Model's uid masked."""
    if isinstance(value, dict):
        return {key: without(item, uid) for key, item in value.items()}
    if isinstance(value, list):
        return [without(item, uid) for item in value]
    return "UID" if value == uid else value


class World:
    """A namespace with children of one dialect, and how often each of them was created and deleted."""

    def __init__(self, client: Client, dialect: Dialect, namespace: str) -> None:
        self.client = client
        self.dialect = dialect
        self.namespace = namespace
        self.births: Counter[tuple[str, str]] = Counter()
        self.deaths: Counter[tuple[str, str]] = Counter()
        self._seen: set[str] = set()

    async def state(self) -> State:
        """All children, masked."""
        lists = await asyncio.gather(
            *(self.client.list(resource, self.namespace) for resource in self.dialect.children)
        )
        return {
            (resource.kind, meta.name_of(item)): masked(item, self.dialect)
            for resource, page in zip(self.dialect.children, lists, strict=True)
            for item in page.items
        }

    async def follow(self, resource: Any, started: asyncio.Event) -> None:
        """Counts what happens to the objects of a kind."""
        watch = self.client.watch(resource, self.namespace, resource_version="", timeout_seconds=300, idle_timeout=300)
        async with watch as events:
            started.set()
            async for event in events:
                key = (resource.kind, meta.name_of(event.object))
                if event.type == "DELETED":
                    self.deaths[key] += 1
                elif event.type == "ADDED" and meta.uid_of(event.object) not in self._seen:
                    self._seen.add(meta.uid_of(event.object))
                    self.births[key] += 1


@contextlib.asynccontextmanager
async def a_world(client: Client, dialect: Dialect) -> AsyncIterator[World]:
    """A fresh one."""
    name = f"crash-{uuid.uuid4().hex[:10]}"
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    world = World(client, dialect, name)
    started = [asyncio.Event() for _ in dialect.children]
    tasks = [asyncio.create_task(world.follow(r, s)) for r, s in zip(dialect.children, started, strict=True)]
    await asyncio.gather(*(event.wait() for event in started))
    try:
        yield world
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await client.delete(NAMESPACES, name)


async def create(world: World) -> None:
    await world.client.create(MODEL, unborn(CREATED, world.namespace))


async def change(world: World) -> None:
    await world.client.patch(
        MODEL, "chat", {"spec": CHANGED["spec"] | {"autoscalingPolicy": None}}, namespace=world.namespace
    )


async def shrink(world: World) -> None:
    await world.client.patch(MODEL, "chat", {"spec": SHRUNK["spec"]}, namespace=world.namespace)


async def create_and_limit(world: World) -> None:
    """A user limits the rate of the route as soon as it is there."""
    await create(world)
    await eventually(lambda: _has_route(world))
    limit = {
        "spec": {"rateLimit": {"inputTokensPerUnit": 100, "unit": "minute"}},
        "metadata": {"labels": {"team": "x"}},
    }
    await world.client.patch(world.dialect.route, "chat", limit, namespace=world.namespace)


async def _has_route(world: World) -> bool:
    return bool((await world.client.list(world.dialect.route, world.namespace)).items)


async def rename(world: World) -> None:
    """The route has to be deleted and created again, with what the user put there."""
    await world.client.patch(MODEL, "chat", {"spec": {"name": "talk"}}, namespace=world.namespace)


async def remove(world: World) -> None:
    await world.client.delete(MODEL, "chat", namespace=world.namespace)


async def settled(world: World) -> bool:
    """Whether the Model's generation is applied, or the Model and all its children are gone."""
    models = (await world.client.list(MODEL, world.namespace)).items
    if not models:
        return not await world.state()
    seen = meta.status_of(models[0]).get("observedGeneration")
    initialized = meta.find_condition(meta.conditions_of(models[0]), "Initialized") or {}
    failed = meta.find_condition(meta.conditions_of(models[0]), "Failed") or {}
    current = seen == initialized.get("observedGeneration") == meta.generation_of(models[0])
    return current and (initialized.get("status"), failed.get("status")) == ("True", "False")


Step = Callable[[World], Awaitable[None]]


async def undisturbed(environment: Environment, world: World, before: Step | None, step: Step) -> tuple[int, State]:
    """How many writes a process needs for a step, and the state in the end."""
    if before is not None:
        async with a_process(environment, world):
            await before(world)
            await eventually(lambda: settled(world))
    await step(world)
    async with a_process(environment, world) as process:
        await eventually(lambda: settled(world))
    return len(process.writes), await world.state()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("before", "step"),
    [(None, create), (create, change), (create, shrink), (create_and_limit, rename), (create, remove)],
    ids=["creation", "change", "removal of a backend", "another model name", "deletion"],
)
async def test_killed_after_any_write(
    environment: Environment, client: Client, dialect: Dialect, before: Step | None, step: Step
) -> None:
    """For every write there is, one run that ends with it, and a second process that finishes."""
    async with a_world(client, dialect) as calm:
        writes, wanted = await undisturbed(environment, calm, before, step)
    if step is rename:
        assert meta.spec_of(wanted["ModelRoute", "chat"])["rateLimit"] == {"inputTokensPerUnit": 100, "unit": "minute"}
        assert meta.labels_of(wanted["ModelRoute", "chat"])["team"] == "x"
    for last in range(1, writes + 1):
        async with a_world(client, dialect) as world:
            if before is not None:
                async with a_process(environment, world):
                    await before(world)
                    await eventually(lambda: settled(world))
            await step(world)
            async with a_process(environment, world, last) as first:
                async with asyncio.timeout(20):
                    await first.dead.wait()
            async with a_process(environment, world):
                await eventually(lambda: settled(world))
            assert await world.state() == wanted, f"killed after write {last}"
            assert (world.births, world.deaths) == (calm.births, calm.deaths), f"killed after write {last}"
