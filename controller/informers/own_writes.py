"""Memory of this process's own writes, until lists and events have caught up with them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field

from controller.meta import NamespacedName

Tombstone = tuple[NamespacedName, str]


@dataclass(slots=True)
class OwnWrites:
    """Versions of recorded objects by key, and of deleted ones by key and uid."""

    recorded: dict[NamespacedName, int] = field(default_factory=dict)
    tombstones: dict[Tombstone, int] = field(default_factory=dict)

    def forget_all(self) -> None:
        """The server's history is another one."""
        self.recorded.clear()
        self.tombstones.clear()

    def is_buried(self, key: NamespacedName, uid: str, number: int) -> bool:
        """Whether this version of this object was deleted by us."""
        return number <= self.tombstones.get((key, uid), -1)

    def seen(self, key: NamespacedName, number: int) -> None:
        """A version of this key came in; a record that is not newer has done its work."""
        if self.recorded.get(key, -1) <= number:
            self.recorded.pop(key, None)

    def seen_deleted(self, key: NamespacedName, uid: str, number: int) -> None:
        """The deletion of this object came in."""
        if self.tombstones.get((key, uid), -1) <= number or number == 0:
            self.tombstones.pop((key, uid), None)

    def settle(
        self, at: int, is_stored: Callable[[NamespacedName], bool], is_listed: Callable[[Tombstone], bool]
    ) -> None:
        """A list at ``at`` is in place; what it already knows is forgotten. A tombstone stays while lists still show its object."""
        self.recorded = {key: number for key, number in self.recorded.items() if number > at and is_stored(key)}
        self.tombstones = {
            grave: number for grave, number in self.tombstones.items() if number > at or is_listed(grave)
        }
