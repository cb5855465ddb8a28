"""A headless Chromium, steered by its own protocol: pages as their readers get them."""

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The program. Skips where none is installed."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    return found


class Page:
    """One tab. ``problems`` collects errors of the console, exceptions of scripts, and requests that failed or left the site."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, origin: str) -> None:
        self._socket = socket
        self._origin = origin
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self.problems: list[str] = []

    async def read(self) -> None:
        """Takes what the browser says until the connection ends."""
        async for message in self._socket:
            said = message.json()
            if (answer := self._answers.pop(said.get("id"), None)) is not None:
                answer.set_result(said.get("result", {}))
            self._note(said.get("method", ""), said.get("params", {}))

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith((self._origin, "data:", "blob:")):
                self.problems.append(f"a request leaves the site: {url}")
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            self.problems.append(f"{params['response']['status']} {params['response']['url']}")

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """The browser's answer to a command."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        found: dict[str, Any] = await answer
        return found

    async def open(self, path: str, *, width: int) -> None:
        """Loads a page of the site in a window of this width."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self._loaded.clear()
        await self.send("Page.navigate", url=f"{self._origin}{path}")
        await self._loaded.wait()

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        answer = await self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


@contextlib.asynccontextmanager
async def browsing(origin: str) -> AsyncIterator[Page]:
    """A tab of a new browser whose pages come from ``origin``; both end in the end."""
    program = chromium()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
        process = await asyncio.create_subprocess_exec(
            *(program, *flags, "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(await _tab(session, Path(folder))) as socket,
            ):
                page = Page(socket, origin)
                reading = asyncio.create_task(page.read())
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await page.send(f"{domain}.enable")
                yield page
                reading.cancel()
        finally:
            process.terminate()
            await process.wait()


async def _tab(session: aiohttp.ClientSession, folder: Path) -> str:
    """The address of the browser's first tab, once there is one."""
    announced = folder / "DevToolsActivePort"
    while not (announced.exists() and announced.read_text().strip()):
        await asyncio.sleep(0.05)
    port = announced.read_text().splitlines()[0]
    while True:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            tabs = [tab for tab in await answer.json() if tab["type"] == "page"]
        if tabs:
            return str(tabs[0]["webSocketDebuggerUrl"])
        await asyncio.sleep(0.05)
