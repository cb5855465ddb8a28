"""One HTTP implementation: connections, time-outs, credentials, the client's own rate limit, and retries of single requests."""

import asyncio
import errno
import os
import random
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import tenacity
from aiohttp.abc import ResolveResult
from multidict import CIMultiDict
from yarl import URL

from controller.client.config import ClientConfig
from controller.client.credentials import Credentials
from controller.client.requests import HttpRequest
from controller.client.wire import LineReader
from controller.meta.errors import StatusError, TransportError, Unauthorized, is_transient, status_error

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 30.0
_ATTEMPTS = 4
_LONGEST_WAIT = 10.0
_guard: ContextVar[Callable[[], None] | None] = ContextVar("guard", default=None)


class RequestMetrics(Protocol):
    """Told of every request; ``code`` is None when there was no answer. Durations are seconds."""

    def request(self, method: str, host: str, code: int | None, seconds: float) -> None:
        """An attempt is over."""

    def retry(self, method: str, host: str, code: int | None) -> None:
        """The request is sent again, after ``code``."""

    def waited(self, method: str, host: str, seconds: float) -> None:
        """The request waited for the client's own rate limit."""

    def sizes(self, method: str, host: str, request: int, response: int) -> None:
        """Bytes sent and received."""

    def resolved(self, host: str, seconds: float) -> None:
        """The address of a host was looked up."""


class NoMetrics:
    """Counts nothing."""

    def request(self, method: str, host: str, code: int | None, seconds: float) -> None: ...  # noqa: D102
    def retry(self, method: str, host: str, code: int | None) -> None: ...  # noqa: D102
    def waited(self, method: str, host: str, seconds: float) -> None: ...  # noqa: D102
    def sizes(self, method: str, host: str, request: int, response: int) -> None: ...  # noqa: D102
    def resolved(self, host: str, seconds: float) -> None: ...  # noqa: D102


@dataclass(slots=True)
class RateLimit:
    """A bucket that refills with ``qps`` tokens a second up to ``burst``; a ``qps`` of 0 never waits."""

    qps: float
    burst: int
    _free_at: float = 0.0

    def reserve(self, now: float) -> float:
        """Takes a token; returns the seconds until it may be used."""
        if self.qps <= 0:
            return 0.0
        interval = 1.0 / self.qps
        self._free_at = max(self._free_at, now - interval * (max(self.burst, 1) - 1)) + interval
        return max(0.0, self._free_at - interval - now)


class Transport:
    """Sends requests and opens streams. Watches use connections of their own, so that they never starve requests."""

    def __init__(self, config: ClientConfig, *, metrics: RequestMetrics | None = None) -> None:
        self.config = config
        self.metrics: RequestMetrics = metrics or NoMetrics()
        self._credentials = Credentials(config)
        self._limit = RateLimit(config.qps, config.burst)
        self._base = URL(config.host)
        self._host = self._base.host_port_subcomponent or ""
        self._requests = self._session()
        self._watches = self._session()

    def _session(self) -> aiohttp.ClientSession:
        """A session without a bound on its connections: who calls bounds the load, and a lease renewal never queues behind it."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=30,
                socket_factory=_keepalive_socket,
                resolver=_TimedResolver(self._resolved),
                ttl_dns_cache=30,
            ),
            headers={"User-Agent": self.config.user_agent},
            request_class=_GuardedRequest,
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _resolved(self, host: str, seconds: float) -> None:
        self.metrics.resolved(host, seconds)

    async def close(self) -> None:
        """Closes every connection."""
        await self._credentials.close()
        await self._requests.close()
        await self._watches.close()

    async def send(
        self,
        request: HttpRequest,
        guard: Callable[[], None] | None = None,
        *,
        seconds: float = REQUEST_SECONDS,
        limited: bool = True,
    ) -> bytes:
        """The body of a successful answer.

        ``guard`` is called right before each time the request is sent and may raise. Each attempt takes at most ``seconds``. What is safe
        to repeat is tried up to four times, waiting at least as long as the server asks; when it asks for more than ten seconds, that is
        left to the caller. Without ``limited`` the client's own rate limit does not apply. Raises StatusError for a refusal,
        TransportError when there was no answer.
        """
        try:
            return await self._attempt(request, guard, seconds, limited)
        except (StatusError, TransportError) as error:
            if not _may_repeat(request, error):
                raise
            failures = [error]

        async def again() -> bytes:
            if failures:
                raise failures.pop()
            return await self._attempt(request, guard, seconds, limited)

        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=_wait,
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(request, error)),
            before_sleep=lambda state: self.metrics.retry(request.method, self._host, _code_of(state)),
            reraise=True,
        )
        return await retrying(again)

    async def _attempt(
        self, request: HttpRequest, guard: Callable[[], None] | None, seconds: float, limited: bool
    ) -> bytes:
        settings = self._credentials.current()
        try:
            if limited:
                await self._wait_for_turn(request)
            return await self._once(request, guard, seconds)
        except Unauthorized as error:
            if not await self._credentials.renew(settings, seconds):
                raise self._explained(error) from None
            return await self._once(request, guard, seconds)

    def _explained(self, error: Unauthorized) -> Unauthorized:
        """The refusal, with what keeps better credentials away."""
        if not self._credentials.problem:
            return error
        message = f"{error.message}; {self._credentials.problem}"
        return Unauthorized(message, http_code=error.http_code, reason=error.reason, status=error.status)

    async def _wait_for_turn(self, request: HttpRequest) -> None:
        if self._limit.qps > 0:
            delay = self._limit.reserve(time.monotonic())
            await asyncio.sleep(delay)
            self.metrics.waited(request.method, self._host, delay)

    async def _once(self, request: HttpRequest, guard: Callable[[], None] | None, seconds: float) -> bytes:
        if guard is not None:
            guard()
        guarded = _guard.set(guard)
        started = time.monotonic()
        code: int | None = None
        try:
            async with self._open(
                self._requests, request, aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
            ) as answer:
                body = await answer.read()
                code = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise TransportError(_no_answer(request, error)) from error
        finally:
            _guard.reset(guarded)
            self.metrics.request(request.method, self._host, code, time.monotonic() - started)
        self.metrics.sizes(request.method, self._host, len(request.body or b""), len(body))
        if not 200 <= code < 300:
            raise status_error(code, body, retry_after_of(answer.headers.get("Retry-After")))
        return body

    @asynccontextmanager
    async def stream(self, request: HttpRequest, idle_timeout: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an answer that goes on; they end with the answer.

        ``idle_timeout`` is the longest silence in seconds. Raises StatusError for a refusal, TransportError when the connection breaks
        or falls silent.
        """
        settings = self._credentials.current()
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=idle_timeout)
        started = time.monotonic()
        code: int | None = None
        try:
            async with self._open(self._watches, request, limits) as answer:
                code = answer.status
                self.metrics.request("WATCH", self._host, code, time.monotonic() - started)
                if not 200 <= code < 300:
                    error = status_error(code, await answer.read(), retry_after_of(answer.headers.get("Retry-After")))
                    if code == 401:
                        await self._credentials.renew(settings, REQUEST_SECONDS)
                    raise error
                async with aclosing(_lines(answer, request)) as lines:
                    yield lines
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if code is None:
                self.metrics.request("WATCH", self._host, None, time.monotonic() - started)
            raise TransportError(_no_answer(request, error)) from error

    @asynccontextmanager
    async def _open(
        self, session: aiohttp.ClientSession, request: HttpRequest, limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        settings = self._credentials.settings
        headers = CIMultiDict(request.headers)
        headers.extend(settings.impersonation)
        if settings.authorization:
            headers["Authorization"] = settings.authorization
        async with session.request(
            request.method,
            URL(f"{settings.host}{request.target}", encoded=True),
            data=request.body,
            headers=headers,
            timeout=limits,
            ssl=self._credentials.ssl,
            server_hostname=settings.server_name,
            proxy=settings.proxy,
            allow_redirects=False,
        ) as answer:
            yield answer


async def _lines(answer: aiohttp.ClientResponse, request: HttpRequest) -> AsyncGenerator[bytes, None]:
    reader = LineReader()
    try:
        async for chunk in answer.content.iter_any():
            for line in reader.feed(chunk):
                yield line
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise TransportError(_no_answer(request, error)) from error


class _TimedResolver(aiohttp.ThreadedResolver):
    """The system's resolver; ``resolved`` is told the host and the seconds each look-up took."""

    def __init__(self, resolved: Callable[[str, float], None]) -> None:
        super().__init__()
        self._resolved = resolved

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        started = time.monotonic()
        found = await super().resolve(host, port, family)
        self._resolved(host, time.monotonic() - started)
        return found


class _GuardedRequest(aiohttp.ClientRequest):
    """Asks the guard when the connection is ready, right before the first byte; also when aiohttp itself sends again."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if guard := _guard.get():
            guard()
        return await super().send(conn)


def _keepalive_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    family, type_, protocol, _, _ = info
    connection = socket.socket(family, type_, protocol)
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def _may_repeat(request: HttpRequest, error: BaseException) -> bool:
    if isinstance(error, StatusError) and (
        (error.retry_after or 0.0) > _LONGEST_WAIT or error.has_cause("ResourceVersionTooLarge")
    ):
        return False
    if isinstance(error, StatusError) and error.http_code == 429:
        return True
    if isinstance(error, TransportError) and isinstance(error.__cause__, aiohttp.ClientConnectorError):
        return not isinstance(
            error.__cause__, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError
        )
    return request.repeatable and is_transient(error)


def _code_of(state: tenacity.RetryCallState) -> int | None:
    error = state.outcome.exception() if state.outcome else None
    return error.http_code if isinstance(error, StatusError) else None


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after or 0.0 if isinstance(error, StatusError) else 0.0
    backoff: float = 0.1 * 2 ** (state.attempt_number - 1)
    return max(asked, backoff * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


def retry_after_of(header: str | None) -> float | None:
    """Seconds of a Retry-After header; None when it is absent or a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _no_answer(request: HttpRequest, error: BaseException) -> str:
    path = request.target.partition("?")[0]
    return f"{request.method} {path}: {_what_happened(error)}"


def _what_happened(error: BaseException) -> str:
    """In the words of the operating system where a connection could not be made, without addresses of Python objects."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if not isinstance(error, aiohttp.ClientConnectorError):
        return str(error) or type(error).__name__
    cause = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error.os_error
    code = 0 if isinstance(cause, ssl.SSLError) else getattr(cause, "errno", None) or 0
    reason = os.strerror(code) if code in errno.errorcode else getattr(cause, "strerror", None) or str(cause)
    return f"cannot connect to {error.host}:{error.port}: {reason}"
