"""The parts and the result of a write: values that pass between the parts of the server. Pure."""

from dataclasses import dataclass, field
from typing import Any

from controller.envtest.embedded.storage import Entry


@dataclass(frozen=True, slots=True)
class Body:
    """The decoded body of a request, and the paths of the keys that it holds twice."""

    value: Any
    duplicates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The options of a write: ``field_validation`` is Ignore, Warn or Strict; ``manager`` owns the fields that it sets."""

    dry_run: bool = False
    field_validation: str = "Warn"
    manager: str = ""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The object after a write, warnings for the client, and the change; None when nothing changed. A dry run can have ``created`` too."""

    object: dict[str, Any]
    warnings: list[str] = field(default_factory=list)
    entry: Entry | None = None
    created: bool = False
