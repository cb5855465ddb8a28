"""A change in a store."""

from enum import StrEnum
from typing import Any

from controller.informers.compact import Packed, Stored
from controller.meta import NamespacedName, Object, key_of


class DeltaType(StrEnum):
    """The three ways in which a store changes."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Delta:
    """One object's change, immutable. ``old`` is None for ADDED, ``new`` for DELETED.

    ``in_initial_list`` marks what a first list brought (or the replay for a late handler). ``final_state_unknown`` marks a tombstone: a
    deletion that was noticed by absence from a list, so that ``old`` is the last state known, not the last there was.

    Objects of a compact cache are decoded when ``old`` or ``new`` is read for the first time.
    """

    __slots__ = ("_new", "_old", "final_state_unknown", "in_initial_list", "type")

    def __init__(
        self,
        type: DeltaType,
        old: Stored | None,
        new: Stored | None,
        in_initial_list: bool = False,
        final_state_unknown: bool = False,
    ) -> None:
        self.type = type
        self._old = old
        self._new = new
        self.in_initial_list = in_initial_list
        self.final_state_unknown = final_state_unknown

    @property
    def old(self) -> Object | None:
        """The object before the change."""
        if isinstance(self._old, Packed):
            self._old = self._old.open()
        return self._old

    @property
    def new(self) -> Object | None:
        """The object after the change."""
        if isinstance(self._new, Packed):
            self._new = self._new.open()
        return self._new

    def copied(self) -> "Delta":
        """The same change; what is decoded for the copy goes with it."""
        return Delta(self.type, self._old, self._new, self.in_initial_list, self.final_state_unknown)

    @property
    def object(self) -> Object:
        """The newest state there is."""
        obj = self.new if self._new is not None else self.old
        assert obj is not None
        return obj

    @property
    def key(self) -> NamespacedName:
        """Namespace and name of the object."""
        return key_of(self.object)

    def _values(self) -> tuple[Any, ...]:
        return self.type, self.old, self.new, self.in_initial_list, self.final_state_unknown

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Delta) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((self.type, self.key))

    def __repr__(self) -> str:
        return f"Delta{self._values()}"
