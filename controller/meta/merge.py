"""Patches as pure functions, and the question whether one value covers another."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any


class PatchError(ValueError):
    """A JSON patch that does not fit the document; the message names the operation."""


def merge_patch(target: Any, patch: Any) -> Any:
    """The result of a JSON merge patch (RFC 7386): maps by key, everything else whole, null removes. Neither input is changed."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def covers(observed: Any, desired: Any) -> bool:
    """Whether everything in ``desired`` is in ``observed``: maps by key, lists item by item and of the same length."""
    if isinstance(desired, Mapping):
        return isinstance(observed, Mapping) and all(
            key in observed and covers(observed[key], value) for key, value in desired.items()
        )
    if isinstance(desired, list | tuple):
        return (
            isinstance(observed, list | tuple)
            and len(observed) == len(desired)
            and all(covers(left, right) for left, right in zip(observed, desired, strict=True))
        )
    return equal_json(observed, desired)


def equal_json(left: Any, right: Any) -> bool:
    """Equality of JSON values: ``true`` is not 1, while 1 and 1.0 are the same number."""
    kind = type(left)
    if kind is type(right):
        if kind is dict:
            return left.keys() == right.keys() and all(equal_json(value, right[key]) for key, value in left.items())
        if kind is str:
            return bool(left == right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, str) or isinstance(right, str):
        return bool(left == right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal_json(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(equal_json(*pair) for pair in zip(left, right, strict=True))
    return bool(left == right)


def json_patch(target: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """The document after a JSON patch (RFC 6902); the input is not changed. Raises PatchError, and then nothing was applied."""
    document = copy.deepcopy(target)
    for index, operation in enumerate(operations):
        try:
            document = _apply(document, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise PatchError(f"operation {index} ({operation.get('op')} {operation.get('path')}): {error}") from None
    return document


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _add(document, path, copy.deepcopy(operation["value"]))
        case "remove":
            return _remove(document, path)
        case "replace":
            _get(document, path)
            return _add(_remove(document, path) if path else document, path, copy.deepcopy(operation["value"]))
        case "move":
            source = _pointer(operation["from"])
            if path[: len(source)] == source and path != source:
                raise ValueError("cannot move a value into itself")
            value = _get(document, source)
            return _add(_remove(document, source), path, value)
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _pointer(operation["from"]))))
        case "test":
            if not equal_json(_get(document, path), operation["value"]):
                raise ValueError("the value differs")
            return document
        case other:
            raise ValueError(f"unknown operation {other!r}")


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError("not a JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(items: list[Any], token: str, *, end: int) -> int:
    if not (token.isascii() and token.isdigit()) or (len(token) > 1 and token[0] == "0") or int(token) >= end:
        raise IndexError(f"no index {token!r} in a list of {len(items)}")
    return int(token)


def _get(document: Any, path: list[str]) -> Any:
    for token in path:
        if isinstance(document, list):
            document = document[_index(document, token, end=len(document))]
        elif isinstance(document, dict) and token in document:
            document = document[token]
        else:
            raise KeyError(f"nothing at {token!r}")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        parent.insert(len(parent) if path[-1] == "-" else _index(parent, path[-1], end=len(parent) + 1), value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise TypeError("the parent is neither a map nor a list")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        raise ValueError("the whole document cannot be removed")
    _get(document, path)
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        del parent[int(path[-1])]
    else:
        del parent[path[-1]]
    return document
