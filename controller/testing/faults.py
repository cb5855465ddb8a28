"""Faults between a client and an API server: a proxy that delays, freezes, edits, refuses or cuts what passes through it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from controller.client import ClientConfig, static_config
from controller.meta import jsonio

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request, as it arrived at ``at`` seconds of the loop's clock. The verb of a watch is WATCH."""

    verb: str
    path: str
    query: dict[str, str]
    agent: str
    at: float


Matcher = Callable[[SeenRequest], bool]
Edit = Callable[[dict[str, Any]], dict[str, Any] | None]


def matching(verb: str = "", path: str = "", agent: str = "") -> Matcher:
    """Matches requests of this verb whose path and User-Agent contain these texts; the empty text matches all."""
    return lambda seen: verb in ("", seen.verb) and path in seen.path and agent in seen.agent


ANYTHING = matching()


def event_of(type_: str, name: str) -> Callable[[dict[str, Any]], bool]:
    """Matches watch events of this type about an object of this name."""
    return lambda event: event["type"] == type_ and event["object"].get("metadata", {}).get("name") == name


class FaultProxy:
    """An async context manager that forwards every request to ``upstream``, except where a fault in force matches.

    Each fault is a context manager: it is in force until its block ends. ``requests`` lists all requests that arrived, including those
    that the proxy answered itself. Give ``config`` to the client under test::

        async with FaultProxy(environment.config) as proxy, await Client.connect(proxy.config) as client:
            with proxy.freezing(matching("WATCH", "/pods")):
                ...  # watches of pods are silent
    """

    def __init__(self, upstream: ClientConfig) -> None:
        self._upstream = upstream.settings
        self.requests: list[SeenRequest] = []
        self._answers: list[tuple[Matcher, Callable[[], web.Response]]] = []
        self._delays: list[tuple[Matcher, float]] = []
        self._frozen: list[tuple[Matcher, asyncio.Event]] = []
        self._edits: list[tuple[Matcher, Edit]] = []
        self._open: set[asyncio.Transport] = set()
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

    def count(self, matches: Matcher) -> int:
        """The number of matching requests that arrived."""
        return sum(map(matches, self.requests))

    @contextlib.contextmanager
    def answering(
        self, matches: Matcher, status: int, *, body: bytes = b"", retry_after: float | None = None, times: int = 10**9
    ) -> Iterator[None]:
        """Answer the first ``times`` matching requests like this, without asking the server."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        left = iter(range(times))

        def answer() -> web.Response:
            return web.Response(status=status, body=body, headers=headers)

        rule = (lambda seen: matches(seen) and next(left, None) is not None, answer)
        with _in_force(self._answers, rule):
            yield

    @contextlib.contextmanager
    def delaying(self, matches: Matcher, seconds: float) -> Iterator[None]:
        """Delay matching requests, and every piece of their answers, by ``seconds``."""
        with _in_force(self._delays, (matches, seconds)):
            yield

    @contextlib.contextmanager
    def freezing(self, matches: Matcher = ANYTHING) -> Iterator[None]:
        """Accept matching requests but send nothing to them, neither an answer nor the rest of one, until the block ends."""
        thawed = asyncio.Event()
        try:
            with _in_force(self._frozen, (matches, thawed)):
                yield
        finally:
            thawed.set()

    @contextlib.contextmanager
    def editing(self, matches: Matcher, edit: Edit) -> Iterator[None]:
        """Replace the events of matching watches by what ``edit`` returns for them; None drops an event."""
        with _in_force(self._edits, (matches, edit)):
            yield

    @contextlib.contextmanager
    def dropping(self, matches: Matcher, event: Callable[[dict[str, Any]], bool]) -> Iterator[None]:
        """Drop the events of matching watches for which ``event`` returns true."""
        with self.editing(matches, lambda seen: None if event(seen) else seen):
            yield

    def cut(self) -> None:
        """Reset all open connections."""
        for transport in list(self._open):
            transport.abort()

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
        watch = request.query.get("watch") in ("true", "1")
        agent = request.headers.get("User-Agent", "")
        seen = SeenRequest(
            "WATCH" if watch else request.method,
            request.path,
            dict(request.query),
            agent,
            asyncio.get_running_loop().time(),
        )
        self.requests.append(seen)
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        self._open.add(transport)
        try:
            body = await request.read()
            await self._hold(seen)
            for matches, answer in self._answers:
                if matches(seen):
                    return answer()
            return await self._forward(request, seen, body)
        except (aiohttp.ClientError, ConnectionError):
            transport.abort()
            raise
        finally:
            self._open.discard(transport)

    async def _hold(self, seen: SeenRequest) -> None:
        for matches, seconds in self._delays:
            if matches(seen):
                await asyncio.sleep(seconds)
        for matches, thawed in list(self._frozen):
            if matches(seen):
                await thawed.wait()

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
                await self._hold(seen)
                await response.write(piece)
            return response

    async def _events(self, answer: aiohttp.ClientResponse, seen: SeenRequest) -> AsyncIterator[bytes]:
        rest = b""
        async for chunk in answer.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                edited = self._edited(line, seen)
                if edited:
                    yield edited + b"\n"
        if rest:
            yield rest

    def _edited(self, line: bytes, seen: SeenRequest) -> bytes:
        edits = [edit for matches, edit in self._edits if matches(seen)]
        if not edits or not line.strip():
            return line
        event: dict[str, Any] | None = jsonio.loads(line)
        for edit in edits:
            if event is not None:
                event = edit(event)
        return b"" if event is None else jsonio.dumps(event)


@contextlib.contextmanager
def _in_force(rules: list[Any], rule: object) -> Iterator[None]:
    rules.append(rule)
    try:
        yield
    finally:
        rules.remove(rule)
