"""A controller: sources that feed its queue, and workers that take keys, call the reconciler and requeue each key by the outcome."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog
from structlog.contextvars import bound_contextvars, get_contextvars

from controller import tracing
from controller.meta.errors import ApiError
from controller.metrics import ControllerMetrics
from controller.runtime.exceptions import consists_of, described, message_of
from controller.runtime.logging import redact
from controller.runtime.reconcile import ReconcileError, Reconciler, Request, Result, TerminalError
from controller.runtime.sources import Source, checked
from controller.workqueue import ItemExponentialFailure, RateLimiter, RateLimitingQueue, ShutDown

_log = structlog.get_logger("controller.runtime")

EXPECTED = (ApiError, ReconcileError, TerminalError, OSError)
"""Failures that a correct reconciler may raise. Any other exception is a bug: it is counted as a panic and logged with its traceback."""

_FALLBACK_DELAY_SECONDS = 10.0
"""Back-off of a key whose rate limiter raised."""

_SOURCE_RETRY_SECONDS = (1.0, 60.0)
"""First and longest back-off of a source that raised."""


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """The settings of a controller. Times are seconds.

    ``concurrency``: keys that are processed at the same time.
    ``reconcile_timeout``: a pass that takes longer is cancelled; None: no limit.
    ``slow_reconcile``: a pass that takes longer is logged while it runs, and counted; None: never.
    ``rate_limiter``: the back-off of failing keys; None: 5 ms to 1000 s, as in client-go.
    """

    concurrency: int = 1
    reconcile_timeout: float | None = None
    slow_reconcile: float | None = 30.0
    rate_limiter: RateLimiter[Request] | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError(f"at least one worker is required, got {self.concurrency}")
        for name, seconds in (("reconcile_timeout", self.reconcile_timeout), ("slow_reconcile", self.slow_reconcile)):
            if seconds is not None and not seconds > 0:
                raise ValueError(f"{name} must be positive, got {seconds}")


class Watch:
    """A source at work for a controller; ``stop`` ends it. Requests that it enqueued stay in the queue."""

    def __init__(self, source: Source, on_stop: Callable[["Watch"], None]) -> None:
        self.source = source
        self._on_stop = on_stop
        self._task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Stop the source. Does nothing the second time."""
        self._on_stop(self)
        if self._task is not None:
            self._task.cancel()

    def start(self, task: asyncio.Task[None]) -> None:
        """The source runs in this task."""
        self._task = task


class Controller:
    """Promises, for each key:

    - no two passes for it run at the same time, and a change during a pass leads to another pass;
    - success resets its back-off; ``requeue_after`` does too, and brings the key back at that time, or earlier if something changes;
    - a failure brings it back after its own back-off; a TerminalError resets the back-off and does not bring it back;
    - a pass that takes longer than the timeout is cancelled, which is a failure;
    - whatever the reconciler returns or raises, and even if the rate limiter raises, the worker goes on with the next key.

    Not promised: that every change leads to a pass of its own, or that keys are processed in the order of their changes.

    A constructor subscribes to nothing: ``run_sources`` feeds the queue, ``run`` works on it. A manager runs the sources from its start
    (so that a standby is warm) and the workers once it leads. Cancelling ``run`` cancels the passes in progress; ``stop`` lets them finish.
    """

    def __init__(
        self,
        name: str,
        reconciler: Reconciler,
        *,
        queue: RateLimitingQueue[Request],
        metrics: ControllerMetrics,
        sources: Iterable[Source] = (),
        options: ControllerOptions | None = None,
    ) -> None:
        self.name = name
        self.queue = queue
        self.options = options if options is not None else ControllerOptions()
        self._reconciler = reconciler
        self._metrics = metrics
        self._stopping = False
        self._watches: list[Watch] = []
        self._group: asyncio.TaskGroup | None = None
        for source in sources:
            self.watch(source)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that feed the queue."""
        return tuple(watch.source for watch in self._watches)

    @property
    def is_saturated(self) -> bool:
        """Whether keys wait for a worker."""
        return not self._stopping and len(self.queue) > 0

    def watch(self, source: Source) -> Watch:
        """Feed the queue from this source too, also while the controller runs, until the watch is stopped."""
        watch = Watch(source, self._unwatch)
        self._watches.append(watch)
        if self._group is not None:
            watch.start(self._group.create_task(self._run_source(source)))
        return watch

    async def run_sources(self) -> None:
        """Feed the queue from all sources until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._group:
                for watch in self._watches:
                    watch.start(self._group.create_task(self._run_source(watch.source)))
                await asyncio.Event().wait()
        finally:
            self._group = None

    async def run(self) -> None:
        """Process keys until ``stop`` was called and no pass is in progress."""
        async with asyncio.TaskGroup() as workers:
            for index in range(self.options.concurrency):
                workers.create_task(self._work(), name=f"{self.name}-worker-{index}")

    def stop(self) -> None:
        """Take no more keys, not even queued ones."""
        self._stopping = True
        self.queue.shut_down()

    def add(self, request: Request, *, priority: int = 0) -> None:
        """Enqueue the request (a source calls this). Raises TypeError for anything but a Request."""
        self.queue.add(checked(request), priority=priority)

    def add_after(self, request: Request, delay: float, *, priority: int = 0) -> None:
        """Enqueue the request in ``delay`` seconds (a source calls this). Raises TypeError for anything but a Request."""
        self.queue.add_after(checked(request), delay, priority=priority)

    def report_failure(self, function: Callable[..., object], error: BaseException, subject: str) -> None:
        """Count and log that a function of the author raised (a source calls this); ``subject`` names the object, if there is one."""
        name = getattr(function, "__qualname__", type(function).__qualname__)
        self._metrics.source_failed(name)
        _log.error(
            "A function of a source failed",
            controller=self.name,
            function=name,
            object=subject,
            error=described(error),
            exc_info=error,
        )

    def _unwatch(self, watch: Watch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)

    async def _run_source(self, source: Source) -> None:
        retries = ItemExponentialFailure[None](*_SOURCE_RETRY_SECONDS)
        while True:
            try:
                return await source.run(self)
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:
                if isinstance(error, asyncio.CancelledError) and _cancelled_from_outside():
                    raise
                self.report_failure(source.run, error, "")
            await asyncio.sleep(retries.when(None, 0))

    async def _work(self) -> None:
        while not self._stopping:
            try:
                request = await self.queue.get()
            except ShutDown:
                return
            try:
                if not self._stopping:
                    await self._process(request)
            finally:
                self.queue.done(request)

    async def _process(self, request: Request) -> None:
        pass_id = str(uuid.uuid4())
        with bound_contextvars(
            controller=self.name, namespace=request.namespace, name=request.name, reconcileID=pass_id
        ):
            started = time.perf_counter()
            self._metrics.started()
            try:
                await self._attempt(request)
            finally:
                self._metrics.ended(time.perf_counter() - started)

    async def _attempt(self, request: Request) -> None:
        deadline = asyncio.timeout(self.options.reconcile_timeout)
        slow = self._watch_duration()
        try:
            async with deadline:
                result = await asyncio.create_task(self._call(request))
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and _cancelled_from_outside():
                raise
            self._failed(request, error, timed_out=deadline.expired())
        else:
            self._succeeded(request, result)
        finally:
            if slow is not None:
                slow.cancel()

    async def _call(self, request: Request) -> Result:
        """One call of the reconciler, in a task of its own: a reconciler that cancels its own task ends its pass and not the worker."""
        with tracing.span(f"reconcile {self.name}", self._attributes(request)) as span:
            try:
                result = _checked_result(await self._reconciler.reconcile(request))
            except BaseException as error:
                span.fail(type(error).__name__, redact(message_of(error)))
                if isinstance(error, SystemExit):  # asyncio would end the process
                    raise RuntimeError(f"the reconciler raised SystemExit({error.code!r})") from error
                raise
            if result.requeue_after is not None:
                span.note("requeue_after", result.requeue_after)
            return result

    def _attributes(self, request: Request) -> dict[str, str]:
        """A span's attributes; the id is that of the log lines of the pass."""
        return {
            "controller": self.name,
            "k8s.namespace.name": request.namespace,
            "k8s.object.name": request.name,
            "reconcileID": str(get_contextvars().get("reconcileID", "")),
        }

    def _watch_duration(self) -> asyncio.TimerHandle | None:
        seconds = self.options.slow_reconcile
        if seconds is None:
            return None

        def report() -> None:
            self._metrics.slow()
            _log.warning("Reconciliation is slow and still running", seconds=seconds)

        return asyncio.get_running_loop().call_later(seconds, report)

    def _succeeded(self, request: Request, result: Result) -> None:
        self._forget(request)
        delay = result.requeue_after
        again = delay is not None and delay > 0
        if delay is not None and again:
            self.queue.add_after(request, delay, priority=result.priority)
        self._metrics.succeeded(requeue_after=again)

    def _failed(self, request: Request, error: BaseException, *, timed_out: bool) -> None:
        terminal = consists_of(error, (TerminalError,))
        panic = not timed_out and not consists_of(error, EXPECTED)
        if terminal:
            self._forget(request)
        else:
            self._back_off(request)
        self._metrics.failed(terminal=terminal, panic=panic, timeout=timed_out)
        if panic:
            _log.error("Observed a panic in a reconciler", error=described(error), exc_info=error)
        elif timed_out:
            _log.error("Reconciler timed out", seconds=self.options.reconcile_timeout)
        else:
            _log.error("Reconciler error", error=message_of(error), terminal=terminal)

    def _back_off(self, request: Request) -> None:
        try:
            self.queue.add_rate_limited(request)
        except Exception as error:  # noqa: BLE001 - a rate limiter may be the author's, and the key must not be lost
            _log.error("The rate limiter failed", error=described(error), exc_info=error)
            self.queue.add_after(request, _FALLBACK_DELAY_SECONDS)

    def _forget(self, request: Request) -> None:
        try:
            self.queue.forget(request)
        except Exception as error:  # noqa: BLE001 - as above
            _log.error("The rate limiter failed", error=described(error), exc_info=error)


def _checked_result(result: object) -> Result:
    """The result of a reconciler; None stands for Result(). Raises TypeError or ValueError for anything else."""
    if result is None:
        return Result()
    if not isinstance(result, Result):
        raise TypeError(f"a reconciler returns a Result or None, got {type(result).__name__}")
    result.check()
    return result


def _cancelled_from_outside() -> bool:
    """Whether this very task was asked to end, rather than something it awaited having been cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
