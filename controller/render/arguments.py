"""A config as the arguments of an engine, and texts of a Model inside a container's command.

The engine's parser decides, not the type of the JSON value alone: ``false`` is nothing for an option that cannot be turned off, a list is one
JSON argument, several arguments or the option several times. An option that the table does not know is passed on by the type of its value.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from controller import meta
from controller.render.config import EngineConfig, Entry, as_boolean, merged
from controller.render.options import Option

_PLAIN_WORD = re.compile(r"(?!(true|false|null|NaN|Infinity)$)[A-Za-z_][A-Za-z0-9_./:-]*")


def literal(text: str) -> str:
    """Text from a Model for ``command`` or ``args``: Kubernetes expands ``$(NAME)`` there, and turns ``$$`` into ``$``."""
    return text.replace("$", "$$")


def config_arguments(config: EngineConfig, added: Mapping[str, Any] | None = None) -> list[str]:
    """The arguments of a config, sorted by the bytes of the keys as written.

    ``added`` are JSON values that the controller itself gives to options: the user's dotted keys of such an option are set in its value, since
    the parser would drop the one or the other.
    """
    arguments: list[str] = []
    seen: set[str] = set()
    for entry in sorted(config.entries, key=lambda entry: entry.key.encode("utf-8", "surrogatepass")):
        if entry.name in seen:
            continue
        entries = config.named(entry.name)
        if _needs_merging(entries, config, entry.name in (added or {})):
            seen.add(entry.name)
            arguments += option_arguments(entry.flag, entry.option, merged(entries, (added or {}).get(entry.name)))
        elif entry.path:
            arguments += [f"--{'.'.join((entry.flag, *entry.path))}", _inside_json(entry.value)]
        else:
            arguments += _entry_arguments(entry)
    return arguments


def _needs_merging(entries: Sequence[Entry], config: EngineConfig, is_added: bool) -> bool:
    """Whether dotted keys have to become one JSON value: beside a whole one, or for a parser that does not know dots."""
    dotted = any(entry.path for entry in entries)
    whole = any(not entry.path for entry in entries)
    knows_dots = config.table is None or config.table.dotted
    return dotted and (whole or is_added or not knows_dots)


def _entry_arguments(entry: Entry) -> list[str]:
    option = entry.option
    if option is not None and option.is_boolean and as_boolean(entry.value) is not None:
        meant = entry.meant
        if option.kind == "flag":
            return [f"--{entry.flag}"] if meant else []
        if as_boolean(entry.value):
            return [f"--{entry.flag}"]
        return [f"--{entry.name}"] if entry.is_off else [f"--no-{entry.flag}"]
    return option_arguments(entry.flag, option, entry.value)


def option_arguments(flag: str, option: Option | None, value: Any) -> list[str]:
    """One option with one value, as this option takes it."""
    if option is None or (option.kind == "optional" and value is True):
        return _unknown(flag, value)
    if option.is_boolean:
        # Not a boolean. In this form the parser refuses the value; as a word of its own it would be the positional model.
        return [f"--{flag}={text_of(value)}"]
    items = value if isinstance(value, list | tuple) else None
    if option.kind == "repeat":
        return [part for item in ([value] if items is None else items) for part in _pair(flag, text_of(item))]
    if option.kind in ("list", "many"):
        texts = [text_of(item) for item in ([value] if items is None else items)]
        return [f"--{flag}", *texts] if texts else []
    if items is not None and not items and option.type != "json":
        return []
    if value == "" and (option.kind == "optional" or option.type != "text"):
        return [f"--{flag}"]
    return _pair(flag, text_of(value))


def _unknown(flag: str, value: Any) -> list[str]:
    if value is None or (isinstance(value, list | tuple) and not value):
        return []
    if value is False:
        return [f"--no-{flag}"]
    if value is True or value == "":
        return [f"--{flag}"]
    if isinstance(value, list | tuple):
        return [f"--{flag}", *(text_of(item) for item in value)]
    return _pair(flag, text_of(value))


def _pair(flag: str, text: str) -> list[str]:
    """Option and value. A value that begins with a dash, and is not a negative integer, would be read as an option of its own."""
    if text.startswith("-") and not re.fullmatch(r"-[0-9]+", text):
        return [f"--{flag}={text}"]
    return [f"--{flag}", text]


def text_of(value: Any) -> str:
    """Strings as they are; everything else as compact JSON with sorted keys, integral numbers as plain digits."""
    return value if isinstance(value, str) else meta.canonical_json(value)


def _inside_json(value: Any) -> str:
    """The value of a dotted key. The parser reads it as JSON if it can, so a string that is not a plain word is quoted."""
    if isinstance(value, str) and _PLAIN_WORD.fullmatch(value):
        return value
    return meta.canonical_json(value)
