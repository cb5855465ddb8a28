"""Sets of fields as ``metadata.managedFields`` holds them (FieldsV1). Pure.

A path is a tuple of elements: ``f:NAME`` is a field or a key of a map, ``k:{...}`` the item of a list with these keys, ``v:VALUE`` the item
of a set with this value. A set of fields is a frozenset of paths.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.meta import jsonio

Path = tuple[str, ...]
FieldSet = frozenset[Path]
EMPTY: FieldSet = frozenset()
_ITSELF = "."


def to_fields_v1(fields: Iterable[Path]) -> dict[str, Any]:
    """The set as nested maps; ``.`` marks a path that is a member beside members below it."""
    root: dict[str, Any] = {}
    for path in sorted(fields):
        node = root
        for element in path[:-1]:
            node = node.setdefault(element, {})
        node.setdefault(path[-1], {})[_ITSELF] = {}
    return {element: _compact(node) for element, node in root.items()}


def _compact(node: dict[str, Any]) -> dict[str, Any]:
    below = {element: _compact(child) for element, child in node.items() if element != _ITSELF}
    return {_ITSELF: {}, **below} if below and _ITSELF in node else below


def from_fields_v1(fields: Any) -> FieldSet:
    """The set that nested maps stand for. What is not a map counts as empty."""
    return frozenset(_members(fields, ())) if isinstance(fields, Mapping) else EMPTY


def _members(node: Mapping[str, Any], path: Path) -> Iterable[Path]:
    for element, below in node.items():
        if element == _ITSELF:
            yield path
        elif isinstance(below, Mapping) and below:
            yield from _members(below, (*path, element))
        else:
            yield (*path, element)


def key_element(keys: Mapping[str, Any]) -> str:
    """The element of a list item with these keys."""
    return "k:" + jsonio.dumps(dict(sorted(keys.items()))).decode()


def value_element(value: Any) -> str:
    """The element of a set's item."""
    return "v:" + jsonio.dumps(value).decode()


def dotted(path: Path) -> str:
    """The path as error messages show it: ``.spec.ports[port=80].name``."""
    parts = []
    for element in path:
        kind, text = element[:2], element[2:]
        if kind == "f:":
            parts.append(f".{text}")
        elif kind == "k:":
            keys = jsonio.loads(text)
            parts.append("[" + ",".join(f"{name}={jsonio.dumps(value).decode()}" for name, value in keys.items()) + "]")
        else:
            parts.append(f"[={text}]")
    return "".join(parts)


def under(fields: FieldSet, path: Path) -> bool:
    """Whether a member is at the path or below it."""
    return any(member[: len(path)] == path for member in fields)
