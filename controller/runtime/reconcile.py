"""The contract between a controller and its reconciler. A request is a name, never an event: the reconciler reads the state itself."""

import math
from dataclasses import dataclass
from typing import Protocol

from controller.meta import NamespacedName

Request = NamespacedName
"""The namespace and name of the object to reconcile. The object may be gone, or another one may have its name."""


@dataclass(frozen=True, slots=True)
class Result:
    """A pass that succeeded.

    ``requeue_after``: seconds after which the key is reconciled again even if nothing changes; None or not positive: only after a change.
    ``priority``: the queue priority of that later pass; None keeps the priority of this one.

    Anything but finite numbers makes the pass a failure.
    """

    requeue_after: float | None = None
    priority: int | None = None

    def check(self) -> None:
        """Raises TypeError or ValueError for anything but finite numbers. The controller calls it after each pass."""
        delay = self.requeue_after
        if not (delay is None or type(delay) in (int, float)):
            raise TypeError(f"requeue_after is a number of seconds, got {type(delay).__name__}")
        if delay is not None and not math.isfinite(delay):
            raise ValueError(f"requeue_after is a finite number of seconds, got {delay}")
        if not (self.priority is None or type(self.priority) is int):
            raise TypeError(f"priority is an int, got {type(self.priority).__name__}")


class ReconcileError(Exception):
    """The pass failed in an expected way and a retry may help. The key backs off; the message goes to the log."""


class TerminalError(Exception):
    """The pass cannot succeed before something changes. The failure is counted, and the key is not retried."""


class Reconciler(Protocol):
    """Brings the actual state closer to the desired state of one object. A pass too many must do no harm."""

    async def reconcile(self, request: Request) -> Result | None:
        """One pass for one key. Never runs twice for the same key at the same time.

        None means ``Result()``. Whatever else is returned, and whatever is raised, is a failure of this key alone: it is counted, logged
        and retried after a back-off. TerminalError is not retried.
        """
