"""A hundred Models, one of which can never work: what it costs the others, and what it costs by itself in half a minute.

Its ModelServer's name belongs to another owner's object. The ideal is the same hundred without a failing one.
"""

import asyncio
import time
from collections.abc import Mapping

from controller.api.kinds import MODEL_SERVER
from controller.api.model import Model
from controller.render import RenderOptions, render
from hack.bench.bench import Bench, Workload
from hack.bench.contenders import IDEAL, OURS, Contender
from hack.bench.driver import Namespace
from hack.bench.objects import a_model, names
from hack.bench.workloads.converge import quiet

_SHARE = 5
_WATCHED_SECONDS = 30.0


async def failing(bench: Bench, contender: Contender) -> Mapping[str, float]:
    """The contender ``ideal`` is this controller without the failing Model."""
    good = names(bench.models // _SHARE - 1)
    async with Namespace.create(bench.client, bench.namespace(f"failing-{contender.name}")) as namespace:
        process = await namespace.start(bench.environment, OURS)
        await namespace.add(["warm-up"])
        await namespace.until_active(["warm-up"])
        if contender is OURS:
            await _take_name(bench, namespace.name)
            await namespace.add(["bad"])
        await quiet(process)
        started = time.monotonic()
        await namespace.add(good)
        await namespace.until_active(good)
        seconds = time.monotonic() - started
        await quiet(process)
        bench.audit.skip()
        cpu = process.cpu
        await asyncio.sleep(_WATCHED_SECONDS)
        writes = bench.audit.writes(namespace.name, OURS.agents)
        figures = {
            "seconds": seconds,
            "CPU ms in the next 30 s": 1000 * (process.cpu - cpu),
            "writes in the next 30 s": writes.total() - writes["events"],
        }
        await process.stop()
        return figures


async def _take_name(bench: Bench, namespace: str) -> None:
    model = a_model("bad")
    model["metadata"] |= {"namespace": namespace, "uid": "none", "generation": 1}
    server = next(
        child for child in render(Model.from_object(model), RenderOptions()) if child["kind"] == MODEL_SERVER.kind
    )
    del server["metadata"]["ownerReferences"], server["metadata"]["labels"]
    await bench.client.create(MODEL_SERVER, server)


FAILING = Workload("failing", "Models, one of which always fails", (IDEAL, OURS), failing)
