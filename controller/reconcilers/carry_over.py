"""Fields of others in an object that has to be deleted and created again: they are kept for the new one, also across a crash. Pure.

The new object cannot exist beside the old one, since it has the same name. So before the deletion the foreign fields are written to an
annotation of another child, the keeper, and removed from it after the creation:

1. The keeper is annotated. 2. The old object is deleted. 3. The new one is created, with the foreign fields. 4. The annotation is removed.
A process that ends after 1 finds the old object and starts again; after 2 it finds no object and creates it from the annotation; after 3
only the annotation is left to remove.
"""

import json
from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.dialects import ChildKey, Dialect
from controller.meta import Object

Carried = dict[str, Any]


def foreign_parts(live: Object, desired: Object, dialect: Dialect) -> Carried:
    """Labels, annotations and fields of ``spec`` that the controller does not write; empty when there are none."""
    kind = dialect.kind(str(desired["kind"]))
    own = dialect.keys.carried_over
    metadata = {
        part: extra
        for part, mine, theirs in (
            ("labels", meta.labels_of(desired), meta.labels_of(live)),
            ("annotations", meta.annotations_of(desired), meta.annotations_of(live)),
        )
        if (extra := {key: value for key, value in theirs.items() if key not in mine and key != own})
    }
    live_spec = meta.spec_of(live)
    owned = kind.owned.of(live_spec)
    spec = {key: value for key, value in live_spec.items() if key not in owned}
    return {**({"metadata": metadata} if metadata else {}), **({"spec": spec} if spec else {})}


def with_carried(desired: dict[str, Any], carried: Mapping[str, Any]) -> dict[str, Any]:
    """The desired object with the foreign parts; where both have a field, the desired one counts."""
    merged: dict[str, Any] = meta.merge_patch(dict(carried), desired)
    return merged


def annotation_value(key: ChildKey, carried: Carried) -> str:
    """The keeper's annotation."""
    return json.dumps({"kind": key.kind, "name": key.name, "carried": carried}, sort_keys=True)


def saved_for(key: ChildKey, children: Mapping[ChildKey, Object], dialect: Dialect) -> tuple[ChildKey, Carried] | None:
    """The keeper of this child's foreign parts, and the parts; None when there is none. An unreadable annotation is ignored."""
    for keeper, child in sorted(children.items()):
        saved = _read(meta.annotations_of(child).get(dialect.keys.carried_over))
        if saved and (saved.get("kind"), saved.get("name")) == key and isinstance(saved.get("carried"), dict):
            return keeper, saved["carried"]
    return None


def _read(text: str | None) -> dict[str, Any] | None:
    try:
        value = json.loads(text) if text else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def is_kept_by(live: Object | None, dialect: Dialect) -> bool:
    """Whether a child keeps foreign parts of another one."""
    return live is not None and dialect.keys.carried_over in meta.annotations_of(live)
