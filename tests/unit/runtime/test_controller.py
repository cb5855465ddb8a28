"""The controller in virtual time: what becomes of a key after each outcome, and of a worker after each failure."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from controller.meta.errors import Conflict
from controller.metrics import Metrics
from controller.runtime import Controller, ControllerOptions, ReconcileError, Request, Result, TerminalError
from controller.workqueue import ItemExponentialFailure, RateLimitingQueue

KEY = Request("ns", "a")
Behaviour = Callable[[Request], Awaitable[Result]]


class Recording:
    """A reconciler that notes when it was called for what, and then behaves as told."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self.calls: list[tuple[float, str]] = []

    async def reconcile(self, request: Request) -> Result:
        """Notes and behaves."""
        self.calls.append((asyncio.get_running_loop().time(), request.name))
        return await self._behaviour(request)


class Running:
    """A controller with a back-off of 1, 2, 4 … seconds, its reconciler and its metrics."""

    def __init__(self, behaviour: Behaviour, limiter: Any = None, **options: float) -> None:
        self.registry = CollectorRegistry()
        metrics = Metrics.on(self.registry)
        self.reconciler = Recording(behaviour)
        self.queue: RateLimitingQueue[Request] = RateLimitingQueue(
            "c", rate_limiter=limiter or ItemExponentialFailure(1, 60), metrics=metrics.workqueue.for_queue("c")
        )
        self.controller = Controller(
            "c",
            self.reconciler,
            queue=self.queue,
            metrics=metrics.reconcile.for_controller("c", 1),
            options=ControllerOptions(**options),  # type: ignore[arg-type]
        )

    def count(self, name: str, **labels: str) -> float:
        """The value of this controller's series."""
        value = self.registry.get_sample_value(f"controller_runtime_{name}", {"controller": "c", **labels})
        assert value is not None
        return value

    async def for_seconds(self, seconds: float) -> list[tuple[float, str]]:
        """Run for so long after KEY was added, stop, and return the calls."""
        task = asyncio.create_task(self.controller.run())
        self.queue.add(KEY)
        await asyncio.sleep(seconds)
        self.controller.stop()
        await task
        return self.reconciler.calls


class Broken(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    "answer",
    [
        lambda: "done",
        lambda: 5,
        lambda: True,
        lambda: Result,
        lambda: Result(requeue_after=timedelta(seconds=5)),  # type: ignore[arg-type]
        lambda: Result(requeue_after="5"),  # type: ignore[arg-type]
        lambda: Result(requeue_after=True),
        lambda: Result(requeue_after=float("nan")),
        lambda: Result(requeue_after=float("inf")),
        lambda: Result(priority="high"),  # type: ignore[arg-type]
        [].pop,
    ],
)
def test_a_wrong_answer_is_a_panic_of_its_key_alone(virtual_time, answer):
    """It is counted and tried again after the back-off, and the next key has its turn."""

    async def answering(request: Request) -> Any:
        return answer() if request == KEY else Result()

    async def scenario() -> None:
        running = Running(answering)
        running.queue.add(Request("ns", "other"))
        assert await running.for_seconds(2) == [(0, "other"), (0, "a"), (1, "a")]
        assert running.count("reconcile_panics_total") == 2
        assert running.count("reconcile_total", result="error") == 2

    virtual_time(scenario())


def test_no_answer_is_success(virtual_time):
    """A reconciler that returns nothing is content."""

    async def silent(request: Request) -> None:
        return None

    async def scenario() -> None:
        running = Running(silent)
        assert await running.for_seconds(1000) == [(0, "a")]
        assert running.count("reconcile_total", result="success") == 1

    virtual_time(scenario())


class BrokenLimiter:
    """A rate limiter whose author made a mistake in every method."""

    def when(self, item: Request, now: float) -> Any:
        """Gives no time."""
        return self.answer

    def forget(self, item: Request) -> None:
        """Knows nobody."""
        raise KeyError(item)

    def num_requeues(self, item: Request) -> int:
        """Has never counted."""
        raise KeyError(item)

    def __init__(self, answer: object) -> None:
        self.answer = answer


@pytest.mark.parametrize("answer", [None, "soon", float("nan"), timedelta(seconds=1)])
def test_a_broken_rate_limiter_costs_a_fixed_back_off(virtual_time, answer):
    """Neither the worker nor the key is lost: it is tried again ten seconds later."""

    async def scenario() -> None:
        running = Running(failing(ReconcileError("no"), None), limiter=BrokenLimiter(answer))
        assert [at for at, _ in await running.for_seconds(60)] == [0, 10]
        assert running.count("reconcile_total", result="success") == 1

    virtual_time(scenario())


def test_a_slow_pass_is_reported_while_it_runs_and_once(virtual_time):
    """After its limit, whether or not it succeeds in the end; a quick pass is not."""

    async def passing(request: Request) -> Result:
        await asyncio.sleep(100 if request == KEY else 1)
        return Result()

    async def scenario() -> None:
        running = Running(passing, slow_reconcile=5)
        running.queue.add(Request("ns", "quick"))
        task = asyncio.create_task(running.for_seconds(200))
        await asyncio.sleep(1)
        with capture_logs() as logs:
            await asyncio.sleep(10)
            assert running.count("slow_reconciles_total") == 1
            await task
        assert running.count("slow_reconciles_total") == 1
        assert [entry["event"] for entry in logs] == ["Reconciliation is slow and still running"]

    virtual_time(scenario())


def test_a_result_chooses_the_priority_of_the_next_pass(virtual_time):
    """Of two keys that come back at the same time, the more urgent one goes first."""

    async def again(request: Request) -> Result:
        return Result(requeue_after=10, priority=5 if request.name == "urgent" else None)

    async def scenario() -> None:
        running = Running(again)
        running.queue.add(Request("ns", "b"))
        running.queue.add(Request("ns", "urgent"))
        calls = await running.for_seconds(15)
        assert calls[3:] == [(10, "urgent"), (10, "b"), (10, "a")]

    virtual_time(scenario())


def failing(*errors: BaseException | None) -> Behaviour:
    """Raises these one after the other, None standing for success, the last one forever."""
    left = list(errors)

    async def behave(request: Request) -> Result:
        error = left.pop(0) if len(left) > 1 else left[0]
        if error is not None:
            raise error
        return Result()

    return behave


def test_success_runs_once(virtual_time):
    """A key that succeeded rests until something adds it."""

    async def scenario() -> None:
        running = Running(failing(None))
        assert await running.for_seconds(1000) == [(0, "a")]
        assert running.count("reconcile_total", result="success") == 1
        assert running.count("reconcile_time_seconds_count") == 1
        assert running.count("active_workers") == 0

    virtual_time(scenario())


def test_requeue_after_brings_the_key_back_at_that_time(virtual_time):
    """And counts as requeue_after, not as success."""

    async def again(request: Request) -> Result:
        return Result(requeue_after=10)

    async def scenario() -> None:
        running = Running(again)
        assert await running.for_seconds(25) == [(0, "a"), (10, "a"), (20, "a")]
        assert running.count("reconcile_total", result="requeue_after") == 3
        assert running.count("reconcile_total", result="success") == 0

    virtual_time(scenario())


def test_failures_back_off_and_success_forgets_them(virtual_time):
    """1, 2, 4 seconds; after a success the next failure waits 1 second again."""

    async def scenario() -> None:
        error = ReconcileError("no")
        running = Running(failing(error, error, error, None, error, None))
        task = asyncio.create_task(running.for_seconds(20))
        await asyncio.sleep(10)
        running.queue.add(KEY)
        assert [at for at, _ in await task] == [0, 1, 3, 7, 10, 11]
        assert running.count("reconcile_errors_total") == 4
        assert running.count("reconcile_total", result="error") == 4
        assert running.count("reconcile_panics_total") == 0

    virtual_time(scenario())


def test_terminal_error_is_counted_and_not_tried_again(virtual_time):
    """Only a change brings the key back, with a fresh back-off."""

    async def scenario() -> None:
        running = Running(failing(ReconcileError("no"), TerminalError("never")))
        assert [at for at, _ in await running.for_seconds(1000)] == [0, 1]
        assert running.count("terminal_reconcile_errors_total") == 1
        assert running.count("reconcile_errors_total") == 2
        assert running.queue.num_requeues(KEY) == 0

    virtual_time(scenario())


@pytest.mark.parametrize(
    ("error", "panic"),
    [
        (KeyError("spec"), True),
        pytest.param(Broken(), True, id="without words"),
        pytest.param(ExceptionGroup("", [Broken(), ReconcileError("no")]), True, id="group without words"),
        (RecursionError(), True),
        (ExceptionGroup("two", [Conflict("stale"), TypeError("bug")]), True),
        (Conflict("stale"), False),
        (TimeoutError("engine"), False),
        (ConnectionResetError(), False),
        (ExceptionGroup("two", [Conflict("stale"), ReconcileError("no")]), False),
    ],
    ids=repr,
)
def test_only_an_exception_nobody_expects_is_a_panic(virtual_time, error, panic):
    """A bug in a reconciler is counted apart; like any failure it concerns its key alone and is tried again."""

    async def scenario() -> None:
        running = Running(failing(error, None))
        with structlog.testing.capture_logs() as logs:
            assert [at for at, _ in await running.for_seconds(10)] == [0, 1]
        assert running.count("reconcile_panics_total") == panic
        assert running.count("reconcile_errors_total") == 1
        assert [("exc_info" in entry) for entry in logs] == [panic]

    virtual_time(scenario())


def test_timeout_cuts_a_pass_off_and_tries_again(virtual_time):
    """Counted as time-out and failure; the key backs off like after any failure."""
    cancelled = []

    async def hang(request: Request) -> Result:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(request)
            raise
        return Result()

    async def scenario() -> None:
        running = Running(hang, reconcile_timeout=5)
        assert [at for at, _ in await running.for_seconds(7)] == [0, 6]
        assert running.count("reconcile_timeouts_total") == 2
        assert running.count("reconcile_panics_total") == 0
        assert cancelled == [KEY, KEY]

    virtual_time(scenario())


def test_a_time_out_of_something_called_is_not_the_controllers(virtual_time):
    """Only the controller's own deadline counts as reconcile time-out."""

    async def scenario() -> None:
        running = Running(failing(TimeoutError("engine"), None), reconcile_timeout=5)
        await running.for_seconds(10)
        assert running.count("reconcile_timeouts_total") == 0
        assert running.count("reconcile_errors_total") == 1

    virtual_time(scenario())


def test_cancelling_the_controller_cancels_the_pass(virtual_time):
    """Cancellation is not swallowed, and not counted as a failure."""

    async def hang(request: Request) -> Result:
        await asyncio.sleep(1000)
        return Result()

    async def scenario() -> None:
        running = Running(hang)
        task = asyncio.create_task(running.controller.run())
        running.queue.add(KEY)
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running.count("reconcile_errors_total") == 0
        assert running.count("active_workers") == 0

    virtual_time(scenario())


def test_a_stray_cancellation_does_not_cost_a_worker(virtual_time):
    """Something the reconciler awaited was cancelled, not the worker: the key fails, the worker goes on."""

    async def scenario() -> None:
        running = Running(failing(asyncio.CancelledError(), None))
        assert [at for at, _ in await running.for_seconds(10)] == [0, 1]
        assert running.count("reconcile_panics_total") == 1

    virtual_time(scenario())


def test_a_reconciler_that_cancels_its_own_task_does_not_cost_a_worker(virtual_time):
    """A library with a cancel scope of its own may leave the task marked as cancelled: that ends one pass, and each pass is a new task."""

    async def cancel_myself(request: Request) -> Result:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
        return Result()

    async def scenario() -> None:
        running = Running(cancel_myself)
        calls = await running.for_seconds(3.5)
        assert calls == [(0.0, "a"), (1.0, "a"), (3.0, "a")]
        assert running.count("reconcile_panics_total") == 3

    virtual_time(scenario())


def test_exit_is_a_panic_and_an_interrupt_is_not_swallowed(virtual_time):
    """A reconciler does not decide about the process: SystemExit is a panic of one key. Ctrl-C does end it."""

    async def scenario() -> None:
        running = Running(failing(SystemExit(3), None))
        assert [at for at, _ in await running.for_seconds(10)] == [0, 1]
        assert running.count("reconcile_panics_total") == 1

    virtual_time(scenario())

    async def interrupted() -> None:
        running = Running(failing(KeyboardInterrupt()))
        running.queue.add(KEY)
        await running.controller.run()

    with pytest.raises(KeyboardInterrupt):
        virtual_time(interrupted())


def test_stop_lets_the_pass_finish_and_takes_no_more_keys(virtual_time):
    """The key in hand is finished, queued ones are left."""

    async def slow(request: Request) -> Result:
        await asyncio.sleep(10)
        return Result()

    async def scenario() -> None:
        running = Running(slow)
        running.queue.add(Request("ns", "b"))
        running.queue.add(Request("ns", "c"))
        task = asyncio.create_task(running.controller.run())
        await asyncio.sleep(1)
        running.controller.stop()
        await task
        assert asyncio.get_running_loop().time() == 10
        assert [name for _, name in running.reconciler.calls] == ["b"]

    virtual_time(scenario())


def test_workers_run_side_by_side_and_one_bad_key_hurts_no_other(virtual_time):
    """Sixteen keys of ten seconds each take ten seconds; the failing one backs off alone."""

    async def behave(request: Request) -> Result:
        if request.name == "bad":
            raise RuntimeError("bad")
        await asyncio.sleep(10)
        return Result()

    async def scenario() -> None:
        running = Running(behave, concurrency=17)
        for index in range(16):
            running.queue.add(Request("ns", str(index)))
        running.queue.add(Request("ns", "bad"))
        task = asyncio.create_task(running.controller.run())
        await asyncio.sleep(10.5)
        assert running.count("reconcile_total", result="success") == 16
        running.controller.stop()
        await task

    virtual_time(scenario())


def test_log_lines_of_a_pass_bear_its_key_and_an_id_of_its_own(virtual_time):
    """Controller, namespace, name and a reconcile id that differs from pass to pass, and nothing left behind."""
    bound = []

    async def note(request: Request) -> Result:
        bound.append(structlog.contextvars.get_contextvars())
        raise ReconcileError("again") if len(bound) == 1 else TerminalError("enough")

    async def scenario() -> None:
        await Running(note).for_seconds(5)
        first, second = bound
        assert first.pop("reconcileID") != second.pop("reconcileID")
        assert first == second == {"controller": "c", "namespace": "ns", "name": "a"}
        assert structlog.contextvars.get_contextvars() == {}

    virtual_time(scenario())


@pytest.mark.parametrize("options", [{"concurrency": 0}, {"reconcile_timeout": 0}])
def test_senseless_options_are_refused(options):
    """No workers, or no time, is a mistake."""
    with pytest.raises(ValueError, match=r"required|positive"):
        ControllerOptions(**options)
