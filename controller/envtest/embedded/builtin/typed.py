"""Objects of built-in kinds as the real API server's types read and write them. Pure.

``read`` gives an object the form that it is stored in: without unknown fields, nulls and empty values, with times and quantities in their
canonical form, and with the fields that are always written.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller import meta
from controller.envtest.embedded.builtin.quantities import canonical

Schema = Mapping[str, Any]


@dataclass(slots=True)
class Problems:
    """The problems found while reading: paths of unknown fields, and sentences on values that cannot be read."""

    unknown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def read(value: Any, schema: Schema, problems: Problems, path: str = "") -> Any:
    """The value in its stored form. What is wrong is added to ``problems``; the value is then kept or left out."""
    special = _SPECIAL.get(schema.get("x-name", ""))
    if special is not None:
        return _checked(special, value, problems, path)
    properties, extra = schema.get("properties"), schema.get("additionalProperties")
    match schema.get("type"):
        case "object" if properties is not None:
            return _object(value, schema, problems, path)
        case "object" if isinstance(extra, Mapping):
            if not isinstance(value, dict):
                return _mistyped(value, "an object", problems, path)
            return {
                key: read(item, extra, problems, f"{path}.{key}")
                for key, item in value.items()
                if item is not None or not extra.get("type")
            }
        case "array":
            if not isinstance(value, list):
                return _mistyped(value, "a list", problems, path)
            items = schema.get("items") or {}
            return [
                read(zero(items) if item is None else item, items, problems, f"{path}[{index}]")
                for index, item in enumerate(value)
            ]
        case "string":
            return _checked(_base64 if schema.get("format") == "byte" else _text, value, problems, path)
        case "boolean":
            return value if isinstance(value, bool) else _mistyped(value, "a boolean", problems, path)
        case "integer":
            return _checked(_int32 if schema.get("format") == "int32" else _int64, value, problems, path)
        case "number":
            return value if _is_number(value) else _mistyped(value, "a number", problems, path)
        case "object":
            return value if isinstance(value, dict) else _mistyped(value, "an object", problems, path)
        case _:
            return value


def _object(value: Any, schema: Schema, problems: Problems, path: str) -> Any:
    if not isinstance(value, dict):
        return _mistyped(value, "an object", problems, path)
    properties = schema["properties"]
    result: dict[str, Any] = {}
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        sub = properties.get(key)
        if sub is None:
            problems.unknown.append(where)
        elif item is not None:
            found = read(item, sub, problems, where)
            if sub.get("x-presence", "empty") != "empty" or not _is_empty(found):
                result[key] = found
    for key, make in always_written(schema):
        if key not in result:
            result[key] = make()
    return result


_always: dict[int, tuple[Schema, tuple[tuple[str, Callable[[], Any]], ...]]] = {}


def always_written(schema: Schema) -> tuple[tuple[str, Callable[[], Any]], ...]:
    """The properties that are written also when they are not set, each with a maker of its value."""
    properties = schema["properties"]
    known = _always.get(id(properties))
    if known is None:
        found = tuple(
            (key, lambda sub=sub: zero(sub)) for key, sub in properties.items() if sub.get("x-presence") == "never"
        )
        known = _always[id(properties)] = (properties, found)
    return known[1]


def _is_empty(value: Any) -> bool:
    return value in ("", [], {}) or (value == 0 and isinstance(value, int | float))


def zero(schema: Schema) -> Any:
    """The value of a field that has not been set."""
    name = schema.get("x-name", "")
    if name in _ZEROS:
        return _ZEROS[name]
    if schema.get("properties") is not None:
        return {key: make() for key, make in always_written(schema)}
    return {"string": "", "integer": 0, "number": 0, "boolean": False}.get(schema.get("type", ""))


def _mistyped(value: Any, wanted: str, problems: Problems, path: str) -> Any:
    problems.wrong.append(f"{path} must be {wanted}")
    return value


def _checked(reader: Callable[[Any], Any], value: Any, problems: Problems, path: str) -> Any:
    try:
        return reader(value)
    except ValueError as error:
        problems.wrong.append(f"{path} {error}")
        return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _base64(value: Any) -> str:
    try:
        return base64.b64encode(
            base64.b64decode(_text(value).replace("\n", "").replace("\r", ""), validate=True)
        ).decode()
    except binascii.Error:
        raise ValueError("is not valid base64") from None


def _integer(value: Any, bits: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("must be an integer")
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise ValueError(f"must be a {bits}-bit integer")
    return value


def _int32(value: Any) -> int:
    return _integer(value, 32)


def _int64(value: Any) -> int:
    return _integer(value, 64)


def _int_or_string(value: Any) -> int | str:
    return value if isinstance(value, str) else _integer(value, 32)


def _quantity(value: Any) -> str:
    if not (isinstance(value, str) or _is_number(value)):
        raise ValueError("must be a quantity")
    return canonical(value)


def _time(value: Any) -> str:
    return meta.format_time(meta.parse_time(_text(value)))


def _micro_time(value: Any) -> str:
    text = _text(value)
    fraction = text.partition(".")[2].rstrip("Zz").partition("+")[0].partition("-")[0]
    if len(fraction) != 6:
        raise ValueError(f"must be a time with six fractional digits and a zone, not {text[:64]!r}")
    return meta.format_micro_time(meta.parse_time(text))


def _anything(value: Any) -> Any:
    return value


def _object_of_any_kind(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _schema_or_flag(value: Any) -> Any:
    if not isinstance(value, dict | bool):
        raise ValueError("must be a schema or a boolean")
    return value


_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
_SPECIAL: Mapping[str, Callable[[Any], Any]] = {
    "api.resource.Quantity": _quantity,
    "util.intstr.IntOrString": _int_or_string,
    "meta.v1.Time": _time,
    "meta.v1.MicroTime": _micro_time,
    "meta.v1.FieldsV1": _object_of_any_kind,
    "runtime.RawExtension": _object_of_any_kind,
    f"{_EXTENSIONS}.JSON": _anything,
    f"{_EXTENSIONS}.JSONSchemaPropsOrArray": _anything,
    f"{_EXTENSIONS}.JSONSchemaPropsOrBool": _schema_or_flag,
    f"{_EXTENSIONS}.JSONSchemaPropsOrStringArray": _anything,
}
_ZEROS: Mapping[str, Any] = {
    "api.resource.Quantity": "0",
    "util.intstr.IntOrString": 0,
    "meta.v1.Time": None,
    "meta.v1.MicroTime": None,
}
