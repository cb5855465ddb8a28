"""A fake engine with its runtime sidecar, on two ports of one loopback address: it keeps real state, and can be made to misbehave."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Fault = Callable[[web.Request], Any]


class FakeEngine:
    """Loads and unloads adapters as vLLM behind the sidecar does.

    ``calls`` remembers every call as (operation, adapter); ``faults`` maps an operation (``list``, ``load``, ``unload``) to a coroutine
    function that answers in its place.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.loaded: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.faults: dict[str, Fault] = {}
        self.gate = asyncio.Event()
        self.gate.set()

    def restart(self) -> None:
        """A restarted engine has forgotten everything."""
        self.loaded.clear()

    async def models(self, request: web.Request) -> web.StreamResponse:
        """The engine's own list."""
        if fault := self.faults.get("list"):
            return await fault(request)  # type: ignore[no-any-return]
        entries: list[dict[str, Any]] = [{"id": "base", "root": "/cache/base", "parent": None}]
        entries += [{"id": name, "root": root, "parent": "base"} for name, root in self.loaded.items()]
        return web.json_response({"object": "list", "data": entries})

    async def load(self, request: web.Request) -> web.StreamResponse:
        """The sidecar downloads and lets the engine load; a name that is there is refused."""
        body = await request.json()
        self.calls.append(("load", body["lora_name"]))
        await self.gate.wait()
        if fault := self.faults.get("load"):
            return await fault(request)  # type: ignore[no-any-return]
        if body["lora_name"] in self.loaded:
            return web.json_response({"detail": "HTTP 400: already loaded"}, status=400)
        self.loaded[body["lora_name"]] = body["output_dir"]
        return web.json_response({"message": "loaded"})

    async def unload(self, request: web.Request) -> web.StreamResponse:
        """The engine forgets it, or does not know it."""
        body = await request.json()
        self.calls.append(("unload", body["lora_name"]))
        if fault := self.faults.get("unload"):
            return await fault(request)  # type: ignore[no-any-return]
        if self.loaded.pop(body["lora_name"], None) is None:
            return web.json_response({"detail": "HTTP 404: not found"}, status=404)
        return web.json_response({"message": "unloaded"})


@asynccontextmanager
async def serving(address: str, engine_port: int, runtime_port: int) -> AsyncIterator[FakeEngine]:
    """A running engine at these ports."""
    engine = FakeEngine(address)
    own, sidecar = web.Application(), web.Application()
    own.router.add_get("/v1/models", engine.models)
    sidecar.router.add_post("/v1/load_lora_adapter", engine.load)
    sidecar.router.add_post("/v1/unload_lora_adapter", engine.unload)
    runners = [web.AppRunner(application, shutdown_timeout=0.1) for application in (own, sidecar)]
    try:
        for runner, port in zip(runners, (engine_port, runtime_port), strict=True):
            await runner.setup()
            await web.TCPSite(runner, address, port).start()
        yield engine
    finally:
        engine.gate.set()
        for runner in runners:
            await runner.cleanup()


async def answer_500(_: web.Request) -> web.StreamResponse:
    """What a broken sidecar says."""
    return web.json_response({"detail": "HTTP 500: cannot download s3://bucket"}, status=500)


async def hang(_: web.Request) -> web.StreamResponse:
    """Never answers."""
    await asyncio.Event().wait()
    raise AssertionError
