"""The progress of a command over a long input, on standard error. Nothing is shown in the first second, so short inputs stay quiet."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import click

T = TypeVar("T")
_QUIET_SECONDS = 1.0
_TERMINAL_SECONDS = 0.2
_LOG_SECONDS = 10.0
_LARGE_BYTES = 500_000
_CLEAR = "\r\x1b[K"


def progress(items: Sequence[T], doing: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[T]:
    """Yields the items. A terminal gets one line that changes in place, a file or a pipe a line every ten seconds."""
    terminal = sys.stderr.isatty()
    pause = _TERMINAL_SECONDS if terminal else _LOG_SECONDS
    due = clock() + (_QUIET_SECONDS if terminal else _LOG_SECONDS)
    shown = False
    try:
        for number, item in enumerate(items):
            if (now := clock()) >= due:
                due, shown = now + pause, True
                text = f"{doing} {number} of {len(items)}"
                click.echo(f"{_CLEAR}{text}" if terminal else text, err=True, nl=not terminal)
            yield item
    finally:
        if shown and terminal:
            click.echo(_CLEAR, err=True, nl=False)


def announce_reading(source: str, size: int) -> None:
    """Says that a large text, of so many bytes, is being parsed, which takes a second or more; says nothing of smaller ones."""
    if size >= _LARGE_BYTES:
        click.echo(f"{source}: reading {size / 1_000_000:.1f} MB", err=True)
