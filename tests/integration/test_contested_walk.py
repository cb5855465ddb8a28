"""A Model walks through specs while an autoscaler scales, a rival edits and a sibling's name is taken: each keeps what is its own."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.api.annotations import REFRESH
from controller.api.kinds import MODEL, MODEL_SERVER
from controller.api.model import Model
from controller.client import Client
from controller.dialects import DIALECTS, Dialect
from controller.envtest import Environment
from controller.meta.errors import Conflict, NotFound
from controller.reconcilers.compare import covers
from controller.reconcilers.rivals import LIMIT
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model, a_worker, conditions, eventually, unborn
from tests.support.families import family_crds
from tests.support.running import controlling

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
TAKEN = {
    "apiVersion": MODEL_SERVER.api_version,
    "kind": MODEL_SERVER.kind,
    "metadata": {"name": "chat-taken", "namespace": "default"},
    "spec": {"inferenceEngine": "vLLM", "workloadSelector": {"matchLabels": {"app": "theirs"}}},
}
PATIENCE = 20
"""Cycles of the autoscaler in which nobody may undo what it writes."""


def a_spec(chance: random.Random) -> dict[str, Any]:
    """Other bounds, weights and arguments each time; the autoscaled backend and the refused one are always there."""
    low = chance.randint(1, 3)
    scaled = a_backend(
        "main",
        minReplicas=low,
        maxReplicas=low + chance.randint(1, 4),
        autoscalingPolicy=POLICY,
        workers=[a_worker(config={"seed": chance.randint(1, 9)})],
        routeWeight=chance.randint(1, 100),
    )
    further = [a_backend("other")] if chance.random() < 0.5 else []
    spec: dict[str, Any] = a_model("chat", scaled, a_backend("taken"), *further)["spec"]
    return spec


class Writer:
    """Writes a number into a child again and again; ``undone`` counts how often it found another one than it wrote."""

    def __init__(self, client: Client, dialect: Dialect) -> None:
        self._client = client
        self._dialect = dialect
        self.undone = 0
        self.cycles = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        wrote: int | None = None
        while True:
            with contextlib.suppress(Conflict, NotFound):
                wrote = await self.write(wrote)
            self.cycles += 1
            await asyncio.sleep(0.05)

    async def write(self, wrote: int | None) -> int:
        """One cycle; what is in the child after it."""
        raise NotImplementedError


class Autoscaler(Writer):
    """Goes on with the number of replicas that it found necessary, whatever bounds the Model has meanwhile."""

    replicas = 9

    async def write(self, wrote: int | None) -> int:
        workload = await self._client.get(self._dialect.workload, "chat-main", "default")
        self.undone += wrote is not None and meta.spec_of(workload)["replicas"] != wrote
        patch = {"spec": {"replicas": self.replicas}}
        await self._client.patch(self._dialect.workload, "chat-main", patch, namespace="default")
        return self.replicas


class Rival(Writer):
    """Wants another port."""

    async def write(self, wrote: int | None) -> int:
        server = await self._client.get(self._dialect.server, "chat-main", "default")
        if meta.spec_of(server)["workloadPort"]["port"] != 1:
            self.undone += wrote is not None
            patch = {"spec": {"workloadPort": {"port": 1}}}
            await self._client.patch(self._dialect.server, "chat-main", patch, namespace="default")
        return 1


@contextlib.asynccontextmanager
async def at_work(*writers: Writer) -> AsyncIterator[None]:
    """All of them, until the end."""
    tasks = [asyncio.create_task(writer.run()) for writer in writers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results), results


async def become(client: Client, spec: dict[str, Any]) -> None:
    """Replaces the spec whole, and waits until a pass over it was reported."""
    while True:
        live = dict(await client.get(MODEL, "chat", "default"))
        with contextlib.suppress(Conflict):
            generation = meta.generation_of(await client.replace(MODEL, {**live, "spec": spec}))
            break

    async def reported() -> bool:
        status = meta.status_of(await client.get(MODEL, "chat", "default"))
        return status.get("observedGeneration") == generation

    await eventually(reported)


async def is_as_desired(client: Client, dialect: Dialect) -> bool:
    """Whether every child is what a Model of this spec becomes, but for the number that the autoscaler owns."""
    model = await client.get(MODEL, "chat", "default")
    for child in render(Model.from_object(model), RenderOptions.of(dialect)):
        resource = dialect.kind(child["kind"]).resource
        try:
            live = await client.get(resource, meta.name_of(child), "default")
        except NotFound:
            return False
        spec = {k: v for k, v in child["spec"].items() if k != "replicas" or meta.name_of(child) != "chat-main"}
        if not covers(meta.spec_of(live), spec):
            return False
    return (await conditions(client, "chat", "default"))["Initialized"][0] == "True"


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
async def test_everybody_keeps_what_is_theirs(dialect: Dialect, seed: int) -> None:
    """The autoscaler's number is set back at most once a generation, the rival is left alone, the taken name untouched; then all is well."""
    chance = random.Random(seed)
    async with Environment("embedded", crds=family_crds(dialect)) as environment, environment.client() as client:
        taken = await client.create(MODEL_SERVER, TAKEN)
        autoscaler, rival = Autoscaler(client, dialect), Rival(client, dialect)
        walk = [a_spec(chance) for _ in range(5)]
        async with controlling(environment, "default", dialect), at_work(autoscaler, rival):
            await client.create(MODEL, {**unborn(a_model("chat"), "default"), "spec": walk[0]})
            for spec in walk[1:]:
                autoscaler.replicas = chance.randint(0, 12)
                await become(client, spec)

            async def is_left_alone() -> bool:
                server = await client.get(dialect.server, "chat-main", "default")
                return "RivalController" in str((await client.get(MODEL, "chat", "default"))["status"]) or (
                    meta.spec_of(server)["workloadPort"]["port"] == 1 and rival.undone >= LIMIT
                )

            await eventually(is_left_alone)
            undone, cycles = autoscaler.undone, autoscaler.cycles

            async def has_scaled_on() -> bool:
                return autoscaler.cycles >= cycles + PATIENCE

            await eventually(has_scaled_on)
            assert autoscaler.undone == undone, "set back once more without another generation"
            assert autoscaler.undone <= len(walk) + 1
            assert rival.undone <= (LIMIT + 2) * len(walk)
            same = await client.get(MODEL_SERVER, "chat-taken", "default")
            assert meta.resource_version_of(same) == meta.resource_version_of(taken)
            assert (await conditions(client, "chat", "default"))["Failed"] == ("True", "ChildConflict")
        async with controlling(environment, "default", dialect):
            await client.delete(MODEL_SERVER, "chat-taken", namespace="default")
            patch = {"metadata": {"annotations": {REFRESH: "now"}}}
            await client.patch(MODEL, "chat", patch, namespace="default")
            await eventually(lambda: is_as_desired(client, dialect))
        workload = await client.get(dialect.workload, "chat-main", "default")
        assert meta.spec_of(workload)["replicas"] == autoscaler.replicas
