"""A router that reads routes, servers and pods finds a pod for every request, all the time that a Model is changed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.api.kinds import MODEL, POD
from controller.api.pods import is_ready
from controller.client import Client
from controller.dialects import DIALECTS, Dialect
from controller.envtest import Environment
from controller.meta import Object
from tests.support.factories import a_backend, a_model, a_worker, conditions, eventually, unborn
from tests.support.families import family_crds
from tests.support.rollouts import Rollouts
from tests.support.running import controlling

SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}


def two(name: str = "main", **worker: Any) -> dict[str, Any]:
    """A backend of two replicas."""
    return a_backend(name, minReplicas=2, maxReplicas=2, workers=[a_worker(**worker)])


def of(*backends: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**a_model("chat", *backends)["spec"], **spec}


PAIR = [a_worker(type="prefill"), a_worker(type="decode")]
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a backend is renamed": (of(a_backend("blue")), of(a_backend("green"))),
    "a backend is replaced by another type": (
        of(a_backend("blue")),
        of(a_backend("pair", type="vLLMDisaggregated", workers=PAIR)),
    ),
    "a backend is added": (of(a_backend("blue")), of(a_backend("blue"), a_backend("green"))),
    "the traffic moves to a new backend": (
        of(a_backend("blue")),
        of(a_backend("blue", routeWeight=0), a_backend("green")),
    ),
    "one of two is replaced": (of(a_backend("a"), a_backend("b")), of(a_backend("a"), a_backend("c"))),
    "the port": (of(two(config={"port": 8000})), of(two(config={"port": 9000}))),
    "the served name": (of(two(config={"served-model-name": "x"})), of(two(config={"served-model-name": "y"}))),
    "the name for clients": (of(two()), of(two(), name="talk")),
    "port, served name and image": (
        of(two(config={"port": 8000, "served-model-name": "x"})),
        of(two(config={"port": 9000, "served-model-name": "y"}, image="vllm/vllm-openai:v0.19.1")),
    ),
    "the engine's image": (of(two()), of(two(image="vllm/vllm-openai:v0.19.1"))),
    "adapters are added": (of(two()), of({**two(), "loraAdapters": [SQL]})),
    "adapters are removed": (of({**two(), "loraAdapters": [SQL]}), of(two())),
}


def option(pod: Object, name: str, absent: str) -> str:
    """The value of an option of the pod's engine."""
    (engine,) = (c for c in pod["spec"]["containers"] if c["name"] == "engine" or c["name"].endswith("vllm"))
    line = [*engine.get("command", ()), *engine.get("args", ())]
    return str(line[line.index(name) + 1]) if name in line else absent


class Router:
    """Kthena's router as far as it finds pods: every server of a rule gets its share, and a share without a pod fails."""

    def __init__(self, client: Client, dialect: Dialect) -> None:
        self._client = client
        self._dialect = dialect
        self.failures: list[str] = []

    async def run(self) -> None:
        """Looks all the time, and notes every moment in which requests would fail."""
        while True:
            if (failure := await self.failure()) is not None:
                self.failures.append(failure)
            await asyncio.sleep(0.01)

    async def receives(self, pod: Object) -> bool:
        """Whether some server calls this pod as the pod wants it."""
        servers = (await self._client.list(self._dialect.server, "default")).items
        return is_ready(pod) and any(reaches(server, pod) for server in servers)

    async def failure(self) -> str | None:
        """What is wrong in one consistent moment; None when nothing is, or while the route is created again."""
        while True:
            routing = await self._routing()
            pods = (await self._client.list(POD, "default")).items
            if routing == await self._routing():
                break
        routes, servers = routing
        for route in routes:
            for target in route["spec"]["rules"][0]["targetModels"]:
                server = next((each for each in servers if meta.name_of(each) == target["modelServerName"]), None)
                if target.get("weight") != 0 and not any(is_ready(p) and reaches(server or {}, p) for p in pods):
                    found = [(meta.name_of(p), is_ready(p), option(p, "--port", "8000")) for p in pods]
                    return f"{target} of {json.dumps((server or {}).get('spec'))}: {found}"
        return None

    async def _routing(self) -> tuple[list[Object], list[Object]]:
        route, server = self._dialect.route, self._dialect.server
        lists = [(await self._client.list(resource, "default")).items for resource in (route, server)]
        return list(lists[0]), list(lists[1])


def reaches(server: Object, pod: Object) -> bool:
    """Selected by its labels, called at its port, by a name that it serves."""
    spec = meta.spec_of(server)
    wanted = (spec.get("workloadSelector") or {}).get("matchLabels") or {"none": "at all"}
    labels = meta.labels_of(pod)
    selected = all(labels.get(key) == value for key, value in wanted.items())
    port = option(pod, "--port", "8000") == str((spec.get("workloadPort") or {}).get("port"))
    return selected and port and option(pod, "--served-model-name", "") == spec.get("model")


@contextlib.asynccontextmanager
async def at_work(*workers: Any) -> AsyncIterator[None]:
    """Runs them until the end; the first that failed is raised."""
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


async def is_ready_for(client: Client, generation: int) -> bool:
    """Whether everything of this generation is applied and serves."""
    model = await client.get(MODEL, "chat", "default")
    ready = meta.find_condition(meta.conditions_of(model), "Ready") or {}
    return ready.get("status") == "True" and ready.get("observedGeneration") == generation


@pytest.mark.timeout(240)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
async def test_no_request_fails_while(dialect: Dialect, change: str) -> None:
    """From the first moment in which the Model is Ready until it is Ready again."""
    before, after = CHANGES[change]
    async with Environment("embedded", crds=family_crds(dialect)) as environment, environment.client() as client:
        router = Router(client, dialect)
        rollouts = Rollouts(client, "default", dialect, router.receives)
        async with controlling(environment, "default", families=(dialect.name,)), at_work(rollouts):
            await client.create(MODEL, {**unborn(a_model("chat"), "default"), "spec": before})
            await eventually(lambda: is_ready_for(client, 1))
            assert await router.failure() is None
            async with at_work(router):
                await client.patch(MODEL, "chat", {"spec": {"name": None, **after}}, namespace="default")
                await eventually(lambda: is_ready_for(client, 2))
            assert await router.failure() is None
            assert router.failures == []
            (route,) = (await client.list(dialect.route, "default")).items
            wanted = {f"chat-{backend['name']}" for backend in after["backends"]}
            assert {t["modelServerName"] for t in route["spec"]["rules"][0]["targetModels"]} == wanted
            assert route["spec"]["modelName"] == after.get("name", "chat")
            assert (await conditions(client, "chat", "default"))["Active"] == ("True", "ModelAvailable")
