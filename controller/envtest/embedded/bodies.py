"""Bodies of requests: JSON, YAML and protobuf become one decoded value. Pure."""

import json
import re
from typing import Any

import yaml

from controller.envtest.embedded import protobuf
from controller.envtest.embedded.patches import unsupported
from controller.envtest.embedded.refusals import unexplained
from controller.envtest.embedded.writes import Body
from controller.meta import jsonio
from controller.meta.errors import BadRequest

MAX_BODY = 3 * 1024 * 1024
_MAX_STORED = 3 * 512 * 1024
_JSON_TYPES = ("", "application/json")
_YAML = "application/yaml"
_MAY_HOLD_FLOATS = re.compile(rb"\d(\.0|[eE])")
_KEY = re.compile(rb'"\s*:')
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


def read_object(data: bytes, content_type: str) -> Body:
    """The object that a request carries. Raises BadRequest, and UnsupportedMediaType for a type that is not read here."""
    if content_type in _JSON_TYPES:
        return read_json(data)
    if content_type == _YAML:
        return read_yaml(data)
    if content_type == protobuf.CONTENT_TYPE:
        try:
            return Body(protobuf.decode(data))
        except protobuf.UnknownKind:
            raise unsupported(content_type) from None
        except protobuf.ProtobufError as error:
            raise BadRequest(f"the body of the request cannot be read: {error}") from None
    raise unsupported(content_type)


def read_json(data: bytes) -> Body:
    """The value of a JSON body, and the keys that it holds twice. Raises BadRequest."""
    _check_size(data)
    try:
        value = jsonio.loads(data)
    except ValueError as error:
        raise BadRequest(f"the body of the request cannot be read: {error}") from None
    duplicates = _duplicates(data) if len(_KEY.findall(data)) > _count_keys(value) else ()
    return Body(_whole_numbers(value) if _MAY_HOLD_FLOATS.search(data) else value, duplicates)


def read_yaml(data: bytes) -> Body:
    """The value of a YAML body. JSON is read as YAML too: surrogate escapes and control characters are refused. Raises BadRequest."""
    _check_size(data)
    try:
        text = data.decode()
        value = jsonio.loads(data) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise BadRequest(f"error decoding YAML: {error}") from None
    if _SURROGATE.search(data):
        raise BadRequest("error decoding YAML: found invalid Unicode character escape code")
    if _CONTROL.search(text):
        raise BadRequest("error decoding YAML: control characters are not allowed")
    return Body(_whole_numbers(value))


def _check_size(data: bytes) -> None:
    if len(data) > _MAX_STORED:
        raise unexplained("etcdserver: request is too large")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Times stay texts, as they do in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _count_keys(value: Any) -> int:
    count, stack = 0, [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            count += len(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
    return count


def _duplicates(data: bytes) -> tuple[str, ...]:
    """The paths of the keys that stand twice in one object."""

    class Pairs(list[Any]):
        """The pairs of one object."""

    try:
        document = json.loads(data, object_pairs_hook=Pairs)
    except (ValueError, RecursionError):
        return ()
    found: list[str] = []

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Pairs):
            seen = set()
            for key, item in value:
                where = f"{path}.{key}" if path else key
                if key in seen and where not in found:
                    found.append(where)
                seen.add(key)
                walk(item, where)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, f"{path}[{index}]")

    walk(document, "")
    return tuple(found)


def _whole_numbers(value: Any) -> Any:
    """Kubernetes stores ``1.0`` as 1."""
    match value:
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case dict():
            return {key: _whole_numbers(item) for key, item in value.items()}
        case list():
            return [_whole_numbers(item) for item in value]
        case _:
            return value
