"""Values as their schemas describe them: fields, differences, merges and removals, by the list and map types of the schema. Pure.

Lists are atomic unless the schema says ``map`` or ``set``; maps are granular unless it says ``atomic``. Where no schema is, maps are
granular and lists atomic.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller.envtest.embedded.apply.fields import FieldSet, Path, key_element, value_element
from controller.meta import equal_json

Schema = Mapping[str, Any]
_ABSENT: Any = object()
_NOTHING: Schema = {}


class TypedError(ValueError):
    """A value does not fit its schema: an unknown field, or two items of a list with the same key."""


def child(schema: Schema, name: str) -> Schema:
    """The schema of a field or of a map's value."""
    found = (schema.get("properties") or {}).get(name)
    extra = schema.get("additionalProperties")
    return found or (extra if isinstance(extra, Mapping) else _NOTHING)


def _is_declared(schema: Schema, name: str) -> bool:
    return name in (schema.get("properties") or {})


def is_atomic(value: Any, schema: Schema) -> bool:
    """Whether the value has one owner as a whole."""
    if isinstance(value, dict):
        return schema.get("x-kubernetes-map-type") == "atomic" or schema.get("x-name") in _ATOMIC
    if isinstance(value, list):
        return schema.get("x-kubernetes-list-type") not in ("map", "set")
    return True


_ATOMIC = ("meta.v1.FieldsV1", "runtime.RawExtension")


def elements(items: list[Any], schema: Schema) -> dict[str, Any]:
    """The items of a list of type map or set by their path elements. Raises TypedError for duplicates."""
    found: dict[str, Any] = {}
    for item in items:
        element = _element(item, schema)
        if element in found:
            raise TypedError(f"duplicate entries for key {element[2:]}")
        found[element] = item
    return found


def _element(item: Any, schema: Schema) -> str:
    if schema.get("x-kubernetes-list-type") == "set":
        return value_element(item)
    properties = (schema.get("items") or {}).get("properties") or {}
    keys: dict[str, Any] = {}
    for key in schema.get("x-kubernetes-list-map-keys") or ():
        value = item.get(key) if isinstance(item, dict) else None
        if value is None:
            value = properties.get(key, {}).get("default")
        if value is not None:
            keys[key] = value
    if not keys:
        raise TypedError("associative list with keys has an element that omits all key fields")
    return key_element(keys)


def _children(value: Any, schema: Schema) -> dict[str, tuple[Any, Schema]]:
    """The parts of a granular value by path element."""
    if isinstance(value, dict):
        return {f"f:{name}": (item, child(schema, name)) for name, item in value.items()}
    items = schema.get("items") or _NOTHING
    return {element: (item, items) for element, item in elements(value, schema).items()}


def field_set(value: Any, schema: Schema, path: Path = ()) -> Iterator[Path]:
    """The fields that a value sets, as an applied configuration owns them. Raises TypedError."""
    _check_form(value, schema, path)
    if is_atomic(value, schema):
        yield path
        return
    for element, (item, sub) in _children(value, schema).items():
        where = (*path, element)
        yield from field_set(item, sub, where)
        is_item = isinstance(value, list)
        is_empty = item is None or item == {}
        if is_item or is_empty or not _is_declared(schema, element[2:]):
            yield where


_FORMS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str, bool, int, float),
    "boolean": (str, bool, int, float),
    "integer": (str, bool, int, float),
    "number": (str, bool, int, float),
}


def _check_form(value: Any, schema: Schema, path: Path) -> None:
    """Raises TypedError for a map, a list or a scalar where the schema has another of the three."""
    forms = _FORMS.get(str(schema.get("type")))
    if value is not None and forms and not isinstance(value, forms):
        where = "".join(f".{element[2:]}" for element in path)
        raise TypedError(f"{where}: expected {schema['type']}, got {value!r}")


@dataclass(slots=True)
class Difference:
    """The fields that are new, changed and gone."""

    added: set[Path]
    modified: set[Path]
    removed: set[Path]


def compare(before: Any, after: Any, schema: Schema) -> Difference:
    """The differences of the second value from the first. Raises TypedError."""
    result = Difference(set(), set(), set())
    _compare(before, after, schema, (), result)
    return result


def _compare(before: Any, after: Any, schema: Schema, path: Path, result: Difference) -> None:
    present = after if after is not _ABSENT else before
    both_empty = _is_empty(before) and _is_empty(after)
    if present is None:
        present = before
    if is_atomic(present, schema) or both_empty or _differ_in_kind(before, after):
        _leaf(before, after, path, result)
        return
    old = _children(before, schema) if isinstance(before, dict | list) else {}
    new = _children(after, schema) if isinstance(after, dict | list) else {}
    for element in dict.fromkeys((*old, *new)):
        left, right = old.get(element), new.get(element)
        sub = (right or left or (None, _NOTHING))[1]
        _compare(left[0] if left else _ABSENT, right[0] if right else _ABSENT, sub, (*path, element), result)
    if path and before is _ABSENT:
        result.added.add(path)
    elif path and after is _ABSENT:
        result.removed.add(path)


def _is_empty(value: Any) -> bool:
    return value is _ABSENT or value is None or value in ({}, [])


def _differ_in_kind(before: Any, after: Any) -> bool:
    """Whether one is a map, and the other a list or a scalar."""
    kinds = {type(value) for value in (before, after) if value is not _ABSENT and value is not None}
    return len(kinds) > 1


def _leaf(before: Any, after: Any, path: Path, result: Difference) -> None:
    if before is _ABSENT:
        if after is not _ABSENT:
            result.added.add(path)
    elif after is _ABSENT:
        result.removed.add(path)
    elif not equal_json(before, after):
        result.modified.add(path)


def merge(live: Any, applied: Any, schema: Schema) -> Any:
    """The live value with the applied one laid over it: granular parts one by one, atomic ones whole. Raises TypedError."""
    if applied is None or is_atomic(applied, schema) or type(live) is not type(applied):
        return applied
    if isinstance(applied, dict):
        merged = dict(live)
        for name, item in applied.items():
            merged[name] = merge(live[name], item, child(schema, name)) if name in live else item
        return merged
    old, new = elements(live, schema), elements(applied, schema)
    items = schema.get("items") or _NOTHING
    merged_items = {
        element: merge(old[element], item, items) if element in old else item for element, item in new.items()
    }
    return list(_in_order(old, merged_items).values())


def _in_order(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """All items: those that were applied in their order, the others before the applied items that they stood before."""
    result: dict[str, Any] = {}
    waiting, applied = list(old), list(new)
    while waiting or applied:
        if waiting and (waiting[0] not in new or waiting[0] in result):
            element = waiting.pop(0)
            if element not in new:
                result[element] = old[element]
        else:
            element = applied.pop(0)
            result[element] = new[element]
    return result


def remove(value: Any, schema: Schema, gone: FieldSet, kept: FieldSet) -> Any:
    """The value without the fields in ``gone``; an item or map stays while a field below it is in ``kept``."""
    found = _remove(value, schema, (), _prefixes(gone), _prefixes(kept), gone)
    return {} if found is _ABSENT else found


def _prefixes(fields: FieldSet) -> set[Path]:
    return {path[:length] for path in fields for length in range(1, len(path) + 1)}


def _remove(value: Any, schema: Schema, path: Path, touched: set[Path], kept: set[Path], gone: FieldSet) -> Any:
    if path and path not in touched:
        return value
    if path in gone and path not in kept:
        return _ABSENT
    if is_atomic(value, schema):
        return value
    parts = {
        element: _remove(item, sub, (*path, element), touched, kept, gone)
        for element, (item, sub) in _children(value, schema).items()
    }
    left = {element: item for element, item in parts.items() if item is not _ABSENT}
    if not left and parts and path not in kept:
        return _ABSENT
    return list(left.values()) if isinstance(value, list) else {element[2:]: item for element, item in left.items()}
