"""Comparing live and desired JSON: equality without empty parts, coverage, and the merge patch between two values. Pure."""

from collections.abc import Mapping
from typing import Any

from controller import meta

Path = tuple[str, ...]

ABSENT: Any = object()
"""No value; of ``merge_patch_between`` also: no difference."""

_QUANTITIES = {("resources", "limits"), ("resources", "requests")}
_QUANTITY_LEAVES = {("emptyDir", "sizeLimit"), ("metrics", "targetValue")}
_EXACT_MAPS = {
    "matchLabels",
    "prefillLabels",
    "decodeLabels",
    "additionalMatchLabels",
    "labels",
    "annotations",
    "limits",
    "requests",
    "nodeSelector",
}
"""Maps with free keys. They are ours as a whole: an added key changes their meaning, so that coverage is not enough."""
_UNORDERED: Mapping[Path, Path] = {
    ("rules", "targetModels"): ("modelServerName",),
    ("optimizerConfiguration", "params"): ("target", "targetRef", "name"),
}
"""Lists whose order has no meaning, and where their items have their names."""


def merge_patch_between(live: Any, desired: Any, *, exact: bool, path: Path = ()) -> Any:
    """The JSON merge patch that makes ``live`` equal to ``desired`` (``exact``) or cover it; ABSENT when nothing differs."""
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        exact = exact or (path[-1:] != () and path[-1] in _EXACT_MAPS)
        patch = {}
        for key, value in desired.items():
            if is_empty(value) and is_empty(live.get(key)):
                continue
            part = value if key not in live else merge_patch_between(live[key], value, exact=exact, path=(*path, key))
            if part is not ABSENT:
                patch[key] = part
        if exact:
            patch.update({key: None for key, value in live.items() if key not in desired and not is_empty(value)})
        return patch or ABSENT
    return ABSENT if _same(live, desired, path, exact=exact) else desired


def equivalent(live: Any, desired: Any, path: Path = ()) -> bool:
    """Equality without nulls and empty parts; quantities by value."""
    return _same(live, desired, path, exact=True)


def covers(live: Any, desired: Any, path: Path = ()) -> bool:
    """Whether ``live`` has everything desired. Objects may have more fields; maps with free keys may not."""
    return _same(live, desired, path, exact=False)


def is_empty(value: Any) -> bool:
    """Whether it is null, ``{}`` or ``[]``."""
    return value is None or value in ({}, [])


def _same(live: Any, desired: Any, path: Path, *, exact: bool) -> bool:
    if type(desired) is type(live) and desired == live:
        return True
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        return _same_map(live, desired, path, exact=exact or (path != () and path[-1] in _EXACT_MAPS))
    if isinstance(desired, list | tuple) and isinstance(live, list | tuple):
        if (name := _UNORDERED.get(path[-2:])) is not None:
            live, desired = (sorted(items, key=lambda item: _text_at(item, name)) for items in (live, desired))
        return len(desired) == len(live) and all(
            _same(left, right, path, exact=exact) for left, right in zip(live, desired, strict=True)
        )
    return meta.equal_json(live, desired) or (_is_quantity(path) and meta.same_quantity(live, desired))


def _same_map(live: Mapping[str, Any], desired: Mapping[str, Any], path: Path, *, exact: bool) -> bool:
    wanted, current = _without_empty(desired), _without_empty(live)
    if exact and wanted.keys() != current.keys():
        differing = wanted.keys() ^ current.keys()
        if not all(_is_hollow(wanted.get(key, current.get(key))) for key in differing):
            return False
    return all(
        (key in current and _same(current[key], value, (*path, key), exact=exact)) or _is_hollow(value)
        for key, value in wanted.items()
    )


def _without_empty(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if not is_empty(item)}


def _is_quantity(path: Path) -> bool:
    return path[-3:-1] in _QUANTITIES or path[-2:] in _QUANTITY_LEAVES


def _text_at(item: Any, path: Path) -> str:
    for key in path:
        item = item.get(key) if isinstance(item, Mapping) else None
    return str(item)


def _is_hollow(value: Any) -> bool:
    """Whether nothing is left of it without nulls and empty parts."""
    if isinstance(value, Mapping):
        return all(_is_hollow(item) for item in value.values())
    return is_empty(value)


def changed_fields(patch: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted paths of the leaves of a merge patch, at most about 200 characters each."""
    found: list[str] = []
    for key, value in patch.items():
        path = f"{prefix}.{key}" if prefix else key
        found += changed_fields(value, path) if isinstance(value, Mapping) and value and len(path) < 200 else [path]
    return found
