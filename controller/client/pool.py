"""Open connections that wait for their next request."""

import asyncio
from collections import deque

from controller.client.connection import Connection
from controller.client.dialing import Endpoint, Resolved, dial

_IDLE_SECONDS = 30.0


class Pool:
    """Lends connections, the one used last first; without a bound, so that a lease renewal never queues behind other requests.

    A connection that waited for half a minute is closed: servers and load balancers close idle ones, and a request that meets that moment
    is lost.
    """

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved
        self._idle: dict[Endpoint, deque[Connection]] = {}
        self._lent: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self, endpoint: Endpoint) -> Connection:
        """A connection to this endpoint, an idle one or a new one. Raises CannotConnect."""
        waiting = self._idle.get(endpoint)
        while waiting:
            connection = waiting.pop()
            if connection.reusable:
                self._lent.add(connection)
                return connection
        connection = await dial(endpoint, self._resolved)
        if self._closed:
            connection.close()
        self._lent.add(connection)
        return connection

    def give_back(self, endpoint: Endpoint, connection: Connection) -> None:
        """The request is over, one way or the other: the connection waits for the next one, or is closed if it is not reusable."""
        self._lent.discard(connection)
        if self._closed or not connection.reusable:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(endpoint, deque()).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(_IDLE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        """Closes what has waited for too long, and looks again when the next one will have."""
        loop = asyncio.get_running_loop()
        self._sweep = None
        for endpoint, waiting in list(self._idle.items()):
            while waiting and waiting[0].idle_since <= loop.time() - _IDLE_SECONDS:
                waiting.popleft().close()
            if not waiting:
                del self._idle[endpoint]
        if self._idle:
            oldest = min(waiting[0].idle_since for waiting in self._idle.values())
            self._sweep = loop.call_at(oldest + _IDLE_SECONDS, self._close_idle)

    def close(self) -> None:
        """Closes all connections, those in use too."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in (*self._lent, *(one for waiting in self._idle.values() for one in waiting)):
            connection.close()
        self._idle.clear()
