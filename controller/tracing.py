"""Spans of OpenTelemetry, if its API is installed (the extra ``otel``); else nothing happens, at no cost.

The spans go where the process sends all of its spans: the program sets up a tracer provider, as for any other library. Without a
provider they go nowhere. They hold names, codes and kinds of errors, never a body, a query or a header.
"""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

try:
    trace: Any = importlib.import_module("opentelemetry.trace")
except ImportError:
    trace = None

Attribute = str | int | float | bool

_SCOPE = "model-controller"


class Span(Protocol):
    """Describes the work in progress."""

    def note(self, name: str, value: Attribute) -> None:
        """One more attribute."""

    def fail(self, kind: str, text: str = "") -> None:
        """The work failed, with this kind of error."""


class _NoSpan:
    def note(self, name: str, value: Attribute) -> None:
        """Says it to nobody."""

    def fail(self, kind: str, text: str = "") -> None:
        """Says it to nobody."""


class _RealSpan:
    def __init__(self, span: Any) -> None:
        self._span = span

    def note(self, name: str, value: Attribute) -> None:
        """Sets it."""
        self._span.set_attribute(name, value)

    def fail(self, kind: str, text: str = "") -> None:
        """Sets the status, and the kind as ``error.type``."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(trace.Status(trace.StatusCode.ERROR, text or None))


_NOTHING: AbstractContextManager[Span] = nullcontext(_NoSpan())


def span(name: str, attributes: Mapping[str, Attribute], *, client: bool = False) -> AbstractContextManager[Span]:
    """A span around a block; what is opened inside is its child. ``client``: the work is done by another process.

    An exception that leaves the block ends the span and goes on; call ``fail`` for it where it is known what may be said about it.
    """
    return _NOTHING if trace is None else _recorded(name, attributes, client=client)


@contextmanager
def _recorded(name: str, attributes: Mapping[str, Attribute], *, client: bool) -> Iterator[Span]:
    kind = trace.SpanKind.CLIENT if client else trace.SpanKind.INTERNAL
    tracer = trace.get_tracer(_SCOPE)
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        yield _RealSpan(current) if current.is_recording() else _NoSpan()
