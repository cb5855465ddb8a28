"""Structural schemas: pruning, defaulting and validation, as the API server does them for custom resources. Pure.

CEL rules (``x-kubernetes-validations``) are stored with the CRD and not enforced.
"""

import functools
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from controller.meta.errors import Cause
from controller.meta.times import parse_time

Schema = Mapping[str, Any]
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_LONGEST_SHOWN = 64
_NEVER_PRUNED = {"apiVersion", "kind", "metadata"}


def prune(value: Any, schema: Schema, path: str = "") -> tuple[Any, list[str]]:
    """The value without fields that the schema does not know, and the paths of those fields."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        preserve = schema.get(_PRESERVE) is True
        kept: dict[str, Any] = {}
        dropped: list[str] = []
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            if not path and key in _NEVER_PRUNED:
                kept[key] = item
            elif key in properties or isinstance(extra, Mapping):
                kept[key], below = prune(item, properties.get(key) or extra or {}, where)
                dropped += below
            elif preserve or extra is True:
                kept[key] = item
            else:
                dropped.append(where)
        return kept, dropped
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        pairs = [prune(item, schema["items"], f"{path}[{index}]") for index, item in enumerate(value)]
        return [item for item, _ in pairs], [where for _, below in pairs for where in below]
    return value, []


class UnknownField(NamedTuple):
    """A key that the schema does not know, and the keys it knows at that place."""

    path: str
    key: str
    known: Collection[str]


def unknown_fields(value: Any, schema: Schema, path: str = "") -> Iterator[UnknownField]:
    """The fields that ``prune`` would drop, in the order of the value."""
    if isinstance(value, Mapping):
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        open_ = schema.get(_PRESERVE) is True or extra is True
        for key, item in value.items():
            where = f"{path}.{key}" if path else key
            if not path and key in _NEVER_PRUNED:
                continue
            if key in properties or isinstance(extra, Mapping):
                yield from unknown_fields(item, properties.get(key) or extra or {}, where)
            elif not open_:
                yield UnknownField(where, key, properties.keys())
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for index, item in enumerate(value):
            yield from unknown_fields(item, schema["items"], f"{path}[{index}]")


def default(value: Any, schema: Schema) -> Any:
    """The value with defaults filled in, inside objects that are present."""
    if isinstance(value, dict):
        result = dict(value)
        for key, sub in (schema.get("properties") or {}).items():
            if "default" in sub and (key not in result or (result[key] is None and not sub.get("nullable"))):
                result[key] = sub["default"]
            if key in result:
                result[key] = default(result[key], sub)
        extra = schema.get("additionalProperties")
        if isinstance(extra, Mapping):
            known = schema.get("properties") or {}
            result.update({key: default(item, extra) for key, item in result.items() if key not in known})
        return result
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [default(item, schema["items"]) for item in value]
    return value


def drop_nulls(value: Any, schema: Schema) -> Any:
    """Null stands for absent where the schema does not allow it."""
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        return {
            key: drop_nulls(item, properties.get(key) or {})
            for key, item in value.items()
            if item is not None or key not in properties or properties[key].get("nullable")
        }
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [drop_nulls(item, schema["items"]) for item in value]
    return value


def violations(value: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Where the value breaks the schema."""
    if value is None and schema.get("nullable"):
        return
    if not _right_type(value, schema):
        wanted = "integer or string" if schema.get(_INT_OR_STRING) else schema.get("type")
        yield Cause(path, "FieldValueTypeInvalid", f"Invalid value: must be of type {wanted}")
        return
    yield from _constraints(value, schema, path)
    if isinstance(value, dict):
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        for key in schema.get("required") or ():
            if key not in value:
                yield Cause(f"{path}.{key}" if path else key, "FieldValueRequired", "Required value")
        for key, item in value.items():
            sub = properties.get(key) or (extra if isinstance(extra, Mapping) else None)
            if sub and not (not path and key in _NEVER_PRUNED):
                yield from violations(item, sub, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        if isinstance(schema.get("items"), Mapping):
            for index, item in enumerate(value):
                yield from violations(item, schema["items"], f"{path}[{index}]")
        yield from _duplicates(value, schema, path)


def _right_type(value: Any, schema: Schema) -> bool:
    if schema.get(_INT_OR_STRING):
        return isinstance(value, int | str) and not isinstance(value, bool)
    match schema.get("type"):
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and value.is_integer()
            )
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return True


def _constraints(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(_shown(item) for item in schema["enum"])
        yield Cause(
            path, "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {supported}"
        )
    if isinstance(value, str):
        yield from _text(value, schema, path)
    elif isinstance(value, list):
        yield from _size(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _range(value, schema, path)
    for sub in schema.get("allOf") or ():
        yield from _constraints(value, sub, path)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:_LONGEST_SHOWN]


def _invalid(path: str, value: Any, problem: str) -> Cause:
    return Cause(path, "FieldValueInvalid", f"Invalid value: {_shown(value)}: {problem}")


def _text(value: str, schema: Schema, path: str) -> Iterator[Cause]:
    longest, shortest = schema.get("maxLength"), schema.get("minLength", 0)
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield _invalid(path, value, f"should match '{schema['pattern']}'")
    if longest is not None and len(value) > longest:
        yield Cause(path, "FieldValueTooLong", f"Too long: may not be more than {longest} characters")
    if len(value) < shortest:
        yield _invalid(path, value, f"should be at least {shortest} chars long")
    if schema.get("format") == "date-time" and not _is_time(value):
        yield Cause(path, "FieldValueTypeInvalid", f"Invalid value: {_shown(value)}: must be of type date-time")


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except ValueError:
        return False
    return True


def _size(value: list[Any], schema: Schema, path: str) -> Iterator[Cause]:
    most, least = schema.get("maxItems"), schema.get("minItems", 0)
    if most is not None and len(value) > most:
        yield Cause(path, "FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items")
    if len(value) < least:
        yield Cause(path, "FieldValueInvalid", f"Invalid value: {len(value)}: should have at least {least} items")


def _range(value: float, schema: Schema, path: str) -> Iterator[Cause]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("format") == "int32" and not -(2**31) <= value < 2**31:
        yield _invalid(path, value, "should be a 32-bit integer")
    if low is not None and value < low:
        yield _invalid(path, value, f"should be greater than or equal to {low}")
    if high is not None and value > high:
        yield _invalid(path, value, f"should be less than or equal to {high}")


@functools.cache
def _pattern(text: str) -> re.Pattern[str]:
    """A pattern as Go reads it: ``$`` is the end of the text alone, never the place before a last line feed."""
    return re.compile(
        re.sub(r"\\.|\[(?:\\.|[^\]])*\]|\$", lambda part: r"\Z" if part[0] == "$" else part[0], text), re.ASCII
    )


def _duplicates(items: list[Any], schema: Schema, path: str) -> Iterator[Cause]:
    kind = schema.get("x-kubernetes-list-type")
    if kind not in ("map", "set"):
        return
    seen: set[Any] = set()
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    for index, item in enumerate(items):
        identity = tuple(item.get(key) for key in keys) if kind == "map" and isinstance(item, dict) else item
        try:
            known = identity in seen
        except TypeError:
            continue  # The keys of an item are not objects or lists; its wrong type is found as such.
        if known:
            yield Cause(f"{path}[{index}]", "FieldValueDuplicate", f"Duplicate value: {_shown(identity)}")
        seen.add(identity)
