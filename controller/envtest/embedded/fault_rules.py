"""Faults in force: which requests a fault matches, how long it lasts, and the faults that a server and a proxy share.

Each fault is a context manager: it is in force until its block ends.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from controller.meta import jsonio
from controller.meta.errors import Conflict, StatusError, TooManyRequests, to_status

ALWAYS = 10**9
"""Times that no test reaches."""

_MOST_REQUESTS = 100_000  # Of a server that runs for days the older half is forgotten.


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request, as it arrived at ``at`` seconds of the loop's clock. The verb of a GET that follows a collection is WATCH."""

    verb: str
    path: str
    query: dict[str, str]
    agent: str
    at: float

    @classmethod
    def of(cls, request: web.Request) -> "SeenRequest":
        """The request that is arriving now."""
        is_watch = request.query.get("watch", "") in ("1", "true")
        verb = "WATCH" if is_watch else request.method
        agent = request.headers.get("User-Agent", "")
        return cls(verb, request.path, dict(request.query), agent, asyncio.get_running_loop().time())


Matcher = Callable[[SeenRequest], bool]
Event = dict[str, Any]
Edit = Callable[[Event], Event | None]


def matching(verb: str = "", path: str = "", agent: str = "") -> Matcher:
    """Matches requests of this verb whose path and User-Agent contain these texts; the empty text matches all."""
    return lambda seen: verb in ("", seen.verb) and path in seen.path and agent in seen.agent


ANYTHING = matching()


class FaultRules:
    """The faults in force. ``requests`` lists all requests that arrived, including those that a fault answered."""

    def __init__(self) -> None:
        self.requests: list[SeenRequest] = []
        self._answers: list[tuple[Matcher, Callable[[], web.Response]]] = []
        self._delays: list[tuple[Matcher, float]] = []
        self._frozen: list[tuple[Matcher, asyncio.Event]] = []
        self._edits: list[tuple[Matcher, Edit]] = []
        self._open: set[asyncio.Transport] = set()

    def count(self, matches: Matcher) -> int:
        """The number of matching requests that arrived."""
        return sum(map(matches, self.requests))

    @contextlib.contextmanager
    def answering(
        self,
        matches: Matcher,
        status: int,
        *,
        body: bytes = b"",
        retry_after: float | None = None,
        times: int = ALWAYS,
    ) -> Iterator[None]:
        """The first ``times`` matching requests get this answer and have no effect."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        left = first(times)

        def answer() -> web.Response:
            kind = "application/json" if body.startswith(b"{") else "text/plain"
            return web.Response(status=status, body=body, headers=headers, content_type=kind)

        with in_force(self._answers, (lambda seen: matches(seen) and left(), answer)):
            yield

    @contextlib.contextmanager
    def conflicting(self, matches: Matcher, times: int = 1) -> Iterator[None]:
        """The first ``times`` matching requests get 409 Conflict and have no effect."""
        error = Conflict("Operation cannot be fulfilled: the object has been modified")
        with self.answering(matches, 409, body=_body(error), times=times):
            yield

    @contextlib.contextmanager
    def throttling(self, matches: Matcher, retry_after: float = 1, times: int = ALWAYS) -> Iterator[None]:
        """The first ``times`` matching requests get 429 with ``Retry-After`` in seconds and have no effect."""
        error = TooManyRequests("too many requests, please try again later")
        with self.answering(matches, 429, body=_body(error), retry_after=retry_after, times=times):
            yield

    @contextlib.contextmanager
    def delaying(self, matches: Matcher, seconds: float) -> Iterator[None]:
        """Matching requests wait for ``seconds`` before they take effect, and so does every event of matching watches."""
        with in_force(self._delays, (matches, seconds)):
            yield

    @contextlib.contextmanager
    def freezing(self, matches: Matcher = ANYTHING) -> Iterator[None]:
        """Nothing is sent to matching requests until the block ends, neither an answer nor the rest of one."""
        thawed = asyncio.Event()
        try:
            with in_force(self._frozen, (matches, thawed)):
                yield
        finally:
            thawed.set()

    @contextlib.contextmanager
    def editing(self, matches: Matcher, edit: Edit) -> Iterator[None]:
        """The events of matching watches arrive as ``edit`` returns them; None drops one."""
        with in_force(self._edits, (matches, edit)):
            yield

    @contextlib.contextmanager
    def dropping(self, matches: Matcher, event: Callable[[Event], bool]) -> Iterator[None]:
        """The events of matching watches for which ``event`` returns true never arrive."""
        with self.editing(matches, lambda seen: None if event(seen) else seen):
            yield

    def cut(self) -> None:
        """Resets every open connection."""
        for transport in list(self._open):
            transport.abort()

    @contextlib.contextmanager
    def arrived(self, request: web.Request) -> Iterator[tuple[SeenRequest, asyncio.Transport]]:
        """Notes the request, and its connection until the answer is sent. Raises ConnectionResetError when the client is gone."""
        seen = SeenRequest.of(request)
        self.requests.append(seen)
        if len(self.requests) > _MOST_REQUESTS:
            del self.requests[: _MOST_REQUESTS // 2]
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            raise ConnectionResetError("the client is gone")
        self._open.add(transport)
        try:
            yield seen, transport
        finally:
            self._open.discard(transport)

    def answer(self, seen: SeenRequest) -> web.Response | None:
        """The answer that a fault gives to the request, or None."""
        return next((answer() for matches, answer in self._answers if matches(seen)), None)

    async def hold(self, seen: SeenRequest) -> None:
        """Returns when the delays for the request are over and it is not frozen."""
        for matches, seconds in list(self._delays):
            if matches(seen):
                await asyncio.sleep(seconds)
        for matches, thawed in list(self._frozen):
            if matches(seen):
                await thawed.wait()

    def edited(self, seen: SeenRequest, event: Event) -> Event | None:
        """The event as the watch receives it, or None if it is dropped."""
        current: Event | None = event
        for matches, edit in list(self._edits):
            if current is not None and matches(seen):
                current = edit(current)
        return current


def _body(error: StatusError) -> bytes:
    return jsonio.dumps(to_status(error))


def first(times: int) -> Callable[[], bool]:
    """True for the first ``times`` calls."""
    left = iter(range(times))
    return lambda: next(left, None) is not None


@contextlib.contextmanager
def in_force(rules: list[Any], rule: object) -> Iterator[None]:
    """The rule is one of the rules until the block ends."""
    rules.append(rule)
    try:
        yield
    finally:
        rules.remove(rule)
