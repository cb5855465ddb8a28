"""The HTTP servers of a controller: ``/metrics``, and the probes ``/healthz`` and ``/readyz``."""

import os
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric

Check = Callable[[], str | None]
"""Returns the problem, in words that may be shown to anybody; None if there is none."""

Authorizer = Callable[[str], Awaitable[int]]
"""From the value of an Authorization header to the HTTP code of the answer: 200, 401 or 403."""

_STOP_SECONDS = 1.0
"""Time that open requests have to finish when a server stops."""


class BindError(Exception):
    """The server cannot listen on an address. The message is one sentence; ``bind`` is the address as it was given."""

    def __init__(self, message: str, bind: str) -> None:
        super().__init__(message)
        self.bind = bind


class BindAddressError(BindError, ValueError):
    """The text is not an address. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class BindAddress:
    """Where to listen. ``host`` None means all interfaces, ``port`` 0 any free one."""

    host: str | None
    port: int

    @classmethod
    def parse(cls, text: str) -> "BindAddress | None":
        """``:8080``, ``127.0.0.1:0``, ``[::1]:8080``; None for ``0``, which means off. Raises BindAddressError for anything else."""
        if text == "0":
            return None
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
            raise BindAddressError(f"{text!r} is not an address: expected HOST:PORT, :PORT or 0.", text)
        return cls(host.removeprefix("[").removesuffix("]") or None, int(port))

    def __str__(self) -> str:
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class HTTPServer:
    """One aiohttp application that listens on ``bind`` (``HOST:PORT``, ``:PORT``, or ``0`` for off), with TLS if a context is given."""

    def __init__(
        self,
        bind: str,
        routes: Iterable[web.RouteDef],
        ssl_context: ssl.SSLContext | None = None,
        *,
        body_bytes: int = 1024,
    ) -> None:
        self._bind = bind
        self._address = BindAddress.parse(bind)
        self._ssl = ssl_context
        app = web.Application(client_max_size=body_bytes)
        app.add_routes(routes)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_STOP_SECONDS)

    @property
    def port(self) -> int | None:
        """The port in use; None while not listening."""
        return self._runner.addresses[0][1] if self._runner.addresses else None

    async def start(self) -> None:
        """Listen on the address; do nothing for ``0``. Raises BindError."""
        if self._address is None:
            return
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address.host, self._address.port, ssl_context=self._ssl)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise BindError(f"Cannot listen on {self._address}: {_why(error)}.", self._bind) from error

    async def stop(self) -> None:
        """Stop listening and close all connections; a request in progress gets a second. Does nothing if not listening."""
        await self._runner.cleanup()


def _why(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno and error.errno > 0 else error.strerror or str(error)


class MetricsServer(HTTPServer):
    """Serves a registry at ``/metrics``.

    With ``authorize``, only callers that it accepts get the metrics; others get its code and an empty body.
    """

    def __init__(
        self,
        bind: str,
        registry: CollectorRegistry,
        *,
        ssl_context: ssl.SSLContext | None = None,
        authorize: Authorizer | None = None,
    ) -> None:
        self._registry = registry
        self._authorize = authorize
        super().__init__(bind, [web.get("/metrics", self._metrics)], ssl_context)

    async def _metrics(self, request: web.Request) -> web.Response:
        if self._authorize is not None:
            code = await self._authorize(request.headers.get("Authorization", ""))
            if code != 200:
                return web.Response(status=code)
        return web.Response(body=exposition(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


class ProbeServer(HTTPServer):
    """Serves ``/healthz`` and ``/readyz``, each 200 if all its checks pass and 500 if one fails.

    ``?verbose`` lists the checks, as a failure always does; ``?exclude=NAME``, repeatable, skips one; ``/healthz/NAME`` runs one alone.
    The mappings are read at every request, so checks may be added later. A check that raises has failed.
    """

    def __init__(self, bind: str, *, healthz: Mapping[str, Check], readyz: Mapping[str, Check]) -> None:
        self._probes = {"healthz": healthz, "readyz": readyz}
        super().__init__(
            bind, [web.get("/{probe:healthz|readyz}", self._all), web.get("/{probe:healthz|readyz}/{check}", self._one)]
        )

    async def _all(self, request: web.Request) -> web.Response:
        probe = request.match_info["probe"]
        report = run_checks(probe, self._probes[probe], exclude=frozenset(request.query.getall("exclude", ())))
        if report.passed and "verbose" not in request.query:
            return web.Response(text="ok")
        return web.Response(text=report.text, status=200 if report.passed else 500)

    async def _one(self, request: web.Request) -> web.Response:
        check = self._probes[request.match_info["probe"]].get(request.match_info["check"])
        if check is None:
            raise web.HTTPNotFound
        problem = _run(check)
        return web.Response(text=problem or "ok", status=500 if problem else 200)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of all checks of a probe: one line each, and a verdict."""

    passed: bool
    text: str


def run_checks(probe: str, checks: Mapping[str, Check], *, exclude: frozenset[str] = frozenset()) -> Report:
    """Run the checks that are not excluded, in the order of their names. An excluded name that does not exist is a warning line."""
    lines = []
    passed = True
    for name in sorted(checks):
        if name in exclude:
            lines.append(f"[+]{name} excluded: ok")
            continue
        problem = _run(checks[name])
        passed = passed and problem is None
        lines.append(f"[+]{name} ok" if problem is None else f"[-]{name} failed: {problem}")
    lines += [f"warn: no check {name!r} to exclude" for name in sorted(exclude - checks.keys())]
    lines.append(f"{probe} check {'passed' if passed else 'failed'}")
    return Report(passed, "\n".join(lines) + "\n")


def _run(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - a check that cannot answer has failed
        return f"the check raised {type(error).__name__}"


def exposition(registry: CollectorRegistry) -> bytes:
    """The registry in the text format, without ``_created`` series, which no other Kubernetes component has."""
    return generate_latest(_WithoutCreated(registry))


class _WithoutCreated(CollectorRegistry):
    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._whole = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._whole.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family
