"""The parts and the result of a write: values that pass between the parts of the server. Pure."""

from dataclasses import dataclass, field
from typing import Any

from controller.envtest.embedded.storage import Entry

ADMINISTRATORS = "system:masters"


@dataclass(frozen=True, slots=True)
class User:
    """A user and its groups."""

    name: str
    groups: tuple[str, ...]

    def as_object(self) -> dict[str, Any]:
        """As reviews show it."""
        return {"username": self.name, "groups": list(self.groups)}


ADMIN = User("admin", (ADMINISTRATORS, "system:authenticated"))


@dataclass(frozen=True, slots=True)
class Body:
    """The decoded body of a request, and the paths of the keys that it holds twice."""

    value: Any
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The options of a write by ``user``: ``field_validation`` is Ignore, Warn or Strict; ``manager`` owns the fields that it sets."""

    dry_run: bool = False
    field_validation: str = "Warn"
    manager: str = ""
    force: bool = False
    user: User = ADMIN


@dataclass(frozen=True, slots=True)
class Written:
    """The object after a write, warnings for the client, and the change; None when nothing changed. A dry run can have ``created`` too."""

    object: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    entry: Entry | None = None
    created: bool = False
