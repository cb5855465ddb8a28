"""What Kthena's runtime sidecar does with adapters, without a hub: "downloads" are copies of the tiny adapters, everything else goes to the engine."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web


@asynccontextmanager
async def sidecar(engine: str, weights: Path) -> AsyncIterator[int]:
    """A running sidecar of the engine at this URL; yields its port. A source ``tiny://NAME`` is the folder of this name in ``weights``."""
    async with aiohttp.ClientSession() as http:

        async def forwarded(path: str, body: dict[str, Any]) -> web.Response:
            async with http.post(f"{engine}{path}", json=body) as answer:
                text = await answer.text()
            if answer.status >= 400:
                return web.json_response({"detail": f"HTTP {answer.status}: {text}"}, status=answer.status)
            return web.json_response({"message": text})

        async def load(request: web.Request) -> web.Response:
            body = await request.json()
            download(body)
            return await forwarded(request.path, {"lora_name": body["lora_name"], "lora_path": body["output_dir"]})

        async def fetch(request: web.Request) -> web.Response:
            download(await request.json())
            return web.json_response({"status": "completed"})

        async def unload(request: web.Request) -> web.Response:
            return await forwarded(request.path, await request.json())

        def download(body: dict[str, Any]) -> None:
            folder = weights / body["source"].removeprefix("tiny://")
            if folder.exists():
                shutil.copytree(folder, body["output_dir"], dirs_exist_ok=True)

        application = web.Application()
        application.router.add_post("/v1/load_lora_adapter", load)
        application.router.add_post("/v1/unload_lora_adapter", unload)
        application.router.add_post("/v1/download_model", fetch)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()
