"""The manager's view of leader election: with a lease, or without one as a process that always leads."""

import asyncio
import socket
from collections.abc import Callable

import structlog

from controller.client import Client
from controller.leaderelection import LeaderElectionConfig, LeaderElector, LeaderMetrics
from controller.meta.errors import ApiError

_log = structlog.get_logger("controller.runtime")

_RELEASE_SECONDS = 3.0
"""Time to release the lease; then it expires by itself."""


class LostLease(Exception):
    """The lease was lost. Another process may lead by now, so this one stopped writing and ended."""


class Leadership:
    """Whether this process leads, and its identity. ``on_lost`` is called with the failure when the lease is lost."""

    def __init__(
        self,
        client: Client,
        config: LeaderElectionConfig | None,
        metrics: LeaderMetrics,
        on_lost: Callable[[LostLease], None],
    ) -> None:
        self.identity = config.identity if config is not None else socket.gethostname()
        self._won = asyncio.Event()
        self._elector: LeaderElector | None = None
        if config is None:
            self._won.set()
            return
        lost = LostLease(f"The lease {config.namespace}/{config.name} was lost.")
        self._elector = LeaderElector(
            client, config, on_started=self._won.set, on_lost=lambda: on_lost(lost), metrics=metrics
        )

    @property
    def is_elected(self) -> bool:
        """Whether there is an election, and not just a process that always leads."""
        return self._elector is not None

    def client(self, client: Client) -> Client:
        """The client, refusing writes while this process does not lead."""
        return client if self._elector is None else client.with_guard(self._elector.guard)

    def guard(self) -> None:
        """Raises NotLeader unless this process may write now."""
        if self._elector is not None:
            self._elector.guard()

    def check(self) -> str | None:
        """For a health probe: the problem, if the lease is held and its renewal is overdue; else None."""
        return None if self._elector is None else self._elector.check()

    async def run(self) -> None:
        """Take part in the election until cancelled."""
        if self._elector is not None:
            await self._elector.run()
        await asyncio.Event().wait()

    async def wait(self) -> None:
        """Return once this process leads."""
        await self._won.wait()

    async def release(self) -> None:
        """Release the lease, if this process holds it; a failure is logged, and the lease then expires."""
        if self._elector is None or not self._won.is_set():
            return
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._elector.release()
        except (ApiError, TimeoutError) as error:
            _log.warning("The lease could not be released and will expire", error=str(error))
