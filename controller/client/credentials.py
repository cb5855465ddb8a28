"""The current credentials of a client, renewed in the background."""

import asyncio
import ssl
import time
from collections.abc import Callable

import structlog

from controller.client.config import ClientConfig
from controller.client.settings import ConfigError, Settings
from controller.client.sources import RENEWAL_SECONDS
from controller.client.tls import fingerprint, tls_context

_log = structlog.get_logger("controller.client")

_REFRESH_SECONDS = 60.0
_SHORTEST_SECONDS = 1.0
_REPORT_SECONDS = 600.0


class Credentials:
    """The authorization header and TLS context of a configuration.

    The source is asked again every minute, earlier if the credentials expire sooner, by one task in the background that requests do not
    wait for. They wait only after the server refused the credentials (401), each at most for its own time-out. A source that fails
    keeps the last credentials in force; the failure is logged, and is part of the error once the server refuses them.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._monotonic = monotonic
        self._now = now
        self._renewing: asyncio.Task[None] | None = None
        self._reported_at = float("-inf")
        self._fingerprint = ""
        self._context: ssl.SSLContext | None = None
        self.settings = config.settings
        self.problem = ""
        self._due = self._next_due()
        self._use_tls()

    @property
    def ssl(self) -> ssl.SSLContext | None:
        """The TLS context for ``https``; None for ``http``."""
        return self._context

    def current(self) -> Settings:
        """The settings to send a request with. Starts a renewal in the background when it is due."""
        if self._monotonic() >= self._due:
            self._renew()
        return self.settings

    async def renew(self, refused: Settings, seconds: float) -> bool:
        """The server refused these settings: waits up to ``seconds`` for others. Returns whether there may be others now.

        Settings can name the same files and yet prove something else, because the files were rewritten.
        """
        if self.settings is not refused:
            return True
        before = (refused.authorization, self._fingerprint)
        if self._renewing is None:
            self._config.reject()
        await asyncio.wait({self._renew()}, timeout=seconds)
        return (self.settings.authorization, self._fingerprint) != before

    async def close(self) -> None:
        """Ends a renewal in progress."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)

    def _renew(self) -> "asyncio.Task[None]":
        if self._renewing is None:
            self._due = self._monotonic() + _REFRESH_SECONDS
            self._renewing = asyncio.create_task(self._load(), name="credentials")
            self._renewing.add_done_callback(self._renewed)
        return self._renewing

    def _renewed(self, _: "asyncio.Task[None]") -> None:
        self._renewing = None

    async def _load(self) -> None:
        try:
            self.settings = await self._config.load()
            self._use_tls()
        except ConfigError as error:
            self.problem = str(error)
            self._report()
        else:
            self.problem = ""
            self._due = self._next_due()

    def _report(self) -> None:
        """One line for the first failure, and then at most one in ten minutes."""
        if self._monotonic() - self._reported_at >= _REPORT_SECONDS:
            self._reported_at = self._monotonic()
            _log.warning("The credentials could not be renewed; the last ones stay in use", error=self.problem)

    def _next_due(self) -> float:
        wait = _REFRESH_SECONDS
        if self.settings.expires_at is not None:
            life = self.settings.expires_at - self._now()
            wait = min(wait, max(_SHORTEST_SECONDS, life - min(RENEWAL_SECONDS, life / 4)))
        return self._monotonic() + wait

    def _use_tls(self) -> None:
        """A new context when something changed. Raises ConfigError, and keeps the old one, for files that cannot be used."""
        if not self.settings.host.startswith("https"):
            return
        current = fingerprint(self.settings)
        if current == self._fingerprint:
            return
        self._context = tls_context(self.settings)
        self._fingerprint = current
