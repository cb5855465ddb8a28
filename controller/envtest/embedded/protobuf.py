"""The few protobuf bodies that kubectl sends where it could send JSON: ``kubectl create`` of small built-in kinds. Pure.

A body is ``k8s\\0`` and a ``runtime.Unknown``: apiVersion and kind, and the object's own message.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _BYTES = 0, 2

Value = int | bytes
Reader = Callable[[Value], Any]


@dataclass(frozen=True, slots=True)
class _Field:
    """A field's JSON name and how its value is read. Maps are lists of pairs on the wire."""

    name: str
    read: Reader
    repeated: bool = False
    is_map: bool = False


_Message = Mapping[int, _Field]


class ProtobufError(ValueError):
    """The bytes are no message, or hold what is not read here."""


def decode(data: bytes) -> dict[str, Any]:
    """The object as its JSON would be. Raises ProtobufError for anything but the kinds of ``_KINDS``."""
    if not data.startswith(_MAGIC):
        raise ProtobufError("the body does not begin as Kubernetes' protobuf does")
    envelope = _read(data[len(_MAGIC) :], _UNKNOWN)
    names = envelope.get("typeMeta") or {}
    message = _KINDS.get((names.get("apiVersion", ""), names.get("kind", "")))
    if message is None:
        raise ProtobufError(f"{names.get('kind')} is taken as JSON only")
    return {**names, **_read(envelope.get("raw", b""), message)}


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
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
            elif tag & 7 == _BYTES:
                length = varint()
                if position + length > len(data):
                    raise ProtobufError("the message ends early")
                yield tag >> 3, data[position : position + length]
                position += length
            else:
                raise ProtobufError(f"wire type {tag & 7} is not read here")
    except IndexError:
        raise ProtobufError("the message ends early") from None


def _read(data: Value, message: _Message) -> dict[str, Any]:
    """The fields that are set; zero values and empty messages are as good as absent."""
    if not isinstance(data, bytes):
        raise ProtobufError("a number stands where a message belongs")
    result: dict[str, Any] = {}
    for number, raw in _fields(data):
        if number not in message:
            raise ProtobufError(f"field {number} is taken as JSON only")
        field, value = message[number], message[number].read(raw)
        if field.is_map:
            result.setdefault(field.name, {})[value.get("key", "")] = value.get("value", "")
        elif field.repeated:
            result.setdefault(field.name, []).append(value)
        elif value not in (None, "", 0, {}) or value is False:
            result[field.name] = value
    return result


def _raw(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ProtobufError("a number stands where a text belongs")
    return value


def _text(value: Value) -> str:
    try:
        return _raw(value).decode()
    except UnicodeDecodeError:
        raise ProtobufError("a text is not UTF-8") from None


def _base64(value: Value) -> str:
    return base64.b64encode(_raw(value)).decode()


def _flag(value: Value) -> bool:
    return bool(value)


def _ignored(_: Value) -> None:
    """What only the server sets."""


def _message(message: _Message) -> Reader:
    return lambda value: _read(value, message)


def _map(name: str, read: Reader) -> _Field:
    pair = {1: _Field("key", _text), 2: _Field("value", read)}
    return _Field(name, _message(pair), is_map=True)


_UNKNOWN: _Message = {
    1: _Field("typeMeta", _message({1: _Field("apiVersion", _text), 2: _Field("kind", _text)})),
    2: _Field("raw", _raw),
    3: _Field("contentEncoding", _text),
    4: _Field("contentType", _text),
}
_METADATA = _Field(
    "metadata",
    _message(
        {
            1: _Field("name", _text),
            2: _Field("generateName", _text),
            3: _Field("namespace", _text),
            **{number: _Field("ignored", _ignored) for number in (4, 5, 6, 7, 8)},
            11: _map("labels", _text),
            12: _map("annotations", _text),
            14: _Field("finalizers", _text, repeated=True),
        }
    ),
)
_KINDS: Mapping[tuple[str, str], _Message] = {
    ("v1", "Namespace"): {1: _METADATA, 2: _Field("spec", _ignored), 3: _Field("status", _ignored)},
    ("v1", "ConfigMap"): {
        1: _METADATA,
        2: _map("data", _text),
        3: _map("binaryData", _base64),
        4: _Field("immutable", _flag),
    },
    ("v1", "Secret"): {
        1: _METADATA,
        2: _map("data", _base64),
        3: _Field("type", _text),
        4: _map("stringData", _text),
        5: _Field("immutable", _flag),
    },
    ("v1", "ServiceAccount"): {1: _METADATA, 4: _Field("automountServiceAccountToken", _flag)},
}
