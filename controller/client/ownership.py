"""Server-side apply: which fields a manager owns, and who is in the way. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.meta import Object, jsonio
from controller.meta.errors import StatusError

_MANAGER = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field (``.spec.replicas``) that another manager owns with another value."""

    field: str
    manager: str


def conflicts_of(error: StatusError) -> tuple[FieldConflict, ...]:
    """The fields on which an apply without ``force`` failed; empty for an error of another kind."""
    return tuple(
        FieldConflict(cause.field, match[1] if (match := _MANAGER.search(cause.message)) else "")
        for cause in error.causes
        if cause.reason == "FieldManagerConflict"
    )


def extract_owned(obj: Object, manager: str, *, subresource: str = "") -> dict[str, Any]:
    """The part of the object that ``manager`` applied, ready to be changed and applied again; only what identifies it, if nothing.

    ``obj`` comes from the client: caches do not keep ``managedFields``. Counts only what was applied, not what was written by other
    verbs, and only through ``subresource``.
    """
    metadata = {key: value for key in ("name", "namespace") if (value := meta.metadata_of(obj).get(key))}
    base = {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind"), "metadata": metadata}
    for entry in meta.metadata_of(obj).get("managedFields") or ():
        same = entry.get("manager") == manager and entry.get("operation") == "Apply"
        if same and (entry.get("subresource") or "") == subresource:
            owned = _extracted(obj, entry.get("fieldsV1") or {})
            owned = owned if isinstance(owned, Mapping) else {}
            return {**base, **owned, "metadata": {**metadata, **owned.get("metadata", {})}}
    return base


def _extracted(value: Any, fields: Mapping[str, Any]) -> Any:
    """The part of a value that a set of fields covers (``f:`` keys of maps, ``k:`` and ``v:`` items of lists)."""
    children = {key: sub for key, sub in fields.items() if key != "."}
    if not children:
        return value
    if isinstance(value, Mapping):
        named = {key[2:]: sub for key, sub in children.items() if key.startswith("f:")}
        return {key: _extracted(value[key], sub) for key, sub in named.items() if key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [item for entry in value if (item := _item(entry, children)) is not None]
    return value


def _item(entry: Any, children: Mapping[str, Any]) -> Any:
    for key, fields in children.items():
        if key.startswith("v:") and meta.equal_json(jsonio.loads(key[2:]), entry):
            return entry
        if key.startswith("k:") and isinstance(entry, Mapping):
            identity = jsonio.loads(key[2:])
            if all(meta.equal_json(entry.get(name), value) for name, value in identity.items()):
                return {**identity, **_extracted(entry, fields)}
    return None
