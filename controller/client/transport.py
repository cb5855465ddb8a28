"""One HTTP implementation: connections, time-outs, credentials, the client's own rate limit, and retries of single requests."""

import asyncio
import random
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import tenacity

from controller import tracing
from controller.client.config import ClientConfig
from controller.client.connection import Answer, BrokenConnection
from controller.client.credentials import Credentials
from controller.client.dialing import CannotConnect, Endpoint, proxy_authorization
from controller.client.pool import Pool
from controller.client.requests import HttpRequest
from controller.client.settings import Settings
from controller.client.wire import LineReader
from controller.meta.errors import StatusError, TransportError, Unauthorized, status_error

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 30.0
_ATTEMPTS = 4
_LONGEST_WAIT = 10.0


@dataclass(frozen=True, slots=True)
class Sending:
    """The settings of one request.

    ``guard`` is called right before each sending and may raise. An attempt is given up after ``seconds``; reading a collection only when
    nothing came for so long, because a large one over a slow link takes longer and makes ``progress``, which is called for each part.
    Without ``limited`` the client's own rate limit does not apply.
    """

    guard: Callable[[], None] | None = None
    seconds: float = REQUEST_SECONDS
    limited: bool = True
    progress: Callable[[], None] | None = None


class RequestMetrics(Protocol):
    """Receives every request; ``code`` is None when there was no answer. Durations are seconds."""

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
        self._host = Endpoint.of(config.host, None, None, None).authority
        self._requests, self._watches = Pool(self._resolved), Pool(self._resolved)
        self._route: _Route | None = None

    def _resolved(self, host: str, seconds: float) -> None:
        self.metrics.resolved(host, seconds)

    async def close(self) -> None:
        """Closes every connection."""
        await self._credentials.close()
        self._requests.close()
        self._watches.close()
        await asyncio.sleep(0)

    async def send(self, request: HttpRequest, sending: Sending | None = None) -> bytes:
        """The body of a successful answer.

        A request is sent again, up to three times, when that does no harm and can help: when no connection was made; when the server
        answered 429, or a 5xx with Retry-After; when no answer came to a request that is ``repeatable``. It waits at least as long as
        the server asks; when that is more than ten seconds, it is left to the caller. Raises StatusError for a refusal, TransportError
        when there was no answer, and what the guard raises.
        """
        sending = sending if sending is not None else Sending()
        try:
            return await self._attempt(request, sending)
        except (StatusError, TransportError) as error:
            if not _may_repeat(request, error):
                raise
            failures = [error]

        async def again() -> bytes:
            if failures:
                raise failures.pop()
            return await self._attempt(request, sending)

        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=_wait,
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(request, error)),
            before_sleep=lambda state: self.metrics.retry(request.method, self._host, _code(state)),
            reraise=True,
        )
        return await retrying(again)

    async def _attempt(self, request: HttpRequest, sending: Sending) -> bytes:
        settings = self._credentials.current()
        try:
            if sending.limited:
                await self._wait_for_turn(request)
            return await self._once(request, sending)
        except Unauthorized as error:
            if not await self._credentials.renew(settings, sending.seconds):
                raise self._explained(error) from None
            return await self._once(request, sending)

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

    async def _once(self, request: HttpRequest, sending: Sending) -> bytes:
        if sending.guard is not None:
            sending.guard()
        started = time.monotonic()
        with tracing.span(request.method, self._attributes(request), client=True) as span:
            try:
                answer, body = await self._exchange(request, sending)
            except (CannotConnect, BrokenConnection, TimeoutError) as error:
                span.fail(type(error).__name__)
                self.metrics.request(request.method, self._host, None, time.monotonic() - started)
                raise TransportError(_no_answer(request, error)) from error
            span.note("http.response.status_code", answer.status)
            if answer.status >= 400:
                span.fail(str(answer.status))
        self.metrics.request(request.method, self._host, answer.status, time.monotonic() - started)
        self.metrics.sizes(request.method, self._host, len(request.body or b""), len(body))
        if not 200 <= answer.status < 300:
            raise status_error(answer.status, body, retry_after_of(answer.headers.get(b"retry-after")))
        return body

    def _attributes(self, request: HttpRequest) -> dict[str, str]:
        """A span's attributes by the conventions of OpenTelemetry for HTTP; the query, which may be long, is left out."""
        path = request.target.partition("?")[0]
        return {"http.request.method": request.method, "server.address": self._host, "url.path": path}

    async def _exchange(self, request: HttpRequest, sending: Sending) -> tuple[Answer, bytes]:
        """The answer and its body. The guard is asked once more when the connection is ready, right before the first byte."""
        route = self._current_route()
        async with asyncio.timeout(sending.seconds) as limit:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await self._requests.take(route.endpoint)
            try:
                if sending.guard is not None:
                    sending.guard()
                answer = connection.send(route.message(request))
                if request.collection:
                    return answer, await _collected(answer, limit, sending)
                return answer, await answer.body()
            finally:
                self._requests.give_back(route.endpoint, connection)

    @asynccontextmanager
    async def stream(self, request: HttpRequest, idle_timeout: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """The lines of an answer that goes on; they end with the answer.

        ``idle_timeout`` is the longest silence in seconds. Raises StatusError for a refusal, TransportError when the connection breaks
        or falls silent.
        """
        settings = self._credentials.current()
        route = self._current_route()
        started = time.monotonic()
        answer: Answer | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await self._watches.take(route.endpoint)
            try:
                answer = connection.send(route.message(request))
                async with asyncio.timeout(idle_timeout):
                    await answer.head()
                self.metrics.request("WATCH", self._host, answer.status, time.monotonic() - started)
                if not 200 <= answer.status < 300:
                    raise await self._refusal(answer, settings)
                async with aclosing(_lines(answer, request, idle_timeout)) as lines:
                    yield lines
            finally:
                self._watches.give_back(route.endpoint, connection)
        except (CannotConnect, BrokenConnection, TimeoutError) as error:
            if answer is None or not answer.status:
                self.metrics.request("WATCH", self._host, None, time.monotonic() - started)
            raise TransportError(_no_answer(request, error)) from error

    async def _refusal(self, answer: Answer, settings: Settings) -> StatusError:
        async with asyncio.timeout(REQUEST_SECONDS):
            body = await answer.body()
        if answer.status == 401:
            await self._credentials.renew(settings, REQUEST_SECONDS)
        return status_error(answer.status, body, retry_after_of(answer.headers.get(b"retry-after")))

    def _current_route(self) -> "_Route":
        """The way to the server under the current settings and TLS context."""
        settings, tls = self._credentials.settings, self._credentials.ssl
        if self._route is None or self._route.settings is not settings or self._route.endpoint.tls is not tls:
            self._route = _Route.of(settings, tls, self.config.user_agent)
        return self._route


@dataclass(frozen=True, slots=True)
class _Route:
    """An endpoint, and the lines that every request to it begins with."""

    settings: Settings
    endpoint: Endpoint
    prefix: str
    lines: str

    @classmethod
    def of(cls, settings: Settings, tls: ssl.SSLContext | None, user_agent: str) -> "_Route":
        endpoint = Endpoint.of(settings.host, tls, settings.server_name, settings.proxy)
        base = urlsplit(settings.host)
        headers = [("Host", base.netloc.rpartition("@")[2]), ("User-Agent", user_agent), *settings.impersonation]
        if settings.authorization:
            headers.append(("Authorization", settings.authorization))
        if endpoint.absolute and (authorization := proxy_authorization(settings.proxy or "")):
            headers.append(("Proxy-Authorization", authorization))
        lines = "".join(f"{name}: {_line(value)}\r\n" for name, value in headers)
        return cls(settings, endpoint, settings.host if endpoint.absolute else base.path.rstrip("/"), lines)

    def message(self, request: HttpRequest) -> bytes:
        """The bytes of a request."""
        own = "".join([f"{name}: {value}\r\n" for name, value in request.headers.items()])
        body = request.body if request.body is not None else b""
        length = f"Content-Length: {len(body)}\r\n" if request.mutating else ""
        head = f"{request.method} {self.prefix}{request.target} HTTP/1.1\r\n{self.lines}{own}{length}\r\n"
        return head.encode() + body


def _line(value: str) -> str:
    """The value of a header without its ends' white space. A line break would begin another header: raises TransportError."""
    value = value.strip()
    if "\r" in value or "\n" in value or "\0" in value:
        raise TransportError("the credentials cannot be used: they contain a line break")
    return value


async def _lines(answer: Answer, request: HttpRequest, idle_timeout: float) -> AsyncGenerator[bytes, None]:
    reader = LineReader()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(idle_timeout) as silence:
            async for chunk in answer.chunks():
                silence.reschedule(None)
                for line in reader.feed(chunk):
                    yield line
                silence.reschedule(loop.time() + idle_timeout)
    except (BrokenConnection, TimeoutError) as error:
        raise TransportError(_no_answer(request, error)) from error


async def _collected(answer: Answer, limit: asyncio.Timeout, sending: Sending) -> bytes:
    """The whole body; each part that comes moves the limit."""
    parts, loop = [], asyncio.get_running_loop()
    async for part in answer.chunks():
        parts.append(part)
        limit.reschedule(loop.time() + sending.seconds)
        if sending.progress is not None:
            sending.progress()
    return b"".join(parts)


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _code(state: tenacity.RetryCallState) -> int | None:
    error = _failure(state)
    return error.http_code if isinstance(error, StatusError) else None


def _may_repeat(request: HttpRequest, error: BaseException) -> bool:
    if not isinstance(error, StatusError | TransportError):
        return False
    if isinstance(error, StatusError):
        if (error.retry_after or 0.0) > _LONGEST_WAIT or error.has_cause("ResourceVersionTooLarge"):
            return False
        server_asks = error.retry_after is not None and error.http_code >= 500
        return error.http_code == 429 or (server_asks and request.repeatable)
    if isinstance(error.__cause__, CannotConnect):
        return not error.__cause__.lasting
    return request.repeatable


def _wait(state: tenacity.RetryCallState) -> float:
    """Seconds until the next attempt."""
    error = _failure(state)
    asked = error.retry_after or 0.0 if isinstance(error, StatusError) else 0.0
    backoff: float = 0.1 * 2 ** (state.attempt_number - 1)
    return max(asked, backoff * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret


def retry_after_of(header: bytes | None) -> float | None:
    """Seconds of a Retry-After header; None when it is absent or a date."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None


def _no_answer(request: HttpRequest, error: BaseException) -> str:
    path = request.target.partition("?")[0]
    return f"{request.method} {path}: {'timed out' if isinstance(error, TimeoutError) else error}"
