"""One controller: workers that take keys, call the reconciler, and do with the key what the outcome demands."""

import asyncio
import time
import uuid
from dataclasses import dataclass

import structlog
from structlog.contextvars import bound_contextvars

from controller.meta.errors import ApiError
from controller.metrics import ControllerMetrics
from controller.runtime.failures import consists_of, message_of
from controller.runtime.reconcile import ReconcileError, Reconciler, Request, Result, TerminalError
from controller.runtime.source import Source
from controller.workqueue import RateLimitingQueue, ShutDown

_log = structlog.get_logger("controller.runtime")

EXPECTED = (ApiError, ReconcileError, TerminalError, OSError)
"""Failures that a correct reconciler may raise. Any other exception is a bug: it is counted as a panic and logged with its traceback."""


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """How a controller works: how many keys at the same time, and how many seconds one pass may take (None: any)."""

    concurrency: int = 1
    reconcile_timeout: float | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ValueError(f"want at least one worker, got {self.concurrency}")
        if self.reconcile_timeout is not None and self.reconcile_timeout <= 0:
            raise ValueError(f"want a positive timeout, got {self.reconcile_timeout}")


class Controller:
    """Promises, for each key:

    - success forgets its failures; ``requeue_after`` does too, and brings it back at that time, or earlier if something changes;
    - a failure brings it back after a back-off of its own; a TerminalError forgets its failures and does not;
    - a pass that takes longer than the timeout is cancelled and is a failure;
    - no failure of one key keeps a worker from the next key.

    Cancelling ``run`` cancels the passes in progress; ``stop`` lets them finish.
    """

    def __init__(
        self,
        name: str,
        reconciler: Reconciler,
        *,
        queue: RateLimitingQueue[Request],
        metrics: ControllerMetrics,
        sources: tuple[Source, ...] = (),
        options: ControllerOptions | None = None,
    ) -> None:
        self.name = name
        self.queue = queue
        self.sources = sources
        self.options = options if options is not None else ControllerOptions()
        self._reconciler = reconciler
        self._metrics = metrics
        self._stopping = False
        for source in sources:
            source.feed(queue)

    @property
    def is_saturated(self) -> bool:
        """Whether keys wait for a worker."""
        return not self._stopping and len(self.queue) > 0

    async def run(self) -> None:
        """Work until ``stop`` was called and no pass is in progress."""
        async with asyncio.TaskGroup() as workers:
            for index in range(self.options.concurrency):
                workers.create_task(self._work(), name=f"{self.name}-worker-{index}")

    def stop(self) -> None:
        """Take no more keys, queued ones included."""
        self._stopping = True
        self.queue.shut_down()

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
        with bound_contextvars(
            controller=self.name, namespace=request.namespace, name=request.name, reconcileID=str(uuid.uuid4())
        ):
            started = time.perf_counter()
            self._metrics.started()
            try:
                await self._attempt(request)
            finally:
                self._metrics.ended(time.perf_counter() - started)

    async def _attempt(self, request: Request) -> None:
        deadline = asyncio.timeout(self.options.reconcile_timeout)
        try:
            async with deadline:
                result = await self._reconciler.reconcile(request)
        except asyncio.CancelledError as error:
            if _cancelled_from_outside():
                raise
            self._failed(request, error)
        except Exception as error:  # noqa: BLE001 - whatever a reconciler raises concerns its key alone
            self._failed(request, error, timed_out=deadline.expired())
        else:
            self._succeeded(request, result)

    def _succeeded(self, request: Request, result: Result) -> None:
        self.queue.forget(request)
        again = result.requeue_after is not None and result.requeue_after > 0
        if again:
            self.queue.add_after(request, result.requeue_after or 0)
        self._metrics.succeeded(requeue_after=again)

    def _failed(self, request: Request, error: BaseException, *, timed_out: bool = False) -> None:
        terminal = consists_of(error, (TerminalError,))
        panic = not timed_out and not consists_of(error, EXPECTED)
        if terminal:
            self.queue.forget(request)
        else:
            self.queue.add_rate_limited(request)
        self._metrics.failed(terminal=terminal, panic=panic, timeout=timed_out)
        if panic:
            _log.error("Observed a panic in a reconciler", error=repr(error), exc_info=error)
        elif timed_out:
            _log.error("Reconciler timed out", seconds=self.options.reconcile_timeout)
        else:
            _log.error("Reconciler error", error=message_of(error), terminal=terminal)


def _cancelled_from_outside() -> bool:
    """Whether this very task was asked to end, rather than something it awaited having been cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
