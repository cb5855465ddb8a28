"""Bodies of the built-in kinds in protobuf, as typed Go clients send them by default. Pure.

A body is ``k8s\\0`` and a ``runtime.Unknown``: apiVersion and kind, and the object's own message. The catalog knows the field numbers.
"""

import base64
import functools
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.builtin import catalog
from controller.meta import jsonio

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Value = int | bytes
Schema = Mapping[str, Any]
Table = dict[int, "tuple[str, Schema] | Table"]


class ProtobufError(ValueError):
    """The bytes are not a message."""


class UnknownKind(ProtobufError):
    """The message is one of a kind that is not built in: only those have a protobuf form."""


def decode(data: bytes) -> dict[str, Any]:
    """The object as its JSON would be; fields that are not set are left out. Raises ProtobufError."""
    if not data.startswith(_MAGIC):
        raise ProtobufError("the body does not begin as Kubernetes' protobuf does")
    envelope = dict(_fields(data[len(_MAGIC) :]))
    names = {number: _text(value) for number, value in _fields(_raw(envelope.get(1, b"")))}
    api_version, kind = names.get(1, ""), names.get(2, "")
    schema = catalog.schema_of_kind(api_version, kind)
    if schema is None:
        raise UnknownKind(f"{api_version} {kind} is not a built-in kind")
    content = _message(_raw(envelope.get(2, b"")), schema)
    return {"apiVersion": api_version, "kind": kind, **content}


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Number and value of each field. Fixed-size values come as their bytes."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    try:
        while position < len(data):
            tag = varint()
            if tag & 7 == _VARINT:
                yield tag >> 3, varint()
                continue
            lengths: dict[int, Callable[[], int]] = {_FIXED64: lambda: 8, _BYTES: varint, _FIXED32: lambda: 4}
            if tag & 7 not in lengths:
                raise ProtobufError(f"wire type {tag & 7} is unknown")
            length = lengths[tag & 7]()
            if position + length > len(data):
                raise ProtobufError("the message ends early")
            yield tag >> 3, data[position : position + length]
            position += length
    except IndexError:
        raise ProtobufError("the message ends early") from None


@functools.cache
def _table(name: str) -> Table:
    """The fields of a message by number; a table within one is a message whose fields JSON flattens."""
    table: Table = {}
    for key, schema in catalog.definition(name)["properties"].items():
        *outer, number = map(int, str(schema.get("x-field-number", "0")).split("/"))
        inner: Any = table
        for step in outer:
            inner = inner.setdefault(step, {})
        inner[number] = (key, schema)
    return table


def _message(data: bytes, schema: Schema) -> dict[str, Any]:
    return _read(data, _table(_full_name(schema["x-name"])))


@functools.cache
def _full_names() -> dict[str, str]:
    return {catalog.short_name(name): name for name in catalog.definitions()}


def _full_name(short: str) -> str:
    return _full_names()[short]


def _read(data: bytes, table: Table) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for number, raw in _fields(data):
        entry = table.get(number)
        if isinstance(entry, dict):
            result |= _read(_raw(raw), entry)
        elif entry is not None:
            name, schema = entry
            if schema.get("type") == "array":
                result.setdefault(name, []).append(_value(raw, schema["items"]))
            elif isinstance(schema.get("additionalProperties"), Mapping):
                key, value = _pair(raw, schema["additionalProperties"])
                result.setdefault(name, {})[key] = value
            else:
                result[name] = _value(raw, schema)
    return result


def _pair(raw: Value, schema: Schema) -> tuple[str, Any]:
    fields = dict(_fields(_raw(raw)))
    if schema.get("type") == "array":
        items = [_value(item, schema["items"]) for _, item in _fields(_raw(fields.get(2, b"")))]
        return _text(fields.get(1, b"")), items
    default: Value = 0 if schema.get("type") in ("integer", "boolean") else b""
    return _text(fields.get(1, b"")), _value(fields.get(2, default), schema)


def _value(raw: Value, schema: Schema) -> Any:
    special = _SPECIAL.get(schema.get("x-name", ""))
    if special is not None:
        return special(dict(_fields(_raw(raw))))
    match schema.get("type"):
        case "string":
            return base64.b64encode(_raw(raw)).decode() if schema.get("format") == "byte" else _text(raw)
        case "integer":
            return _signed(raw)
        case "boolean":
            return bool(raw)
        case "number":
            return struct.unpack("<d", _raw(raw))[0]
        case _ if "properties" in schema:
            return _message(_raw(raw), schema)
        case _:
            raise ProtobufError(f"a value of {schema.get('x-name') or schema.get('type')} cannot be read from protobuf")


def _raw(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ProtobufError("a number stands where a text belongs")
    return value


def _signed(value: Value) -> int:
    if not isinstance(value, int):
        raise ProtobufError("a text stands where a number belongs")
    return value - 2**64 if value >= 2**63 else value


def _text(value: Value) -> str:
    try:
        return _raw(value).decode()
    except UnicodeDecodeError:
        raise ProtobufError("a text is not UTF-8") from None


Fields = dict[int, Value]


def _time(fields: Fields) -> str | None:
    return meta.format_time(float(_signed(fields[1]))) if 1 in fields else None


def _micro_time(fields: Fields) -> str | None:
    if 1 not in fields:
        return None
    whole, micro = meta.format_time(float(_signed(fields[1]))), _signed(fields.get(2, 0)) // 1000
    return f"{whole[:-1]}.{micro:06d}Z"


def _int_or_string(fields: Fields) -> int | str:
    return _text(fields.get(3, b"")) if fields.get(1) else _signed(fields.get(2, 0))


def _json(fields: Fields) -> Any:
    try:
        return jsonio.loads(_raw(fields[1])) if 1 in fields else None
    except ValueError as error:
        raise ProtobufError(f"the JSON in the message cannot be read: {error}") from None


_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"


def _schema(raw: Value) -> dict[str, Any]:
    return _message(_raw(raw), catalog.definition(f"{_EXTENSIONS}.JSONSchemaProps"))


def _schema_or_bool(fields: Fields) -> Any:
    return _schema(fields[2]) if 2 in fields else bool(fields.get(1, 0))


def _schema_or_array(fields: Fields) -> Any:
    if 2 in fields:
        raise ProtobufError("a list of schemas in items is not supported")
    return _schema(fields[1]) if 1 in fields else None


_SPECIAL: Mapping[str, Callable[[Fields], Any]] = {
    "api.resource.Quantity": lambda fields: _text(fields.get(1, b"0")),
    "util.intstr.IntOrString": _int_or_string,
    "meta.v1.Time": _time,
    "meta.v1.MicroTime": _micro_time,
    "meta.v1.FieldsV1": _json,
    "runtime.RawExtension": _json,
    f"{_EXTENSIONS}.JSON": _json,
    f"{_EXTENSIONS}.JSONSchemaPropsOrBool": _schema_or_bool,
    f"{_EXTENSIONS}.JSONSchemaPropsOrArray": _schema_or_array,
}
