"""Groups of tasks that run side by side, each under a name; one that ends on its own account is reported, never just missed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from controller.runtime.failures import message_of


class RunnableFailed(Exception):
    """A part of the process that has to run for ever ended. ``name`` says which; the cause is chained."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} stopped unexpectedly: {reason}.")
        self.name = name


class RunnableGroup:
    """Tasks that are started one by one and stopped together.

    ``on_failure`` is called once for each task that raises, or that returns although it was not started with ``may_return``, before
    the group was told to stop.
    """

    def __init__(self, on_failure: Callable[[Exception], None]) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._returning: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, name: str, runnable: Coroutine[Any, Any, None], *, may_return: bool = False) -> None:
        """Run it from now on."""
        task = asyncio.create_task(runnable, name=name)
        self._tasks.add(task)
        if may_return:
            self._returning.add(task)
        task.add_done_callback(self._ended)

    async def join(self) -> None:
        """Wait until all have ended by themselves; from now on that is no failure. Whoever raises meanwhile is reported."""
        self._closing = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self, *, patience: float | None = None) -> None:
        """Cancel all and wait until they have ended, at most ``patience`` seconds."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        may_return = self._closing or task in self._returning
        self._returning.discard(task)
        if task.cancelled():
            if not self._closing:
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
