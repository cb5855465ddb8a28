"""Fields changed by hand: which fields a document has, and the document with another value in one of them."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.dialects import Dialect

Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values in a document that are neither an object nor a list."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if parts is None:
        yield path
        return
    for key, item in parts:
        yield from leaves(item, (*path, key))


def with_drift(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The document with another value of the same type at a path."""
    drifted: Any = copy.deepcopy(dict(document))
    *way, last = path
    holder = drifted
    for key in way:
        holder = holder[key]
    value = holder[last]
    holder[last] = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}0"
    return dict(drifted)


def fields_to_heal(child: Mapping[str, Any], dialect: Dialect, *, scaled: bool) -> list[Path]:
    """The paths of all fields of a child's spec that must come back.

    Not those of which another value needs another object, nor settings of roles that belong to others, nor, where an autoscaler scales it,
    the number of replicas.
    """
    kind = dialect.kind(child["kind"])
    others = [*kind.immutable, *([kind.replicas] if scaled and kind.replicas else [])]
    settings = kind.settings - {"replicas"}
    paths = leaves(meta.spec_of(child), ("spec",))
    return [path for path in paths if path[1:] not in others and not ("roles" in path and path[-1] in settings)]
