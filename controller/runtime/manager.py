"""The manager: what a controller process consists of, the order in which it starts, and the order in which it stops.

Start: probes and metrics, informers, their first lists, election, the promotion barrier, then events, runnables and controllers. Before
the election a standby is warm and ready, and writes nothing. Stop: take no more keys, let the passes in progress finish, send the last
events, stop informers, release the lease, stop HTTP.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry

from controller.client import Client
from controller.informers import CacheOptions, ReflectorOptions, SharedInformer, SharedInformerFactory
from controller.leaderelection import LeaderElectionConfig, LeaderElector
from controller.meta import Resource
from controller.meta.errors import ApiError
from controller.metrics import CertificateWatcher, Check, Metrics, MetricsServer, ProbeServer
from controller.runtime.authorization import MetricsAuthorizer
from controller.runtime.controller import Controller
from controller.runtime.events import EventBroadcaster, EventRecorder
from controller.runtime.promotion import catch_up
from controller.runtime.runnables import RunnableGroup

_log = structlog.get_logger("controller.runtime")

_FIRST_REPORT = 3.0
_REPORT_EVERY = 60.0
_FLUSH_SECONDS = 1.0
_CANCEL_SECONDS = 1.0
_RELEASE_SECONDS = 3.0


class LostLease(Exception):
    """The lease was lost: another process may lead by now, so nothing more was written."""


class GraceExceeded(Exception):
    """Work in progress did not finish in time; it was cut off and the lease was not released."""


class Runnable(Protocol):
    """Something that runs beside the controllers until it is cancelled."""

    async def run(self) -> None:
        """Run until cancelled."""


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """How a manager runs. Times are seconds; the addresses are ``HOST:PORT``, ``:PORT`` or ``0`` for off; no namespaces means all.

    With ``metrics_secure`` only callers whom the API server knows and allows may read the metrics; with ``metrics_cert_path``, a
    directory with ``tls.crt`` and ``tls.key``, they are served over TLS.
    """

    leader_election: LeaderElectionConfig | None = None
    metrics_bind_address: str = ":8080"
    metrics_secure: bool = False
    metrics_cert_path: Path | None = None
    health_probe_bind_address: str = ":8081"
    shutdown_grace: float = 25.0
    watch_timeout: float = 300.0
    relist_interval: float = 14400.0
    namespaces: tuple[str, ...] = ()


class Manager:
    """Owns the informers, the election, the servers and the controllers of one process; runs once.

    ``client`` is the one reconcilers use: with leader election it refuses every write while this process does not lead, and the answer to
    each write is in the caches when it returns. Raises
    BindAddressError or CertificateError for options that cannot work.
    """

    def __init__(
        self, client: Client, options: ManagerOptions | None = None, *, registry: CollectorRegistry | None = None
    ) -> None:
        self.options = options if options is not None else ManagerOptions()
        self.metrics = Metrics.on(registry if registry is not None else CollectorRegistry())
        client.use_metrics(self.metrics.client)
        self._reader = client
        self._elected = asyncio.Event()
        self._elector = self._make_elector(self.options.leader_election)
        self.client = client if self._elector is None else client.with_guard(self._elector.guard)
        self.informers = SharedInformerFactory(
            client,
            namespaces=self.options.namespaces,
            options=ReflectorOptions(self.options.watch_timeout, self.options.relist_interval),
            metrics=self.metrics.informer,
        )
        self.client = self.client.recording(self.informers)
        self._events = EventBroadcaster(
            self.client, self.metrics.event, instance=self._instance(), busy=self._is_saturated
        )
        path = self.options.metrics_cert_path
        self._certificate = None if path is None else CertificateWatcher(path, self.metrics.certificate)
        self._controllers: dict[str, Controller] = {}
        self._runnables: list[tuple[str, Runnable, bool]] = []
        self._healthz: dict[str, Check] = {"ping": lambda: None, "informers": self.informers.overdue}
        self._readyz: dict[str, Check] = {"ping": lambda: None, "informers": self._unsynced}
        if self._elector is not None:
            self._healthz["leader-election"] = self._elector.check
        self.probe_server = ProbeServer(
            self.options.health_probe_bind_address, healthz=self._healthz, readyz=self._readyz
        )
        self.metrics_server = MetricsServer(
            self.options.metrics_bind_address,
            self.metrics.registry,
            ssl_context=None if self._certificate is None else self._certificate.context,
            authorize=MetricsAuthorizer(client) if self.options.metrics_secure else None,
        )
        self._failures: asyncio.Queue[Exception] = asyncio.Queue()
        self._background, self._starting, self._workers, self._helpers = (RunnableGroup(self._fail) for _ in range(4))

    @property
    def controllers(self) -> Mapping[str, Controller]:
        """The controllers by name."""
        return self._controllers

    def informer(self, resource: Resource, options: CacheOptions | None = None) -> SharedInformer:
        """The shared informer of these objects, in the manager's namespaces unless the options name others.

        Raises ValueError for options that contradict an informer that is there (see ``SharedInformerFactory``).
        """
        return self.informers.informer(resource, options)

    def guard(self) -> None:
        """Raises NotLeader unless this process may write now; ``client`` asks by itself, whoever writes elsewhere asks here."""
        if self._elector is not None:
            self._elector.guard()

    def recorder(self, component: str) -> EventRecorder:
        """Records events that name ``component`` as their reporting controller."""
        return EventRecorder(self._events, component)

    def add_controller(self, controller: Controller) -> None:
        """Run it while leading. Raises ValueError if there is one of that name."""
        if controller.name in self._controllers:
            raise ValueError(f"there is already a controller {controller.name!r}")
        self._controllers[controller.name] = controller

    def add_runnable(self, name: str, runnable: Runnable, *, leader_only: bool = True) -> None:
        """Run it beside the controllers, or with ``leader_only`` false from the start. It must not end before it is cancelled."""
        self._runnables.append((name, runnable, leader_only))

    def add_healthz_check(self, name: str, check: Check) -> None:
        """Let ``/healthz`` fail when the check does."""
        self._healthz[name] = check

    def add_readyz_check(self, name: str, check: Check) -> None:
        """Let ``/readyz`` fail when the check does."""
        self._readyz[name] = check

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, then stop in order and return.

        Raises BindError, LostLease, RunnableFailed (after an orderly stop), GraceExceeded or, where it is looked for, CacheMutated. Cancelling it cuts everything off at once
        and leaves the lease alone.
        """
        async with self._servers():
            try:
                self._start()
                failure = await _first(self._failures.get(), stop.wait())
                _log.info("Stopping", reason="told to" if failure is None else str(failure))
                if not isinstance(failure, LostLease):
                    failure = await self._wind_down() or failure
            finally:
                await self._cut_off()
        if failure is not None:
            raise failure
        self.informers.verify()

    def _start(self) -> None:
        self._background.start("informers", self.informers.run())
        if self._certificate is not None:
            self._background.start("certificate watcher", self._certificate.run())
        for name, runnable, leader_only in self._runnables:
            if not leader_only:
                self._background.start(name, runnable.run())
        self._starting.start("startup", self._become_active(), may_return=True)

    async def _become_active(self) -> None:
        await self._wait_for_sync()
        if self._elector is not None:
            self._background.start("leader election", self._elector.run())
            await self._elected.wait()
            await catch_up(self._reader, self.informers)
        self._helpers.start("events", self._events.run())
        for name, runnable, leader_only in self._runnables:
            if leader_only:
                self._helpers.start(name, runnable.run())
        for controller in self._controllers.values():
            self._workers.start(f"controller {controller.name}", controller.run())
        _log.info("Controllers started", controllers=sorted(self._controllers))

    async def _wait_for_sync(self) -> None:
        reporter = asyncio.create_task(self._report_unsynced())
        try:
            await self.informers.wait_for_sync()
        finally:
            reporter.cancel()

    async def _report_unsynced(self) -> None:
        pause = _FIRST_REPORT
        while True:
            await asyncio.sleep(pause)
            _log.warning("Still waiting for the first list", missing=self.informers.unsynced())
            pause = _REPORT_EVERY

    def _is_saturated(self) -> bool:
        return any(controller.is_saturated for controller in self._controllers.values())

    def _unsynced(self) -> str | None:
        missing = [informer.resource.key for informer in self.informers if not informer.has_synced]
        return f"waiting for the first list of {', '.join(dict.fromkeys(missing))}" if missing else None

    async def _wind_down(self) -> Exception | None:
        """Stop in order; what went wrong in doing so, if anything did."""
        await self._starting.stop()
        self._stop_controllers()
        try:
            async with asyncio.timeout(self.options.shutdown_grace):
                lost = await _first(self._lost_lease(), self._workers.join())
        except TimeoutError:
            return GraceExceeded(f"Work in progress did not finish in {self.options.shutdown_grace:g} s.")
        if lost is not None:
            return lost
        await self._flush_events()
        await self._helpers.stop(patience=_CANCEL_SECONDS)
        await self._background.stop(patience=_CANCEL_SECONDS)
        if self._elector is not None and self._elected.is_set():
            await self._release(self._elector)
        return None

    def _stop_controllers(self) -> None:
        for controller in self._controllers.values():
            controller.stop()

    async def _cut_off(self) -> None:
        self._stop_controllers()
        groups = (self._starting, self._workers, self._helpers, self._background)
        await asyncio.gather(*(group.stop(patience=_CANCEL_SECONDS) for group in groups))

    async def _flush_events(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._events.flush()

    @staticmethod
    async def _release(elector: LeaderElector) -> None:
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await elector.release()
        except (ApiError, TimeoutError) as error:
            _log.warning("The lease could not be released and will expire", error=str(error))

    async def _lost_lease(self) -> Exception:
        while not isinstance(failure := await self._failures.get(), LostLease):
            _log.error("Failure while stopping", error=str(failure))
        return failure

    def _fail(self, failure: Exception) -> None:
        self._failures.put_nowait(failure)

    def _make_elector(self, config: LeaderElectionConfig | None) -> LeaderElector | None:
        if config is None:
            return None
        lost = LostLease(f"The lease {config.namespace}/{config.name} was lost.")
        return LeaderElector(
            self._reader,
            config,
            on_started=self._elected.set,
            on_lost=lambda: self._fail(lost),
            metrics=self.metrics.leader,
        )

    def _instance(self) -> str:
        config = self.options.leader_election
        return config.identity if config is not None else socket.gethostname()

    @contextlib.asynccontextmanager
    async def _servers(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as started:
            for server in (self.probe_server, self.metrics_server):
                await server.start()
                started.push_async_callback(server.stop)
            yield


async def _first(failure: Coroutine[Any, Any, Exception], end: Coroutine[Any, Any, object]) -> Exception | None:
    """Wait for either; the failure, if it came, else None."""
    failing, ending = asyncio.create_task(failure), asyncio.create_task(end)
    try:
        await asyncio.wait((failing, ending), return_when=asyncio.FIRST_COMPLETED)
        return failing.result() if failing.done() else None
    finally:
        failing.cancel()
        ending.cancel()
        await asyncio.gather(failing, ending, return_exceptions=True)
