"""Models from their creation to Active: created while the contender runs, or all there before it starts.

Seconds are from the first creation (or the start) to the last Active. CPU is that of the contender's process; with its Events sent, too.
A contender that is ready beforehand has done one Model before the clock starts; its start counts where the Models are there before it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

from hack.bench.bench import Bench, Workload
from hack.bench.contenders import IDEAL, KOPF, OURS, TODAYS, Contender
from hack.bench.driver import Namespace
from hack.bench.objects import names
from hack.bench.processes import Process

_QUIET_SECONDS = 1.0
_QUIET_CPU = 0.03
_LONGEST_SECONDS = 30.0


async def live(bench: Bench, contender: Contender) -> Mapping[str, float]:
    """The contender is at work before the Models come."""
    wanted = names(bench.models)
    async with Namespace.create(bench.client, bench.namespace("live"), contender.dialect) as namespace:
        process = await namespace.start(bench.environment, contender)
        process.go()
        await namespace.add(["warm-up"])
        await namespace.until_active(["warm-up"])
        await quiet(process)
        bench.audit.skip()
        cpu, started = process.cpu, time.monotonic()
        await namespace.add(wanted)
        await namespace.until_active(wanted)
        return await _figures(bench, contender, namespace.name, process, time.monotonic() - started, cpu)


async def existing(bench: Bench, contender: Contender) -> Mapping[str, float]:
    """All Models are there before the contender starts; its start counts, but for one that waits to be let go."""
    wanted = names(bench.models)
    async with Namespace.create(bench.client, bench.namespace("existing"), contender.dialect) as namespace:
        await namespace.add(wanted)
        bench.audit.skip()
        if contender.waits:
            process = await namespace.start(bench.environment, contender)
            await quiet(process)
            cpu, started = process.cpu, time.monotonic()
            process.go()
        else:
            cpu, started = 0.0, time.monotonic()
            process = await namespace.start(bench.environment, contender)
        await namespace.until_active(wanted)
        return await _figures(bench, contender, namespace.name, process, time.monotonic() - started, cpu)


async def _figures(
    bench: Bench, contender: Contender, namespace: str, process: Process, seconds: float, cpu_before: float
) -> Mapping[str, float]:
    cpu = process.cpu - cpu_before
    await quiet(process)
    writes = bench.audit.writes(namespace, contender.agents)
    figures = {
        "seconds": seconds,
        "CPU ms a Model": 1000 * cpu / bench.models,
        "CPU ms a Model, Events sent": 1000 * (process.cpu - cpu_before) / bench.models,
        "RSS MiB": process.memory,
        **(per_model(writes, bench.models) if bench.audit.counts else {}),
    }
    await process.stop()
    return figures


def per_model(writes: Counter[str], models: int) -> dict[str, float]:
    """Writes, refused writes and Events a Model."""
    refused = sum(count for kind, count in writes.items() if kind[-3:].isdecimal() and int(kind[-3:]) >= 400)
    events = writes["events"]
    return {
        "writes a Model": (writes.total() - events) / models,
        "refused a Model": refused / models,
        "Events a Model": events / models,
    }


async def quiet(process: Process) -> None:
    """Returns when the process does nothing more, or after half a minute."""
    for _ in range(int(_LONGEST_SECONDS / _QUIET_SECONDS)):
        before = process.cpu
        await asyncio.sleep(_QUIET_SECONDS)
        if process.cpu - before < _QUIET_CPU:
            return


LIVE = Workload("live", "Models created while it runs", (IDEAL, OURS, TODAYS, KOPF), live)
EXISTING = Workload("existing", "Models created before it starts", (IDEAL, OURS, TODAYS, KOPF), existing)
