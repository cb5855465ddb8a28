"""The changes of a step of a plan, as lines for people: only what differs, in one order on both sides, lists matched by key. Pure."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from controller import meta
from controller.api.documents import dump_documents
from controller.meta import Object

_IDENTITIES = ("name", "modelServerName", "key", "mountPath", "containerPort", "topologyKey")
"""Fields by which the items of a list are matched, if every item of both sides has one and no value occurs twice."""
_SERVER_FIELDS = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")


def changed_lines(before: Object | None, after: Object | None) -> list[str]:
    """Unified lines that begin with ``+``, ``-`` or a blank. An object that is created or deleted is shown whole."""
    old, new = (_shown(obj) for obj in (before, after))
    if old is not None and new is not None:
        old, new = differing(old, new)
    lines = difflib.unified_diff(_yaml(old), _yaml(new), lineterm="", n=3)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _shown(obj: Object | None) -> dict[str, Any] | None:
    """The object without its status and without what the API server sets."""
    if obj is None:
        return None
    metadata = {key: value for key, value in meta.metadata_of(obj).items() if key not in _SERVER_FIELDS}
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}


def _yaml(obj: dict[str, Any] | None) -> list[str]:
    return dump_documents([obj]).splitlines() if obj else []


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parts of two objects that differ, with their keys in the same order; matched list items keep their identity."""
    left: dict[str, Any] = {}
    right: dict[str, Any] = {}
    for key in dict.fromkeys([*before, *after]):
        if key in before and key in after:
            if not meta.equal_json(before[key], after[key]):
                left[key], right[key] = _differing_values(before[key], after[key])
        elif key in before:
            left[key] = before[key]
        else:
            right[key] = after[key]
    return left, right


def _differing_values(before: Any, after: Any) -> tuple[Any, Any]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return differing(before, after)
    if isinstance(before, list) and isinstance(after, list) and (name := _identity(before, after)):
        return _differing_items(before, after, name)
    return before, after


def _identity(before: Sequence[Any], after: Sequence[Any]) -> str | None:
    """The field that tells the items of both lists apart."""
    for name in _IDENTITIES:
        if all(_has_unique(items, name) for items in (before, after)):
            return name
    return None


def _has_unique(items: Sequence[Any], name: str) -> bool:
    values = [item.get(name) if isinstance(item, Mapping) else None for item in items]
    return all(isinstance(value, str | int) for value in values) and len(set(values)) == len(values)


def _differing_items(before: list[Any], after: list[Any], name: str) -> tuple[list[Any], list[Any]]:
    """The items that differ. Where only the order does, both sides are the identities in order."""
    old, new = ({item[name]: item for item in items} for items in (before, after))
    left, right = [], []
    for value in dict.fromkeys([*old, *new]):
        if value in old and value in new:
            if not meta.equal_json(old[value], new[value]):
                one, other = differing(old[value], new[value])
                left.append({name: value, **one})
                right.append({name: value, **other})
        elif value in old:
            left.append(old[value])
        else:
            right.append(new[value])
    if not left and not right:
        return [{name: value} for value in old], [{name: value} for value in new]
    return left, right
