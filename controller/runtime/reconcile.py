"""What a controller is asked to do, and what it may answer. A request is a name, never an event: the reconciler looks for itself."""

from dataclasses import dataclass
from typing import Protocol

from controller.meta import NamespacedName

Request = NamespacedName
"""The object to reconcile. It may be gone, or be another object of that name."""


@dataclass(frozen=True, slots=True)
class Result:
    """The reconciler is content; with ``requeue_after`` it wants to look again in so many seconds, even if nothing changes."""

    requeue_after: float | None = None


class ReconcileError(Exception):
    """The reconciler could not finish and expects that trying again later helps: the key backs off. The message goes to the log."""


class TerminalError(Exception):
    """The reconciler cannot succeed before something changes: the failure is counted and the key is not tried again."""


class Reconciler(Protocol):
    """Makes the world match the object, whatever happened before; being called once too often must not matter."""

    async def reconcile(self, request: Request) -> Result:
        """One pass for one key. Never called for one key twice at the same time.

        Raising makes the key come back after a back-off, save for TerminalError.
        """
