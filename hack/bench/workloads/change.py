"""One Model changes on an idle cluster: how long until the watch shows the changed child.

The ideal is the bare round trip, done by the driver itself: change the Model, see that on a watch, change the child, see that on a watch.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping

from controller import meta
from controller.api.kinds import MODEL, MODEL_INFER
from hack.bench.bench import Bench, Workload
from hack.bench.contenders import IDEAL, OURS, Contender
from hack.bench.driver import Namespace
from hack.bench.objects import a_model
from hack.bench.workloads.converge import quiet

_CHANGES = 100
_PAUSE = 0.02


async def change(bench: Bench, contender: Contender) -> Mapping[str, float]:
    """Changes an argument of the engine a hundred times."""
    async with Namespace.create(bench.client, bench.namespace(f"change-{contender.name}")) as namespace:
        process = await namespace.start(bench.environment, OURS)
        await namespace.add(["chat"])
        await namespace.until_active(["chat"])
        await quiet(process)
        if contender is IDEAL:
            await process.stop()
        took = []
        for number in range(_CHANGES):
            took.append(
                await (_bare(bench, namespace, number) if contender is IDEAL else _ours(bench, namespace, number))
            )
            await asyncio.sleep(_PAUSE)
        if contender is not IDEAL:
            await process.stop()
    return {"p50 ms": 1000 * statistics.median(took), "p99 ms": 1000 * statistics.quantiles(took, n=100)[-1]}


async def _change_model(bench: Bench, namespace: str, number: int) -> None:
    spec = a_model("chat")["spec"]
    spec["backends"][0]["workers"][0]["config"]["max-model-len"] = 9000 + number
    await bench.client.patch(MODEL, "chat", {"spec": spec}, namespace=namespace)


async def _ours(bench: Bench, namespace: Namespace, number: int) -> float:
    generation = namespace.infers["chat-main"]
    started = time.perf_counter()
    await _change_model(bench, namespace.name, number)
    await namespace.until_generation(infer="chat-main", generation=generation + 1)
    return time.perf_counter() - started


async def _bare(bench: Bench, namespace: Namespace, number: int) -> float:
    infer = await bench.client.get(MODEL_INFER, "chat-main", namespace.name)
    generation, model_generation = meta.generation_of(infer), namespace.models["chat"]
    body = {
        "metadata": {"resourceVersion": meta.resource_version_of(infer)},
        "spec": {**meta.spec_of(infer), "replicas": number % 2 + 2},
    }
    started = time.perf_counter()
    await _change_model(bench, namespace.name, number)
    await namespace.until_generation("chat", generation=model_generation + 1)
    await bench.client.patch(MODEL_INFER, "chat-main", body, namespace=namespace.name)
    await namespace.until_generation(infer="chat-main", generation=generation + 1)
    return time.perf_counter() - started


CHANGE = Workload("change", "One Model changed on an idle cluster, to its child's change", (IDEAL, OURS), change)
