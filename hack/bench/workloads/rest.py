"""Models that are as they should be: a restart over them, and a minute of doing nothing.

The restart ends when a Model created right before it is Active: by then every other one has been looked at or is at rest in the queue.
The ideal restart is a bare list of the same objects, all kinds one after the other. Nothing may be written in either workload.
"""

import asyncio
import time
from collections.abc import Mapping

from controller.api.kinds import ALL_CHILDREN, MODEL
from hack.bench.bare_client import BareClient
from hack.bench.bench import Bench, Workload
from hack.bench.contenders import IDEAL, OURS, Contender
from hack.bench.driver import Namespace
from hack.bench.objects import names
from hack.bench.processes import Process
from hack.bench.workloads.converge import quiet

_RESTART_TIMES, _IDLE_TIMES = 4, 10
"""How many times the size of the other workloads: 2,000 and 5,000 Models."""
_MINUTE = 60.0


async def restart(bench: Bench, contender: Contender) -> Mapping[str, float]:
    """A new process over converged Models, until it is at rest."""
    async with Namespace.create(bench.client, bench.namespace(f"restart-{contender.name}")) as namespace:
        await _converge(bench, namespace, _RESTART_TIMES * bench.models)
        bench.audit.skip()
        if contender is IDEAL:
            return {"seconds": await _bare_list(bench, namespace.name)}
        started = time.monotonic()
        process = await namespace.start(bench.environment, OURS)
        seconds = await _until_rest(process, started)
        writes = bench.audit.writes(namespace.name, OURS.agents)
        figures = {"seconds": seconds, "CPU seconds": process.cpu, "writes": writes.total(), "RSS MiB": process.memory}
        await process.stop()
        return figures


async def idle(bench: Bench, _contender: Contender) -> Mapping[str, float]:
    """A restarted process, one minute after it has come to rest."""
    async with Namespace.create(bench.client, bench.namespace("idle")) as namespace:
        await _converge(bench, namespace, _IDLE_TIMES * bench.models)
        process = await namespace.start(bench.environment, OURS)
        await quiet(process)
        bench.audit.skip()
        cpu = process.cpu
        await asyncio.sleep(_MINUTE)
        figures = {
            "CPU % of a core": 100 * (process.cpu - cpu) / _MINUTE,
            "writes a minute": bench.audit.writes(namespace.name, OURS.agents).total(),
            "RSS MiB": process.memory,
        }
        await process.stop()
        return figures


async def _converge(bench: Bench, namespace: Namespace, count: int) -> None:
    process = await namespace.start(bench.environment, OURS)
    await namespace.add(names(count))
    await namespace.until_active(names(count))
    await process.stop()


async def _until_rest(process: Process, started: float) -> float:
    """Seconds from the start until the process has used less than a fiftieth of a core for half a second."""
    last_busy = started
    while time.monotonic() - last_busy < 1.0:
        before = process.cpu
        await asyncio.sleep(0.1)
        if process.cpu - before > 0.015:
            last_busy = time.monotonic()
    return last_busy - started


async def _bare_list(bench: Bench, namespace: str) -> float:
    client = BareClient(bench.environment.kubeconfig, "bench-ideal")
    started = time.monotonic()
    for resource in (MODEL, *ALL_CHILDREN):
        await client.send("GET", resource.path(namespace), None)
    await client.close()
    return time.monotonic() - started


RESTART = Workload("restart", "Restart over Models at rest", (IDEAL, OURS), restart, rounds=1)
IDLE = Workload("idle", "Models at rest", (OURS,), idle, rounds=1)
