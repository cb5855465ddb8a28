"""A worker's ``config``: the arguments of its engine, found under the names of the engine's own parser. Pure and total."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.api.model import Worker
from controller.render.options import Option, OptionTable

_TRUE = ("true", "1", "yes")
_FALSE = ("false", "0", "no")


def normal_key(key: str) -> str:
    """The key as the engine's parser spells it: ``_`` is ``-`` up to the first dot. What follows a dot is a key inside a JSON value."""
    head, dot, path = key.partition(".")
    return head.replace("_", "-") + dot + path


def parse_port(value: Any) -> int | None:
    """A port of 1…65535, given as an integer or its decimal digits; else None."""
    if isinstance(value, str) and re.fullmatch(r"0*[0-9]{1,5}", value):
        value = int(value)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if is_integer and 1 <= value <= 65535 else None


def as_boolean(value: Any) -> bool | None:
    """The meaning of a value for an option without values: true, false and the empty string, or a word or number for them; else None."""
    if isinstance(value, bool):
        return value
    if value == "":
        return True
    word = str(value).lower() if isinstance(value, str | int) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def as_mapping(value: Any) -> Mapping[str, Any] | None:
    """A JSON object, given as one or as its text; else None."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping) else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a config.

    ``flag`` is the long option without dashes as it is passed on; ``name`` that under which the value is looked up: the option's first name.
    ``path`` are the keys inside the option's JSON. ``is_off`` says that the key is a name that turns its option off.
    """

    key: str
    flag: str
    name: str
    path: tuple[str, ...]
    value: Any
    option: Option | None
    is_off: bool = False
    is_abbreviated: bool = False

    @classmethod
    def of(cls, key: str, value: Any, table: OptionTable | None) -> "Entry":
        """The key as the parser of this table reads it."""
        head, *path = normal_key(key).split(".")
        if table is None:
            return cls(key, head, head, tuple(path), value, None)
        exact = table.find(head)
        option = exact or table.abbreviated(head)
        if option is None:
            return cls(key, head, head, tuple(path), value, None)
        is_off = head not in option.names and option.kind == "switch" and (exact is not None or _is_off(head, option))
        flag = head if exact else next(name for name in (*option.names, *option.off, head) if name.startswith(head))
        return cls(key, flag, option.name, tuple(path), value, option, is_off, exact is None)

    @property
    def meant(self) -> Any:
        """The value under ``name``: a boolean for an option without values, turned around where the key turns the option off."""
        meaning = as_boolean(self.value) if self.option is not None and self.option.is_boolean else None
        if meaning is None:
            return self.value
        return meaning != self.is_off


def _is_off(head: str, option: Option) -> bool:
    return not any(name.startswith(head) for name in option.names)


class EngineConfig:
    """The config of one worker. Keys whose value is null count as absent; a config that is not an object is empty.

    ``written`` holds the keys as the user wrote them, ``entries`` how the parser reads them, in the same order. Every other way
    in takes the first name of an option, whatever spelling, alias, abbreviation or dotted key the user chose.
    """

    __slots__ = ("_by_name", "entries", "table", "written")

    def __init__(self, worker: Worker, table: OptionTable | None = None) -> None:
        given = worker.config if isinstance(worker.config, Mapping) else {}
        self.table = table
        self.written: dict[str, Any] = {str(key): value for key, value in given.items() if value is not None}
        self.entries = tuple(Entry.of(key, value, table) for key, value in self.written.items())
        self._by_name: dict[str, list[Entry]] = {}
        for entry in self.entries:
            self._by_name.setdefault(entry.name, []).append(entry)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def named(self, name: str) -> tuple[Entry, ...]:
        """The entries of one option: the whole value, keys inside it, or both."""
        return tuple(self._by_name.get(name, ()))

    def get(self, name: str) -> Any:
        """The option's value, keys inside it merged into the whole; None where there is none."""
        return merged(self.named(name))

    def written_key(self, name: str) -> str:
        """The first key under which the user wrote this option; the name itself where the config does not have it."""
        return self._by_name[name][0].key if name in self._by_name else name

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """The value of this option, given as an object or as the JSON of one; None when absent or neither."""
        return as_mapping(self.get(name))


def merged(entries: Iterable[Entry], base: Any = None) -> Any:
    """The one value of several entries of an option: the whole one, or ``base``, with the dotted keys set in it.

    Where the whole value is not an object, the dotted keys are left out: there is nothing to set them in.
    """
    entries = tuple(entries)
    whole = next((entry.meant for entry in entries if not entry.path), base)
    dotted = [entry for entry in entries if entry.path]
    if not dotted:
        return whole
    start = {} if whole is None else as_mapping(whole)
    if start is None:
        return whole
    result: dict[str, Any] = dict(start)
    for entry in dotted:
        _set(result, entry.path, entry.value)
    return result


def _set(target: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *parents, last = path
    for step in parents:
        inner = target.get(step)
        target[step] = dict(inner) if isinstance(inner, Mapping) else {}
        target = target[step]
    target[last] = value
