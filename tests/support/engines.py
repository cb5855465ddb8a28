"""A fake engine with its runtime sidecar, on two ports of one loopback address: it keeps real state, and can be made to misbehave.

Codes and bodies are those that vLLM 0.32.0 gave when it was run on a CPU, and what Kthena's sidecar made of them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Fault = Callable[[web.Request], Any]


ALREADY_LOADED = "The lora adapter '{}' has already been loaded. If you want to load the adapter in place, set 'load_inplace' to True."
BASE_MODEL = "The lora adapter '{}' conflicts with a served base model."
NO_ADAPTER = "Loading lora {} failed: No adapter found for {}"
NOT_LOADED = "The lora adapter '{}' cannot be found."
TYPES = {400: "InvalidUserInput", 404: "NotFoundError", 500: "InternalServerError"}


def engine_error(status: int, message: str) -> str:
    """The body with which the engine refuses."""
    return json.dumps({"error": {"message": message, "type": TYPES[status], "param": None, "code": status}})


def refusal(status: int, message: str) -> web.Response:
    """What the sidecar answers when the engine has refused."""
    return web.json_response({"detail": f"HTTP {status}: {engine_error(status, message)}"}, status=status)


def success(name: str, what: str) -> web.Response:
    """The engine's plain text in the sidecar's JSON."""
    return web.json_response({"message": f"Success: LoRA adapter '{name}' {what} successfully."})


def unauthorized() -> web.Response:
    """The engine asks for a key."""
    return web.json_response({"error": "Unauthorized"}, status=401)


class FakeEngine:
    """Loads and unloads adapters as vLLM behind the sidecar does.

    ``calls`` remembers every call as (operation, adapter); ``faults`` maps an operation (``list``, ``load``, ``unload``) to a coroutine
    function that answers in its place. Directories in ``empty`` hold no adapter.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.engine_port = 0
        self.runtime_port = 0
        self.loaded: dict[str, str] = {}
        self.empty: set[str] = set()
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
        entries = [_entry("base", "/cache/base", None)]
        entries += [_entry(name, root, "base") for name, root in self.loaded.items()]
        return web.json_response({"object": "list", "data": entries})

    async def load(self, request: web.Request) -> web.StreamResponse:
        """The sidecar downloads and lets the engine load; a name that is there is refused."""
        body = await request.json()
        name, directory = body["lora_name"], body["output_dir"]
        self.calls.append(("load", name))
        await self.gate.wait()
        if fault := self.faults.get("load"):
            return await fault(request)  # type: ignore[no-any-return]
        if name == "base":
            return refusal(400, BASE_MODEL.format(name))
        if name in self.loaded:
            return refusal(400, ALREADY_LOADED.format(name))
        if directory in self.empty:
            return refusal(404, NO_ADAPTER.format(name, directory))
        self.loaded[name] = directory
        return success(name, "added")

    async def unload(self, request: web.Request) -> web.StreamResponse:
        """The engine forgets it, or does not know it."""
        name = (await request.json())["lora_name"]
        self.calls.append(("unload", name))
        if fault := self.faults.get("unload"):
            return await fault(request)  # type: ignore[no-any-return]
        if self.loaded.pop(name, None) is None:
            return refusal(404, NOT_LOADED.format(name))
        return success(name, "removed")


def _entry(name: str, root: str, parent: str | None) -> dict[str, Any]:
    """A model of the list. An adapter's root is the directory that it was loaded from."""
    length = 4096 if parent is None else None
    entry = {"id": name, "object": "model", "created": 1764081000, "owned_by": "vllm", "root": root, "parent": parent}
    return {**entry, "max_model_len": length, "permission": []}


@asynccontextmanager
async def serving(address: str, engine_port: int, runtime_port: int) -> AsyncIterator[FakeEngine]:
    """A running engine at these ports; 0 is any free one."""
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
        engine.engine_port, engine.runtime_port = (runner.addresses[0][1] for runner in runners)
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
