"""The metrics of informers."""

from typing import Protocol

from controller.meta import Resource


class ReflectorMetrics(Protocol):
    """Records what one list-and-watch does; ``at`` is seconds since the epoch."""

    def listed(self) -> None:
        """A full list came in."""

    def watch_ended(self, reason: str) -> None:
        """A watch is over."""

    def saw(self, version: str, at: float) -> None:
        """A list, event or bookmark came in."""

    def queued(self, items: int) -> None:
        """So many items of a list have come in and are not handed out yet."""

    def processed(self, seconds: float) -> None:
        """All handlers processed one change, in ``seconds``."""

    def failed(self, function: str) -> None:
        """A function of the author, ``transform`` or ``index NAME``, raised for one object."""


class InformerMetrics(Protocol):
    """Gives each list-and-watch its metrics."""

    def for_reflector(self, resource: Resource, name: str) -> ReflectorMetrics:
        """The metrics of a list-and-watch; ``name`` distinguishes those of one resource."""


class NoReflectorMetrics:
    """Observes nothing."""

    def listed(self) -> None: ...  # noqa: D102
    def watch_ended(self, reason: str) -> None: ...  # noqa: D102
    def saw(self, version: str, at: float) -> None: ...  # noqa: D102
    def queued(self, items: int) -> None: ...  # noqa: D102
    def processed(self, seconds: float) -> None: ...  # noqa: D102
    def failed(self, function: str) -> None: ...  # noqa: D102


class NoInformerMetrics:
    """Observes nothing."""

    def for_reflector(self, resource: Resource, name: str) -> ReflectorMetrics:
        """Metrics that observe nothing."""
        return NoReflectorMetrics()
