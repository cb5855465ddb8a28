"""Waiting for a state instead of sleeping for a while."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

_POLL_SECONDS = 0.02


async def eventually(
    check: Callable[[], Awaitable[object]] | Callable[[], object],
    *,
    timeout: float | None = None,
    retry_on: type[Exception] | tuple[type[Exception], ...] = AssertionError,
) -> None:
    """Return once ``check``, a function or a coroutine function, returns something true, or None after assertions that hold.

    It is called every 20 ms. An exception of the kinds ``retry_on`` counts as "not yet"; others are raised. Without ``timeout`` (seconds)
    the test's own time limit is the only one, so that a slow machine fails no test. Raises AssertionError after the time-out, with the
    last failure as its cause.
    """
    failure: Exception | None = None
    try:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    if await _holds(check):
                        return
                    failure = None
                except retry_on as error:
                    failure = error
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        raise AssertionError(f"the state was not reached within {timeout:g} s: {failure or check}") from failure


async def _holds(check: Callable[[], object]) -> bool:
    result = check()
    if inspect.isawaitable(result):
        result = await result
    return result is None or bool(result)
