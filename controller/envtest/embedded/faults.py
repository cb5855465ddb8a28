"""Faults of the embedded API server, switched on for a while by a test.

Slow, lost, refused and torn answers, silent watches, forgotten history. Outside of all faults the server is healthy.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web

from controller.envtest.embedded.fault_rules import Event, FaultRules, Matcher, SeenRequest, first, in_force


class Faults(FaultRules):
    """The faults that a server can have: those of ``FaultRules``, and those that only a server can stage."""

    def __init__(self, compact: Callable[[], None]) -> None:
        super().__init__()
        self._compact = compact
        self._losses: list[tuple[Matcher, Callable[[], bool]]] = []
        self._tears: list[tuple[Matcher, Callable[[], bool]]] = []

    @contextlib.contextmanager
    def losing(self, matches: Matcher, times: int = 1) -> Iterator[None]:
        """The first ``times`` matching requests take effect, and their connection is reset in place of an answer."""
        with in_force(self._losses, (matches, first(times))):
            yield

    @contextlib.contextmanager
    def tearing(self, matches: Matcher, times: int = 1) -> Iterator[None]:
        """The next ``times`` events of matching watches end in the middle of their line, and the connection is reset."""
        with in_force(self._tears, (matches, first(times))):
            yield

    def compact(self) -> None:
        """Forgets the history: watches and continued lists of earlier versions get 410."""
        self._compact()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Lets the faults act on a request."""
        with self.arrived(request) as (seen, transport):
            await self.hold(seen)
            if (answer := self.answer(seen)) is not None:
                return answer
            response: web.StreamResponse = await handler(request)
            if any(matches(seen) and left() for matches, left in self._losses):
                transport.abort()
            return response

    @property
    def touch_events(self) -> bool:
        """Whether a fault is in force that concerns the events of watches."""
        return bool(self._delays or self._frozen or self._edits or self._tears)

    async def event(self, request: web.Request, event: Event) -> tuple[Event | None, bool]:
        """The event as the watch is to see it, None for none, and whether its line is torn."""
        seen = SeenRequest.of(request)
        await self.hold(seen)
        edited = self.edited(seen, event)
        return edited, any(matches(seen) and left() for matches, left in self._tears)
