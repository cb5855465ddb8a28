"""Faults between a client and an API server: a proxy that delays, freezes, edits, refuses or cuts what passes through it."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from controller.client import ClientConfig, static_config
from controller.envtest.embedded.fault_rules import FaultRules, SeenRequest
from controller.meta import jsonio

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


def event_of(type_: str, name: str) -> Callable[[dict[str, Any]], bool]:
    """Matches watch events of this type about an object of this name."""
    return lambda event: event["type"] == type_ and event["object"].get("metadata", {}).get("name") == name


class FaultProxy(FaultRules):
    """An async context manager that forwards every request to ``upstream``, except where a fault in force matches.

    Each fault is a context manager: it is in force until its block ends. ``requests`` lists all requests that arrived, including those
    that the proxy answered itself. Give ``config`` to the client under test::

        async with FaultProxy(environment.config) as proxy, await Client.connect(proxy.config) as client:
            with proxy.freezing(matching("WATCH", "/pods")):
                ...  # watches of pods are silent
    """

    def __init__(self, upstream: ClientConfig) -> None:
        super().__init__()
        self._upstream = upstream.settings
        self._port = 0

    async def __aenter__(self) -> Self:
        self._tls = ssl.create_default_context(cafile=self._upstream.ca_file) if self._upstream.ca_file else True
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()
        await self._session.close()

    @property
    def url(self) -> str:
        """The address on which the proxy listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def config(self) -> ClientConfig:
        """A client configuration for the proxy, with the credentials of ``upstream``."""
        return static_config(self.url, token=self._upstream.authorization.removeprefix("Bearer "))

    @contextlib.asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Reset all connections and refuse new ones until the block ends."""
        await self._close()
        try:
            yield
        finally:
            await self._listen()

    async def _listen(self) -> None:
        application = web.Application(client_max_size=1 << 24)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _close(self) -> None:
        self.cut()
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        with self.arrived(request) as (seen, transport):
            try:
                body = await request.read()
                await self.hold(seen)
                answer = self.answer(seen)
                return answer if answer is not None else await self._forward(request, seen, body)
            except (aiohttp.ClientError, ConnectionError):
                transport.abort()
                raise

    async def _forward(self, request: web.Request, seen: SeenRequest, body: bytes) -> web.StreamResponse:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP_BY_HOP}
        headers["Accept-Encoding"] = "identity"
        url = f"{self._upstream.host}{request.raw_path}"
        limits = aiohttp.ClientTimeout(total=None)
        async with self._session.request(
            request.method,
            URL(url, encoded=True),
            data=body or None,  # an empty body would get a Content-Type, which /version refuses
            headers=headers,
            ssl=self._tls,
            timeout=limits,
        ) as answer:
            kept = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            pieces = self._events(answer, seen) if seen.verb == "WATCH" else answer.content.iter_any()
            async for piece in pieces:
                await self.hold(seen)
                await response.write(piece)
            return response

    async def _events(self, answer: aiohttp.ClientResponse, seen: SeenRequest) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                edited = self._edited_line(line, seen)
                if edited:
                    yield edited + b"\n"
        if rest:
            yield rest

    def _edited_line(self, line: bytes, seen: SeenRequest) -> bytes:
        if not line.strip() or not any(matches(seen) for matches, _ in self._edits):
            return line
        event = self.edited(seen, jsonio.loads(line))
        return b"" if event is None else jsonio.dumps(event)
