"""The difference between a live object and a desired one, as a JSON merge patch. Pure.

The comparison is made for a controller that owns some fields of an object and leaves the others alone: fields that the server's defaults
or other controllers added do not count as differences, nor do other spellings of the same value. So a reconciler that compares before it
writes does not write in every pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from controller.meta.merge import equal_json, merge_patch
from controller.meta.quantity import same_quantity

Path = tuple[str, ...]

ABSENT: Any = object()
"""No value; as the result of a comparison: no difference."""


@dataclass(frozen=True, slots=True)
class FieldRules:
    """The meaning of fields, by the last keys of their paths (indexes of lists do not count).

    - ``quantities``: compared by value: ``1`` is ``1000m``. The key ``*`` stands for any.
    - ``exact_maps``: maps with free keys that are owned as a whole: a key more changes their meaning.
    - ``unordered``: lists of equal length whose order has no meaning, and the path of what identifies an item.
    - ``keyed``: lists whose items are identified by the values of these keys; foreign items stay. A key with a default is ``key=default``.
    """

    quantities: frozenset[Path] = frozenset()
    exact_maps: frozenset[str] = frozenset()
    unordered: Mapping[Path, Path] = field(default_factory=dict)
    keyed: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)


KUBERNETES = FieldRules(
    quantities=frozenset(
        {
            ("limits", "*"),
            ("requests", "*"),
            ("capacity", "*"),
            ("hard", "*"),
            ("emptyDir", "sizeLimit"),
            ("averageValue",),
        }
    ),
    exact_maps=frozenset({"matchLabels", "nodeSelector", "selector"}),
    keyed={
        ("containers",): ("name",),
        ("initContainers",): ("name",),
        ("env",): ("name",),
        ("volumes",): ("name",),
        ("imagePullSecrets",): ("name",),
        ("volumeMounts",): ("mountPath",),
        ("containers", "ports"): ("containerPort", "protocol=TCP"),
        ("spec", "ports"): ("port", "protocol=TCP"),
        ("conditions",): ("type",),
    },
)
"""The rules of the core kinds: Pods and their templates, Services, autoscalers, quotas."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares by some rules."""

    rules: FieldRules = KUBERNETES

    def patch(self, live: Any, desired: Any, *, exact: bool = False, path: Path = ()) -> Any:
        """The JSON merge patch that makes ``live`` cover ``desired``, or equal to it (``exact``); ABSENT when nothing differs.

        A null in ``desired`` asks for the removal of the field. Empty maps and lists equal missing ones.
        """
        if isinstance(desired, Mapping) and isinstance(live, Mapping):
            exact = exact or self._is_exact(path)
            changes = {}
            for key, value in desired.items():
                if is_empty(value) and is_empty(live.get(key)):
                    continue
                part = value if key not in live else self.patch(live[key], value, exact=exact, path=(*path, key))
                if part is not ABSENT:
                    changes[key] = part
            if exact:
                changes.update({key: None for key, value in live.items() if key not in desired and not is_empty(value)})
            return changes or ABSENT
        if self.same(live, desired, exact=exact, path=path):
            return ABSENT
        if exact or not (_is_list(live) and _is_list(desired)):
            return desired
        keys = self._keys(live, desired, path)
        return desired if keys is None else self._merged_items(live, desired, keys, path)

    def same(self, live: Any, desired: Any, *, exact: bool = False, path: Path = ()) -> bool:
        """Whether ``live`` covers ``desired``: has everything in it, and may have more; with ``exact``, nothing more."""
        if type(desired) is type(live) and desired == live:
            return True
        if isinstance(desired, Mapping) and isinstance(live, Mapping):
            return self._same_map(live, desired, path, exact=exact or self._is_exact(path))
        if _is_list(desired) and _is_list(live):
            return self._same_list(live, desired, path, exact=exact)
        return equal_json(live, desired) or (self._is_quantity(path) and same_quantity(live, desired))

    def _same_list(self, live: Sequence[Any], desired: Sequence[Any], path: Path, *, exact: bool) -> bool:
        keys = self._keys(live, desired, path)
        if keys is not None:
            present = {_identity(item, keys): item for item in live}
            if exact and len(desired) != len(live):
                return False
            return all(
                (identity := _identity(item, keys)) in present
                and self.same(present[identity], item, exact=exact, path=path)
                for item in desired
            )
        if (name := _rule(self.rules.unordered, path)) is not None:
            live, desired = (sorted(items, key=lambda item: _text_at(item, name)) for items in (live, desired))
        return len(desired) == len(live) and all(
            self.same(left, right, exact=exact, path=path) for left, right in zip(live, desired, strict=True)
        )

    def _same_map(self, live: Mapping[str, Any], desired: Mapping[str, Any], path: Path, *, exact: bool) -> bool:
        wanted, current = _without_empty(desired), _without_empty(live)
        if exact and wanted.keys() != current.keys():
            differing = wanted.keys() ^ current.keys()
            if not all(_has_no_content(wanted.get(key, current.get(key))) for key in differing):
                return False
        return all(
            (key in current and self.same(current[key], value, exact=exact, path=(*path, key)))
            or _has_no_content(value)
            for key, value in wanted.items()
        )

    def _merged_items(
        self, live: Sequence[Any], desired: Sequence[Any], keys: tuple[str, ...], path: Path
    ) -> list[Any]:
        """The live items with what is wanted of them, and the wanted items that are missing: a merge patch replaces lists whole."""
        wanted = {_identity(item, keys): item for item in desired}
        merged = []
        for item in live:
            part = self.patch(item, wanted.pop(_identity(item, keys), {}), path=path)
            merged.append(item if part is ABSENT else merge_patch(item, part))
        return [*merged, *wanted.values()]

    def _keys(self, live: Sequence[Any], desired: Sequence[Any], path: Path) -> tuple[str, ...] | None:
        """The keys that identify the items of these two lists; None where no rule names them, or an item is not identified uniquely."""
        keys = _rule(self.rules.keyed, path)
        if keys is None or not all(_has_identity(item, keys) for items in (live, desired) for item in items):
            return None
        unique = all(len({_identity(item, keys) for item in items}) == len(items) for items in (live, desired))
        return keys if unique else None

    def _is_exact(self, path: Path) -> bool:
        return path[-1:] != () and path[-1] in self.rules.exact_maps

    def _is_quantity(self, path: Path) -> bool:
        quantities = self.rules.quantities
        return any(
            path[-length:] in quantities or (*path[-length:-1], "*") in quantities
            for length in range(1, min(len(path), 3) + 1)
        )


def changed_fields(patch: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted paths of the leaves of a merge patch, at most about 200 characters each."""
    found: list[str] = []
    for key, value in patch.items():
        path = f"{prefix}.{key}" if prefix else key
        found += changed_fields(value, path) if isinstance(value, Mapping) and value and len(path) < 200 else [path]
    return found


def is_empty(value: Any) -> bool:
    """Whether it is null, ``{}`` or ``[]``."""
    return value is None or value in ({}, [])


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _rule(rules: Mapping[Path, tuple[str, ...]], path: Path) -> tuple[str, ...] | None:
    """The rule for the longest end of the path that has one."""
    return next((rules[path[-length:]] for length in (3, 2, 1) if path[-length:] in rules), None)


def _has_identity(item: Any, keys: tuple[str, ...]) -> bool:
    return isinstance(item, Mapping) and all("=" in key or item.get(key) is not None for key in keys)


def _identity(item: Any, keys: tuple[str, ...]) -> tuple[str, ...]:
    values = item if isinstance(item, Mapping) else {}
    return tuple(str(values.get(key, default)) for key, _, default in (entry.partition("=") for entry in keys))


def _text_at(item: Any, path: Path) -> str:
    for key in path:
        item = item.get(key) if isinstance(item, Mapping) else None
    return str(item)


def _without_empty(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if not is_empty(item)}


def _has_no_content(value: Any) -> bool:
    """Whether nothing is left of it without nulls and empty parts."""
    if isinstance(value, Mapping):
        return all(_has_no_content(item) for item in value.values())
    return is_empty(value)
