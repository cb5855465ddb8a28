"""A fake engine with its runtime sidecar, on two ports of one loopback address: it keeps real state, and can be made to misbehave.

At its paths below /v1 it answers what a real vLLM answered on a CPU, word for word: ``engine_answers/``, written by ``make engine-check
ARGS=--write``. The sidecar answers what Kthena's makes of that. The paths without /v1 are those of SGLang, whose answers are JSON.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

Fault = Callable[[web.Request], Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RECORDED = json.loads((Path(__file__).parent / "engine_answers" / "vllm-0.32.0.json").read_text(encoding="utf-8"))
ANSWERS: dict[str, dict[str, Any]] = RECORDED["answers"]


def recorded(answer: str, **words: str) -> web.Response:
    """An answer of the real engine, with these texts for its placeholders."""
    found = ANSWERS[answer]
    headers = {"Content-Type": found["content_type"]} if found["content_type"] else {}
    return web.Response(status=found["status"], body=_filled(found["body"], words).encode(), headers=headers)


def words_of(answer: str, **words: str) -> str:
    """The message inside a recorded refusal."""
    return str(json.loads(_filled(ANSWERS[answer]["body"], words))["error"]["message"])


def _filled(text: str, words: dict[str, str]) -> str:
    for placeholder, word in words.items():
        text = text.replace(f"{{{placeholder}}}", word)
    return text


def by_sidecar(answer: web.Response) -> web.Response:
    """What the sidecar makes of the engine's answer."""
    text = bytes(answer.body or b"").decode()  # type: ignore[arg-type] # a body of bytes, as `recorded` makes it
    if answer.status >= 400:
        return web.json_response({"detail": f"HTTP {answer.status}: {text}"}, status=answer.status)
    try:
        return web.json_response(json.loads(text))
    except ValueError:
        return web.json_response({"message": text})


class FakeEngine:
    """Loads and unloads adapters as vLLM and SGLang do, behind a sidecar or without it.

    ``calls`` remembers every call as (operation, adapter), a download as (download, directory); ``faults`` maps an operation (``list``,
    ``load``, ``unload``, ``download``) to a coroutine function that answers in its place. Directories in ``empty`` hold no adapter. ``key``
    is needed for the list, ``admin_key`` for changes.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.engine_port = 0
        self.runtime_port = 0
        self.loaded: dict[str, str] = {}
        self.empty: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.faults: dict[str, Fault] = {}
        self.key: str | None = None
        self.admin_key: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    def restart(self) -> None:
        """A restarted engine has forgotten everything."""
        self.loaded.clear()

    async def models(self, request: web.Request) -> web.StreamResponse:
        """The engine's own list."""
        if not _has(request, self.key):
            return recorded("unauthorized")
        if fault := self.faults.get("list"):
            return await fault(request)  # type: ignore[no-any-return]
        listed = json.loads(_filled(ANSWERS["list"]["body"], {"base": "base", "model": "/cache/base"}))
        base, adapter = listed["data"]
        entries = [{**adapter, "id": name, "root": root} for name, root in self.loaded.items()]
        return web.json_response({**listed, "data": [base, *entries]})

    async def load(self, request: web.Request) -> web.Response:
        """Loads from the directory; a name that is there is refused."""
        body = await request.json()
        name, directory = body["lora_name"], body.get("output_dir") or body["lora_path"]
        self.calls.append(("load", name))
        await self.gate.wait()
        if fault := self.faults.get("load"):
            return await fault(request)  # type: ignore[no-any-return]
        refusal = "base-model" if name == "base" else "loaded-twice" if name in self.loaded else ""
        refusal = refusal or ("no-adapter" if directory in self.empty else "")
        if refusal:
            return recorded(refusal, name=name, path=directory, base="base")
        self.loaded[name] = directory
        return recorded("loaded", name=name)

    async def unload(self, request: web.Request) -> web.Response:
        """The engine forgets it, or does not know it."""
        name = (await request.json())["lora_name"]
        self.calls.append(("unload", name))
        if fault := self.faults.get("unload"):
            return await fault(request)  # type: ignore[no-any-return]
        known = self.loaded.pop(name, None) is not None
        return recorded("unloaded" if known else "not-loaded", name=name)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The sidecar fetches the files and does nothing else."""
        directory = (await request.json())["output_dir"]
        self.calls.append(("download", directory))
        if fault := self.faults.get("download"):
            return await fault(request)  # type: ignore[no-any-return]
        return web.json_response({"status": "completed", "output_dir": directory})

    def sidecar(self, handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
        """The handler behind the sidecar, which sends no key."""

        async def forwarded(request: web.Request) -> web.StreamResponse:
            if self.admin_key is not None:
                return by_sidecar(recorded("unauthorized"))
            answer = await handler(request)
            return answer if self.faults else by_sidecar(answer)

        return forwarded

    def direct(self, handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
        """The handler at the engine's own port: by vLLM's paths with its words, by SGLang's with JSON."""

        async def called(request: web.Request) -> web.StreamResponse:
            if not _has(request, self.admin_key):
                return recorded("unauthorized")
            answer = await handler(request)
            if self.faults or request.path.startswith("/v1/"):
                return answer
            text = bytes(answer.body or b"").decode()  # type: ignore[arg-type] # as above
            message = "" if answer.status == 200 else json.loads(text)["error"]["message"]
            body = {"success": not message, "error_message": message, "loaded_adapters": self.loaded}
            return web.json_response(body, status=400 if message else 200)

        return called


def _has(request: web.Request, key: str | None) -> bool:
    return key is None or request.headers.get("Authorization") == f"Bearer {key}"


@asynccontextmanager
async def serving(address: str, engine_port: int, runtime_port: int) -> AsyncIterator[FakeEngine]:
    """A running engine at these ports; 0 is any free one."""
    engine = FakeEngine(address)
    own, sidecar = web.Application(), web.Application()
    own.router.add_get("/v1/models", engine.models)
    for operation, handler in (("load", engine.load), ("unload", engine.unload)):
        sidecar.router.add_post(f"/v1/{operation}_lora_adapter", engine.sidecar(handler))
        for prefix in ("", "/v1"):
            own.router.add_post(f"{prefix}/{operation}_lora_adapter", engine.direct(handler))
    sidecar.router.add_post("/v1/download_model", engine.download)
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
