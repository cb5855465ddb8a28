"""What changed in a store."""

from dataclasses import dataclass
from enum import StrEnum

from controller.meta import Object


class DeltaType(StrEnum):
    """The three ways in which a store changes."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Delta:
    """One object's change. ``old`` is None for ADDED, ``new`` for DELETED.

    ``in_initial_list`` marks what a first list brought (or the replay for a late handler). ``final_state_unknown`` marks a deletion that
    was only noticed by its absence: ``old`` is then the last state known, not the last there was.
    """

    type: DeltaType
    old: Object | None
    new: Object | None
    in_initial_list: bool = False
    final_state_unknown: bool = False

    @property
    def object(self) -> Object:
        """The newest state there is."""
        obj = self.new if self.new is not None else self.old
        assert obj is not None
        return obj
