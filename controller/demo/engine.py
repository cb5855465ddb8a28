"""A stand-in for an inference engine and its runtime sidecar: the part of their HTTP interface that concerns LoRA adapters."""

import asyncio
import socket
from types import TracebackType
from typing import Any, Self

from aiohttp import web

ADDRESS = "127.0.0.1"


class SimulatedEngine:
    """Loads adapters whose source does not contain ``missing``, each in ``seconds``. An async context manager: it serves inside.

    The ports are chosen when it is made, so that a Model can name them before the engine runs.
    """

    def __init__(self, *, seconds: float, missing: str) -> None:
        self.engine_port, self.runtime_port = _free_ports(2)
        self.loaded: dict[str, str] = {}
        self._seconds = seconds
        self._missing = missing
        self._runners: list[web.AppRunner] = []

    async def __aenter__(self) -> Self:
        engine, sidecar = web.Application(), web.Application()
        engine.router.add_get("/v1/models", self._models)
        sidecar.router.add_post("/v1/load_lora_adapter", self._load)
        sidecar.router.add_post("/v1/unload_lora_adapter", self._unload)
        for application, port in ((engine, self.engine_port), (sidecar, self.runtime_port)):
            runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.1)
            self._runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, ADDRESS, port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        entries: list[dict[str, Any]] = [{"id": "base", "root": "/cache/base", "parent": None}]
        entries += [{"id": name, "root": root, "parent": "base"} for name, root in self.loaded.items()]
        return web.json_response({"object": "list", "data": entries})

    async def _load(self, request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(self._seconds)
        if self._missing in body["source"]:
            return web.json_response({"detail": f"{body['source']} does not exist"}, status=404)
        self.loaded[body["lora_name"]] = body["output_dir"]
        return web.json_response({"message": "loaded"})

    async def _unload(self, request: web.Request) -> web.Response:
        self.loaded.pop((await request.json())["lora_name"], None)
        return web.json_response({"message": "unloaded"})


def _free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    sockets = [socket.create_server((ADDRESS, 0)) for _ in range(count)]
    try:
        return [int(opened.getsockname()[1]) for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()
