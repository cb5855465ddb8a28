"""What is asked of a running engine: that it serves under the Model's name, moves adapters as the controller asks, and drains as its hook waits."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from controller.lora.engine import AdapterError, EngineClient, EngineUrl, LoadedAdapter
from controller.render.engines.vllm_command import GAUGES
from hack.engine_check.answers import Answers
from hack.engine_check.engine import Engine
from hack.engine_check.sidecar import sidecar

REQUESTS, SEQUENCES, TOKENS = 12, 16, 1500
_GONE_SECONDS = 60


class CheckFailed(Exception):
    """The engine did something else than the controller relies on."""


def expect(what: str, found: Any, wanted: Any) -> None:
    """Raises CheckFailed unless both are equal."""
    if found != wanted:
        raise CheckFailed(f"{what}: expected {wanted!r}, found {found!r}")


async def serves(engine: Engine, http: aiohttp.ClientSession, answers: Answers) -> None:
    """Health, the list of models with the adapters of the command, a completion under the served name, and the gauges of the drain."""
    facts = engine.command.facts
    expect("health", await answers.call(http, "health", f"{engine.url}/health"), 200)
    asked = {"model": facts.served_name, "prompt": "a short text", "max_tokens": 4}
    async with http.post(f"{engine.url}/v1/completions", json=asked) as answer:
        expect("completion", answer.status, 200)
    async with EngineClient() as client:
        found = await client.list_adapters("127.0.0.1", engine.port)
    given = [] if facts.is_hot else facts.backend.adapters
    expect("adapters", sorted(item.name for item in found), sorted(item.name for item in given))
    gauges = await running_requests(engine, http)
    silent = facts.workers[0].config.get("disable-log-stats") is True
    expect("gauges of the drain", gauges is None, silent)


async def running_requests(engine: Engine, http: aiohttp.ClientSession) -> float | None:
    """The sum of the gauges that the drain reads; None when there is none of them."""
    async with http.get(f"{engine.url}/metrics") as answer:
        expect("metrics", answer.status, 200)
        lines = (await answer.text()).splitlines()
    values = [float(line.rsplit(" ", 1)[1]) for line in lines if re.match(f"{GAUGES}[{{ ]", line)]
    return sum(values) if values else None


async def moves_adapters(engine: Engine, http: aiohttp.ClientSession, tiny: Path, answers: Answers) -> None:
    """Loads and unloads with the controller's own client, through a sidecar, and every way in which the engine refuses."""
    directory = str(engine.log.parent / "adapters" / "legal")
    async with EngineClient() as client, sidecar(engine.url, tiny) as port:
        await client.load("127.0.0.1", port, name="legal", source="tiny://adapter", directory=directory)
        loaded = await client.list_adapters("127.0.0.1", engine.port)
        expect("list after the load", loaded, (LoadedAdapter("legal", directory),))
        asked = {"model": "legal", "prompt": "a short text", "max_tokens": 4}
        async with http.post(f"{engine.url}/v1/completions", json=asked) as answer:
            expect("completion of the adapter", answer.status, 200)
        for source, name, status in (("adapter", "legal", 400), ("nothing", "empty", 404), ("wide", "wide", 500)):
            await _refused(client, port, name, f"tiny://{source}", str(engine.log.parent / "adapters" / name), status)
        await client.unload("127.0.0.1", port, name="legal")
        expect("list after the unload", await client.list_adapters("127.0.0.1", engine.port), ())
        try:
            await client.unload("127.0.0.1", port, name="legal")
        except AdapterError as error:
            expect("second unload", str(error).partition(":")[0], "HTTP 404")
        else:
            raise CheckFailed("an adapter was unloaded twice")
    await record(engine, http, tiny, answers)


async def _refused(client: EngineClient, port: int, name: str, source: str, directory: str, status: int) -> None:
    try:
        await client.load("127.0.0.1", port, name=name, source=source, directory=directory)
    except AdapterError as error:
        expect(f"load of {source}", str(error).partition(":")[0], f"HTTP {status}")
        return
    raise CheckFailed(f"{source} was loaded as {name}")


async def record(engine: Engine, http: aiohttp.ClientSession, tiny: Path, answers: Answers) -> None:
    """The engine's own words for each case."""
    load, unload = f"{engine.url}/v1/load_lora_adapter", f"{engine.url}/v1/unload_lora_adapter"
    path, base = str(tiny / "adapter"), engine.command.facts.served_name
    words = {"name": "legal", "path": path, "base": base, "model": str(tiny / "model")}
    legal = {"lora_name": "legal", "lora_path": path}
    await answers.call(http, "loaded", load, legal, words=words)
    await answers.call(http, "list", f"{engine.url}/v1/models", words=words)
    await answers.call(http, "loaded-twice", load, legal, words=words)
    await answers.call(http, "unloaded", unload, {"lora_name": "legal"}, words=words)
    await answers.call(http, "not-loaded", unload, {"lora_name": "legal"}, words=words)
    for name, body in (
        ("base-model", {"lora_name": base, "lora_path": path}),
        ("no-adapter", {"lora_name": "law", "lora_path": "/nowhere"}),
        ("high-rank", {"lora_name": "wide", "lora_path": str(tiny / "wide")}),
        ("no-path", {"lora_name": "law"}),
    ):
        found = {"name": str(body["lora_name"]), "path": str(body.get("lora_path", "-"))}
        await answers.call(http, name, load, body, words=found)


async def asks_for_a_key(engine: Engine, http: aiohttp.ClientSession, key: str, tiny: Path, answers: Answers) -> None:
    """Probes and drain stay open, everything below /v1 is closed without the key; the controller's client moves adapters with it."""
    expect("health without a key", await answers.call(http, "health", f"{engine.url}/health"), 200)
    expect("gauges without a key", await running_requests(engine, http), 0.0)
    expect("list without a key", await answers.call(http, "unauthorized", f"{engine.url}/v1/models"), 401)
    directory = str(engine.log.parent / "adapters" / "legal")
    url = EngineUrl("127.0.0.1", engine.port, "/v1", key)
    async with EngineClient() as client, sidecar(engine.url, tiny) as port:
        await client.download("127.0.0.1", port, source="tiny://adapter", directory=directory)
        await client.load_directly(url, name="legal", directory=directory)
        loaded = await client.list_adapters("127.0.0.1", engine.port, key)
        expect("list after the load", loaded, (LoadedAdapter("legal", directory),))
        await client.unload_directly(url, name="legal")
        expect("list after the unload", await client.list_adapters("127.0.0.1", engine.port, key), ())


async def drains(engine: Engine, http: aiohttp.ClientSession) -> float:
    """The seconds for which the preStop hook held under load. Every request is answered before it ends."""
    script = engine.command.drain
    if script is None:
        raise CheckFailed("the container has no preStop hook")
    async with load(engine) as requests:
        await busy(engine, http)
        started = time.monotonic()
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", script)
        try:
            expect("exit code of the hook", await asyncio.wait_for(process.wait(), 300), 0)
        finally:
            if process.returncode is None:
                process.kill()
        held = time.monotonic() - started
        engine.terminate()
        expect("answers under load", await asyncio.gather(*requests), [200] * REQUESTS)
    expect("gone after SIGTERM", await engine.gone(_GONE_SECONDS), True)
    return held


async def shuts_down(engine: Engine, http: aiohttp.ClientSession) -> float:
    """The seconds until an engine that drains by itself is gone after SIGTERM. Every request is answered before."""
    async with load(engine) as requests:
        await busy(engine, http)
        started = time.monotonic()
        engine.terminate()
        expect("answers under load", await asyncio.gather(*requests), [200] * REQUESTS)
        expect("gone after its requests", await engine.gone(_GONE_SECONDS), True)
    return time.monotonic() - started


async def busy(engine: Engine, http: aiohttp.ClientSession) -> None:
    """Waits until requests are running; an engine without gauges gets a few seconds."""
    for _ in range(30):
        running = await running_requests(engine, http)
        if running:
            return
        await asyncio.sleep(0.1 if running == 0 else 3)
        if running is None:
            return
    raise CheckFailed("the load never started")


@asynccontextmanager
async def load(engine: Engine) -> AsyncIterator[list[asyncio.Task[int]]]:
    """Requests that take a while, from another address than loopback, as users' come; each task ends with the status of its answer."""
    body = {
        "model": engine.command.facts.served_name,
        "prompt": "a short text",
        "max_tokens": TOKENS,
        "n": SEQUENCES,
        "ignore_eos": True,
    }
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=300)) as http:

        async def request() -> int:
            try:
                async with http.post(f"http://{own_address()}:{engine.port}/v1/completions", json=body) as answer:
                    await answer.read()
                    return answer.status
            except aiohttp.ClientError:
                return 0

        tasks = [asyncio.create_task(request()) for _ in range(REQUESTS)]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()


def own_address() -> str:
    """An address of this machine that is not loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
