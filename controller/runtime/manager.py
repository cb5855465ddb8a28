"""The manager: the parts of a controller process, and the order in which they start and stop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry

from controller.client import Client
from controller.informers import CacheOptions, ReflectorOptions, SharedInformer, SharedInformerFactory
from controller.meta import Resource
from controller.metrics import Check, Metrics, MetricsServer, ProbeServer
from controller.runtime.consistency import wait_for_consistency, wait_for_sync
from controller.runtime.controller import Controller
from controller.runtime.endpoints import Endpoints
from controller.runtime.events import EventBroadcaster, EventRecorder
from controller.runtime.leadership import Leadership, LostLease
from controller.runtime.loop_monitor import LoopMonitor
from controller.runtime.options import ManagerOptions
from controller.runtime.runnables import RunnableGroup
from controller.runtime.sources import InformerSource

_log = structlog.get_logger("controller.runtime")

_FLUSH_SECONDS = 1.0
"""Time to send the last Events at a stop."""

_CANCEL_SECONDS = 1.0
"""Time that cancelled tasks have once the process ends in any case."""


class GraceExceeded(Exception):
    """Work did not end within the shutdown grace. It was cut off, and the lease was not released."""


class Runnable(Protocol):
    """Something that runs beside the controllers until it is cancelled."""

    async def run(self) -> None:
        """Run until cancelled."""


class Manager:
    """Owns the informers, the election, the servers, the controllers and the runnables of one process. Runs once.

    Start:

    1. Probes and metrics are served. Informers list and watch, the sources of all controllers feed their queues, and runnables that are
       not ``leader_only`` run.
    2. Once each informer has its first list, or was refused one, the process takes part in the election. Until it leads it is a warm
       standby: it is ready and writes nothing.
    3. Once it leads, Events are sent and ``leader_only`` runnables run. Each controller starts as soon as the caches that it watches, and
       those that no controller watches, are synced and have caught up with the moment of its election. A kind or namespace that is
       missing therefore holds up the controllers that need it, and no other; the log and ``/readyz`` name it.

    Stop, when ``stop`` is set or a part of the process failed; steps 1 to 4 share ``shutdown_grace``:

    1. Controllers take no more keys; passes in progress end.
    2. ``leader_only`` runnables are cancelled and end.
    3. Shutdown hooks run, the last added first.
    4. The last Events are sent, for a second at most; the other runnables are cancelled and end.
    5. The election stops and the lease is released; then informers and servers stop.

    If the grace is exceeded, everything is cut off and the lease is left to expire, because work that still runs may still write. If the
    lease is lost, everything is cut off at once. Cancelling ``run`` does the same.

    Not promised: that a runnable which ignores its cancellation ends; that a reconciler which blocks the event loop can be stopped; that
    caches agree with each other, because each kind has its own watch.

    ``client`` is the one for reconcilers: with leader election it refuses writes while this process does not lead, and the answer to each
    write is in the caches when it returns.
    """

    def __init__(
        self, client: Client, options: ManagerOptions | None = None, *, registry: CollectorRegistry | None = None
    ) -> None:
        """Assemble the process; nothing runs yet. Raises BindAddressError or CertificateError for options that cannot work."""
        self.options = options if options is not None else ManagerOptions()
        self.metrics = Metrics.on(registry if registry is not None else CollectorRegistry())
        client.use_metrics(self.metrics.client)
        self._reader = client
        self._failures: asyncio.Queue[Exception] = asyncio.Queue()
        self._leadership = Leadership(client, self.options.leader_election, self.metrics.leader, self._fail)
        self.client = self._leadership.client(client)
        self.informers = SharedInformerFactory(
            client,
            namespaces=self.options.namespaces,
            options=ReflectorOptions(self.options.watch_timeout, self.options.relist_interval),
            metrics=self.metrics.informer,
        )
        self.client = self.client.recording(self.informers)
        self._events = EventBroadcaster(
            self.client, self.metrics.event, instance=self._leadership.identity, busy=self._is_saturated
        )
        self._controllers: dict[str, Controller] = {}
        self._is_running = self._is_leading = False
        self._preparations: list[Callable[[], Awaitable[None]]] = []
        self._runnables: list[tuple[str, Runnable, bool]] = []
        self._hooks: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._healthz: dict[str, Check] = {"ping": lambda: None, "informers": self.informers.overdue}
        self._readyz: dict[str, Check] = {"ping": lambda: None, "informers": self._unsynced}
        if self._leadership.is_elected:
            self._healthz["leader-election"] = self._leadership.check
        self._endpoints = Endpoints(client, self.options, self.metrics, healthz=self._healthz, readyz=self._readyz)
        self._groups = {name: RunnableGroup(self._fail) for name in _STOP_ORDER}

    @property
    def controllers(self) -> Mapping[str, Controller]:
        """The controllers by name."""
        return self._controllers

    @property
    def probe_server(self) -> ProbeServer:
        """The server of ``/healthz`` and ``/readyz``."""
        return self._endpoints.probes

    @property
    def metrics_server(self) -> MetricsServer:
        """The server of ``/metrics``."""
        return self._endpoints.metrics

    @property
    def sync_period(self) -> float | None:
        """Seconds between two resyncs of a controller's informers; None: never."""
        return self.options.sync_period

    def informer(self, resource: Resource, options: CacheOptions | None = None) -> SharedInformer:
        """The shared informer of these objects, in the manager's namespaces unless the options name others.

        Raises ValueError for options that contradict an existing informer (see ``SharedInformerFactory``).
        """
        return self.informers.informer(resource, options)

    def guard(self) -> None:
        """Raises NotLeader unless this process may write now. ``client`` checks this itself; other writers must call it."""
        self._leadership.guard()

    def recorder(self, component: str) -> EventRecorder:
        """A recorder of Events whose reporting controller is ``component``.

        Raises ValueError unless that is a qualified name (``example.com/my-controller`` or ``my-controller``), which the API demands.
        """
        return EventRecorder(self._events, component)

    def add_controller(self, controller: Controller) -> None:
        """Run the controller while leading; also while the manager runs already. Raises ValueError if its name is taken."""
        if controller.name in self._controllers:
            raise ValueError(f"a controller named {controller.name!r} exists already")
        self._controllers[controller.name] = controller
        if self._is_running:
            self._feed(controller)
        if self._is_leading:
            self._begin(controller)

    def add_runnable(self, name: str, runnable: Runnable, *, leader_only: bool = True) -> None:
        """Run it beside the controllers, or from the start with ``leader_only=False``; before the manager runs.

        It must run until it is cancelled: if it ends before, the process stops in order with RunnableFailed.
        """
        self._runnables.append((name, runnable, leader_only))

    def add_preparation(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Await this before the election, while the informers run; it may still add informers and controllers."""
        self._preparations.append(prepare)

    def add_shutdown_hook(self, name: str, hook: Callable[[], Awaitable[None]]) -> None:
        """Call the hook at a stop, after the controllers and leader-only runnables have ended and while the lease is still held.

        Hooks run one after the other, the last added first, within the shutdown grace. One that raises is logged and does not keep
        others from running. Hooks do not run when the lease was lost or the manager was cancelled.
        """
        self._hooks.append((name, hook))

    def add_healthz_check(self, name: str, check: Check) -> None:
        """Let ``/healthz`` fail while the check returns a problem: for faults that only a restart heals."""
        self._healthz[name] = check

    def add_readyz_check(self, name: str, check: Check) -> None:
        """Let ``/readyz`` fail while the check returns a problem: for states in which the process should not count as available."""
        self._readyz[name] = check

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set or a part fails, stop in order, and return.

        Raises BindError, LostLease, RunnableFailed (after an orderly stop), GraceExceeded or CacheMutated (where the environment asks for
        mutation detection). Cancelling it cuts everything off at once and does not touch the lease.
        """
        async with self._endpoints:
            try:
                self._start()
                failure = await _first(self._failures.get(), stop.wait())
                _log.info("Stopping", reason="stop was requested" if failure is None else str(failure))
                if not isinstance(failure, LostLease):
                    failure = await self._shut_down() or failure
            finally:
                await self._cut_off()
        if failure is not None:
            raise failure
        self.informers.verify()

    def _start(self) -> None:
        base = self._groups["base"]
        base.start("informers", self.informers.run())
        base.start("loop monitor", LoopMonitor(self.metrics.loop).run())
        if self._endpoints.certificate is not None:
            base.start("certificate watcher", self._endpoints.certificate.run())
        self._is_running = True
        for controller in self._controllers.values():
            self._feed(controller)
        self._start_runnables(leader_only=False)
        self._groups["start"].start("startup", self._lead(), may_return=True)

    def _feed(self, controller: Controller) -> None:
        self._groups["base"].start(f"sources of controller {controller.name}", controller.run_sources())

    def _begin(self, controller: Controller) -> None:
        name = f"start of controller {controller.name}"
        self._groups["start"].start(name, self._start_controller(controller), may_return=True)

    def _start_runnables(self, *, leader_only: bool) -> None:
        group = self._groups["leader" if leader_only else "runnables"]
        for name, runnable, wants_leader in self._runnables:
            if wants_leader == leader_only:
                group.start(name, runnable.run())

    async def _lead(self) -> None:
        """Win the election, then start everything that only a leader runs."""
        for prepare in self._preparations:
            await prepare()
        await asyncio.gather(*(informer.wait_for_first_list() for informer in self.informers))
        self._groups["election"].start("leader election", self._leadership.run())
        await self._leadership.wait()
        self._groups["events"].start("events", self._events.run())
        self._start_runnables(leader_only=True)
        self._is_leading = True
        for controller in self._controllers.values():
            self._begin(controller)

    async def _start_controller(self, controller: Controller) -> None:
        needed = self._informers_of(controller)
        await wait_for_sync(controller.name, needed)
        if self._leadership.is_elected:
            await wait_for_consistency(self._reader, needed)
        self._groups["workers"].start(f"controller {controller.name}", controller.run())
        _log.info("Controller started", controller=controller.name, workers=controller.options.concurrency)

    def _informers_of(self, controller: Controller) -> list[SharedInformer]:
        """The informers that the controller watches, and those that no controller watches: any reconciler may read those."""
        own = set(_watched(controller))
        others = {informer for each in self._controllers.values() for informer in _watched(each)} - own
        return [informer for informer in self.informers if informer not in others]

    def _is_saturated(self) -> bool:
        return any(controller.is_saturated for controller in self._controllers.values())

    def _unsynced(self) -> str | None:
        missing = [informer.resource.key for informer in self.informers if not informer.has_synced]
        return f"waiting for the first list of {', '.join(dict.fromkeys(missing))}" if missing else None

    async def _shut_down(self) -> Exception | None:
        """Stop in order. Returns the failure, if the grace was exceeded or the lease was lost meanwhile."""
        try:
            async with asyncio.timeout(self.options.shutdown_grace):
                lost = await _first(self._lost_lease(), self._end_all_work())
        except TimeoutError:
            names = next((group.running for group in self._work_groups() if group.running), ())
            return GraceExceeded(f"Work did not end in {self.options.shutdown_grace:g} s: {', '.join(names)}.")
        if lost is not None:
            return lost
        await self._groups["election"].stop(timeout=_CANCEL_SECONDS)
        await self._leadership.release()
        return None

    async def _end_all_work(self) -> None:
        await self._groups["start"].stop()
        self._stop_controllers()
        await self._groups["workers"].join()
        await self._groups["leader"].stop()
        for name, hook in reversed(self._hooks):
            self._groups["hooks"].start(f"shutdown hook {name}", _call(hook), may_return=True)
            await self._groups["hooks"].join()
        await self._flush_events()
        await self._groups["events"].stop()
        await self._groups["runnables"].stop()

    def _work_groups(self) -> list[RunnableGroup]:
        return [self._groups[name] for name in _STOP_ORDER if name not in ("base", "election")]

    def _stop_controllers(self) -> None:
        self._is_leading = False
        for controller in self._controllers.values():
            controller.stop()

    async def _cut_off(self) -> None:
        self._stop_controllers()
        await asyncio.gather(*(group.stop(timeout=_CANCEL_SECONDS) for group in self._groups.values()))

    async def _flush_events(self) -> None:
        if "events" not in self._groups["events"].running:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_SECONDS):
                await self._events.flush()

    async def _lost_lease(self) -> Exception:
        while not isinstance(failure := await self._failures.get(), LostLease):
            _log.error("Failure while stopping", error=str(failure))
        return failure

    def _fail(self, failure: Exception) -> None:
        self._failures.put_nowait(failure)


_STOP_ORDER = ("start", "workers", "leader", "hooks", "events", "runnables", "election", "base")
"""The groups of tasks of a manager, in the order in which they stop."""


def _watched(controller: Controller) -> list[SharedInformer]:
    return [source.informer for source in controller.sources if isinstance(source, InformerSource)]


async def _call(hook: Callable[[], Awaitable[None]]) -> None:
    await hook()


async def _first(failure: Coroutine[Any, Any, Exception], end: Coroutine[Any, Any, object]) -> Exception | None:
    """Wait for whichever comes first; returns the failure, or None if the end came."""
    failing, ending = asyncio.create_task(failure), asyncio.create_task(end)
    try:
        await asyncio.wait((failing, ending), return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            return failing.result()
        ending.result()
        return None
    finally:
        failing.cancel()
        ending.cancel()
        await asyncio.gather(failing, ending, return_exceptions=True)
