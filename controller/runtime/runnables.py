"""Groups of long-running tasks, each with a name. A task that ends unexpectedly is always reported."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from controller.runtime.exceptions import message_of


class RunnableFailed(Exception):
    """A long-running task ended unexpectedly. ``name`` says which one; its exception, if there is one, is the cause."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} stopped unexpectedly: {reason}.")
        self.name = name


class RunnableGroup:
    """Tasks that are started one by one and stopped together.

    Until the group is stopped, ``on_failure`` is called once for each task that raises, that is cancelled by another caller, or that
    returns although it was not started with ``may_return``. While the group stops, only tasks that raise are reported.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._may_return: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the tasks that have not ended."""
        return tuple(sorted(task.get_name() for task in self._tasks))

    def start(self, name: str, runnable: Coroutine[Any, Any, None], *, may_return: bool = False) -> None:
        """Run it as a task of this name."""
        task = asyncio.create_task(runnable, name=name)
        self._tasks.add(task)
        if may_return:
            self._may_return.add(task)
        task.add_done_callback(self._ended)

    async def join(self) -> None:
        """Wait until all tasks have ended by themselves, which then is not a failure."""
        self._stopping = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self, *, timeout: float | None = None) -> None:
        """Cancel all tasks and wait until they have ended, at most ``timeout`` seconds."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        may_return = self._stopping or task in self._may_return
        self._may_return.discard(task)
        if task.cancelled():
            if not self._stopping:
                self._on_failure(RunnableFailed(task.get_name(), "it was cancelled"))
            return
        error = task.exception()
        if error is None:
            if not may_return:
                self._on_failure(RunnableFailed(task.get_name(), "it returned"))
            return
        failure = RunnableFailed(task.get_name(), message_of(error))
        failure.__cause__ = error
        self._on_failure(failure)
