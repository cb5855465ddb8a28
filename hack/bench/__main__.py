"""Brings Models to Active on a real control plane, once by an ideal writer and once by ``model-controller run``, in turn.

The ideal writer has no cache and no diff: it sends exactly the five writes a Model with one backend needs (three creates, two status patches),
16 Models at a time. A driver marks every ModelInfer Available as soon as it appears; it is the same in both cases. Printed are the ratio of
the times, and for the controller the writes per Model as the API server's audit log counts them, CPU per Model and resident memory.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL, MODEL_INFER
from controller.api.model import Model
from controller.client import Client
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.meta import Resource
from controller.render import RenderOptions, render

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
CONCURRENCY = 16
_RESOURCES = {"ModelServer": "modelservers", "ModelInfer": "modelinfers", "ModelRoute": "modelroutes"}
TICKS = os.sysconf("SC_CLK_TCK")


def a_model(index: int) -> dict[str, Any]:
    backend = {
        "name": "main",
        "type": "vLLM",
        "modelURI": "hf://org/repo",
        "minReplicas": 1,
        "maxReplicas": 1,
        "workers": [{"type": "server", "image": "vllm/vllm-openai:v0.10.2", "config": {"max-model-len": 8192}}],
    }
    return {
        "apiVersion": MODEL.api_version,
        "kind": "Model",
        "metadata": {"name": f"m-{index:04d}"},
        "spec": {"backends": [backend]},
    }


@dataclass
class Run:
    """What one round of one contender took. Times in seconds, memory in MiB."""

    seconds: float
    writes: dict[str, int]
    cpu: float = 0.0
    memory: float = 0.0


async def bounded(work: Sequence[Any]) -> None:
    """Runs coroutine functions, 16 at a time."""
    pending = list(reversed(work))

    async def worker() -> None:
        while pending:
            await pending.pop()()

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


async def mark_available(client: Client, namespace: str, count: int) -> None:
    """The driver: reports every ModelInfer of the namespace as Available, as soon as it is created."""
    condition = {
        "type": "Available",
        "status": "True",
        "reason": "AllGroupsReady",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    body = {"status": {"observedGeneration": 1, "replicas": 1, "availableReplicas": 1, "conditions": [condition]}}
    seen: set[str] = set()
    version = (await client.list(MODEL_INFER, namespace)).resource_version
    async with asyncio.TaskGroup() as group:
        watch = client.watch(MODEL_INFER, namespace, resource_version=version, timeout_seconds=600, idle_timeout=600)
        async with watch as events:
            async for event in events:
                name = meta.name_of(event.object)
                if event.type == "ADDED" and name not in seen:
                    seen.add(name)
                    patch = client.patch(MODEL_INFER, name, body, namespace=namespace, subresource="status")
                    group.create_task(patch)
                if len(seen) == count:
                    return


async def all_active(client: Client, namespace: str, count: int) -> None:
    """Returns when all Models of the namespace are Active."""
    active: set[str] = set()
    version = (await client.list(MODEL, namespace)).resource_version
    watch = client.watch(MODEL, namespace, resource_version=version, timeout_seconds=600, idle_timeout=600)
    async with watch as events:
        async for event in events:
            if meta.is_condition_true(event.object, "Active"):
                active.add(meta.name_of(event.object))
            if len(active) == count:
                return


def condition(type_: str, status: str, reason: str) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }


async def ideal(environment: Environment, client: Client, namespace: str, models: list[dict[str, Any]]) -> Run:
    """Five writes per Model, nothing else."""
    created = [await client.create(MODEL, model, namespace=namespace) for model in models]
    started = time.monotonic()

    def life(model: dict[str, Any]) -> Any:
        async def run() -> None:
            children = {child["kind"]: child for child in render(Model.from_object(model), RenderOptions())}
            first = [condition("Initialized", "True", "ModelCreating"), condition("Active", "False", "ModelProcessing")]
            for kind in ("ModelServer", "ModelInfer", "ModelRoute"):
                group = children[kind]["apiVersion"].partition("/")[0]
                resource = Resource(group, "v1alpha1", _RESOURCES[kind], kind)
                await client.create(resource, children[kind])
            for conditions in (first, [first[0], condition("Active", "True", "ModelAvailable")]):
                body = {"status": {"observedGeneration": 1, "conditions": conditions}}
                await client.patch(MODEL, meta.name_of(model), body, namespace=namespace, subresource="status")

        return run

    async with asyncio.TaskGroup() as group:
        group.create_task(mark_available(client, namespace, len(models)))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        await bounded([life(model) for model in created])
    return Run(time.monotonic() - started, {})


async def ours(environment: Environment, client: Client, namespace: str, models: list[dict[str, Any]]) -> Run:
    """The real program, started before the Models' children exist, timed from the moment it may work."""
    for model in models:
        await client.create(MODEL, model, namespace=namespace)
    before = len(environment.audit_records())
    async with asyncio.TaskGroup() as group:
        driver = group.create_task(mark_available(client, namespace, len(models)))
        done = group.create_task(all_active(client, namespace, len(models)))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "controller", "run", "--kubeconfig", str(environment.kubeconfig)),
            *("--namespace", namespace, "--metrics-bind-address", "0", "--health-probe-bind-address", "0"),
            *("--log-level", "error"),
        )
        await done
        elapsed = time.monotonic() - started
        await driver
    cpu, memory = usage(process.pid)
    process.terminate()
    await process.wait()
    return Run(elapsed, count_writes(environment.audit_records()[before:], namespace), cpu, memory)


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds and MiB of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def count_writes(records: list[dict[str, Any]], namespace: str) -> dict[str, int]:
    """The controller's mutating requests in a namespace, by verb, resource and code; Events apart."""
    counts: dict[str, int] = {}
    for record in records:
        target = record.get("objectRef") or {}
        if record["verb"] in ("get", "list", "watch") or target.get("namespace") != namespace:
            continue
        if not record.get("userAgent", "").startswith("model-controller/"):
            continue
        name = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
        key = f"{record['verb']} {name} {record['responseStatus']['code']}"
        counts[key] = counts.get(key, 0) + 1
    return counts


async def start_up(environment: Environment, client: Client) -> float:
    """Seconds the program needs to start and find nothing to do: the part of a round that is not work."""
    namespace = "bench-empty"
    await client.create(NAMESPACES, {"metadata": {"name": namespace}})
    return (await ours(environment, client, namespace, [a_model(0)])).seconds


async def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ratios, work_ratios, last = [], [], Run(0, {})
    async with (
        Environment("real", crds=[model_crd(), *child_crds(E4FB6663)]) as environment,
        environment.client() as client,
    ):
        idle = await start_up(environment, client)
        print(f"one Model, start of the program included: {idle:.2f} s")
        for number in range(options.rounds):
            models = [a_model(index) for index in range(options.models)]
            runs = {}
            for name, contender in (("ideal", ideal), ("ours", ours)):
                namespace = f"bench-{number}-{name}"
                await client.create(NAMESPACES, {"metadata": {"name": namespace}})
                runs[name] = await contender(environment, client, namespace, models)
            last = runs["ours"]
            ratios.append(runs["ours"].seconds / runs["ideal"].seconds)
            work_ratios.append((runs["ours"].seconds - idle) / runs["ideal"].seconds)
            print(
                f"round {number}: ideal {runs['ideal'].seconds:.2f} s, ours {runs['ours'].seconds:.2f} s, "
                f"ratio {ratios[-1]:.2f} ({work_ratios[-1]:.2f} without the program's start), "
                f"CPU {1000 * last.cpu / options.models:.1f} ms per Model, RSS {last.memory:.0f} MiB"
            )
    print(
        f"median ratio ours/ideal: {statistics.median(ratios):.2f}; without start: {statistics.median(work_ratios):.2f}"
    )
    for key, count in sorted(last.writes.items()):
        print(f"  {count / options.models:.2f} {key} per Model")


if __name__ == "__main__":
    asyncio.run(main())
