"""Faults of an API server, switched on for a while by a test: slow, lost, refused and torn answers, silent watches, forgotten history.

Each fault is a context manager and takes a matcher, which ``matching`` makes. Outside of all faults the server is healthy.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from controller.meta import jsonio
from controller.meta.errors import Conflict, StatusError, TooManyRequests, to_status

_ALWAYS = 10**9


@dataclass(frozen=True, slots=True)
class Seen:
    """One request. The verb of a GET that follows a collection is WATCH."""

    verb: str
    path: str
    query: dict[str, str]
    agent: str


Matcher = Callable[[Seen], bool]
Event = dict[str, Any]
Edit = Callable[[Event], Event | None]


def matching(verb: str = "", path: str = "", agent: str = "") -> Matcher:
    """Requests of this verb whose path and User-Agent contain these texts; the empty text matches all."""
    return lambda seen: verb in ("", seen.verb) and path in seen.path and agent in seen.agent


ANYTHING = matching()


class Faults:
    """The faults in force. ``requests`` lists what arrived, also what was answered by a fault."""

    def __init__(self, compact: Callable[[], None]) -> None:
        self.requests: list[Seen] = []
        self._compact = compact
        self._answers: list[tuple[Matcher, Callable[[], web.Response]]] = []
        self._delays: list[tuple[Matcher, float]] = []
        self._frozen: list[tuple[Matcher, asyncio.Event]] = []
        self._edits: list[tuple[Matcher, Edit]] = []
        self._losses: list[tuple[Matcher, Callable[[], bool]]] = []
        self._tears: list[tuple[Matcher, Callable[[], bool]]] = []
        self._open: set[asyncio.Transport] = set()

    def count(self, matches: Matcher) -> int:
        """The number of such requests that arrived."""
        return sum(map(matches, self.requests))

    @contextlib.contextmanager
    def answering(
        self,
        matches: Matcher,
        status: int,
        *,
        body: bytes = b"",
        retry_after: float | None = None,
        times: int = _ALWAYS,
    ) -> Iterator[None]:
        """Such requests get this answer and have no effect, the first ``times`` of them."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        left = _first(times)

        def answer() -> web.Response:
            kind = "application/json" if body.startswith(b"{") else "text/plain"
            return web.Response(status=status, body=body, headers=headers, content_type=kind)

        with _in_force(self._answers, (lambda seen: matches(seen) and left(), answer)):
            yield

    @contextlib.contextmanager
    def conflicting(self, matches: Matcher, times: int = 1) -> Iterator[None]:
        """The first ``times`` such requests get 409 Conflict and have no effect."""
        error = Conflict("Operation cannot be fulfilled: the object has been modified")
        with self.answering(matches, 409, body=_body(error), times=times):
            yield

    @contextlib.contextmanager
    def throttling(self, matches: Matcher, retry_after: float = 1, times: int = _ALWAYS) -> Iterator[None]:
        """Such requests get 429 with ``Retry-After`` in seconds and have no effect, the first ``times`` of them."""
        error = TooManyRequests("too many requests, please try again later")
        with self.answering(matches, 429, body=_body(error), retry_after=retry_after, times=times):
            yield

    @contextlib.contextmanager
    def delaying(self, matches: Matcher, seconds: float) -> Iterator[None]:
        """Such requests wait before they take effect, and so does every event of such watches."""
        with _in_force(self._delays, (matches, seconds)):
            yield

    @contextlib.contextmanager
    def freezing(self, matches: Matcher = ANYTHING) -> Iterator[None]:
        """Nothing more is sent to such requests, neither an answer nor the rest of one, until the end."""
        thawed = asyncio.Event()
        try:
            with _in_force(self._frozen, (matches, thawed)):
                yield
        finally:
            thawed.set()

    @contextlib.contextmanager
    def editing(self, matches: Matcher, edit: Edit) -> Iterator[None]:
        """The events of such watches arrive as ``edit`` returns them; None drops one."""
        with _in_force(self._edits, (matches, edit)):
            yield

    @contextlib.contextmanager
    def dropping(self, matches: Matcher, event: Callable[[Event], bool]) -> Iterator[None]:
        """Such events of such watches never arrive."""
        with self.editing(matches, lambda seen: None if event(seen) else seen):
            yield

    @contextlib.contextmanager
    def losing(self, matches: Matcher, times: int = 1) -> Iterator[None]:
        """The first ``times`` such requests take effect, and their connection is reset in place of an answer."""
        with _in_force(self._losses, (matches, _first(times))):
            yield

    @contextlib.contextmanager
    def tearing(self, matches: Matcher, times: int = 1) -> Iterator[None]:
        """The next ``times`` events of such watches end in the middle of their line, and the connection is reset."""
        with _in_force(self._tears, (matches, _first(times))):
            yield

    def cut(self) -> None:
        """Resets every open connection."""
        for transport in list(self._open):
            transport.abort()

    def compact(self) -> None:
        """Forgets the history: watches and continued lists of earlier versions get 410."""
        self._compact()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Lets the faults act on a request."""
        seen = _seen(request)
        self.requests.append(seen)
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            raise ConnectionResetError("the client is gone")
        self._open.add(transport)
        try:
            await self._hold(seen)
            for matches, answer in self._answers:
                if matches(seen):
                    return answer()
            response: web.StreamResponse = await handler(request)
            if any(matches(seen) and left() for matches, left in self._losses):
                transport.abort()
            return response
        finally:
            self._open.discard(transport)

    async def _hold(self, seen: Seen) -> None:
        for matches, seconds in list(self._delays):
            if matches(seen):
                await asyncio.sleep(seconds)
        for matches, thawed in list(self._frozen):
            if matches(seen):
                await thawed.wait()

    @property
    def touch_events(self) -> bool:
        """Whether a fault is in force that concerns the events of watches."""
        return bool(self._delays or self._frozen or self._edits or self._tears)

    async def event(self, request: web.Request, event: Event) -> tuple[Event | None, bool]:
        """The event as the watch is to see it, None for none, and whether its line is torn."""
        seen = _seen(request)
        await self._hold(seen)
        edited: Event | None = event
        for matches, edit in list(self._edits):
            if edited is not None and matches(seen):
                edited = edit(edited)
        return edited, any(matches(seen) and left() for matches, left in self._tears)


def _seen(request: web.Request) -> Seen:
    is_watch = request.query.get("watch", "") in ("1", "true")
    verb = "WATCH" if is_watch else request.method
    return Seen(verb, request.path, dict(request.query), request.headers.get("User-Agent", ""))


def _body(error: StatusError) -> bytes:
    return jsonio.dumps(to_status(error))


def _first(times: int) -> Callable[[], bool]:
    """True for the first so many calls."""
    left = iter(range(times))
    return lambda: next(left, None) is not None


@contextlib.contextmanager
def _in_force(rules: list[Any], rule: object) -> Iterator[None]:
    rules.append(rule)
    try:
        yield
    finally:
        rules.remove(rule)
