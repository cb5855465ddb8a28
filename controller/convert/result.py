"""The result of a conversion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller import meta
from controller.meta import Object

_SERVERS_OWN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about the conversion of a document. ``lost`` says that the target cannot express it."""

    document: Object
    path: str
    message: str
    lost: bool = False


@dataclass(slots=True)
class Converted:
    """The documents in the order of those that were given, and the notes."""

    documents: list[Object] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def lossy(self) -> bool:
        """Whether something was lost."""
        return any(note.lost for note in self.notes)


def without_server_fields(document: Object) -> dict[str, Any]:
    """The document as a user would write it: no status, and nothing in the metadata that only a server sets."""
    metadata: dict[str, Any] = {
        key: value for key, value in meta.metadata_of(document).items() if key not in _SERVERS_OWN
    }
    if isinstance(annotations := metadata.get("annotations"), Mapping):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _APPLIED}
        if not metadata["annotations"]:
            del metadata["annotations"]
    rest = {key: value for key, value in document.items() if key not in ("metadata", "status")}
    return {
        **{key: rest[key] for key in ("apiVersion", "kind") if key in rest},
        "metadata": metadata,
        **{key: value for key, value in rest.items() if key not in ("apiVersion", "kind")},
    }
