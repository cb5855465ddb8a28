"""A config against the options of the engine's own parser, and texts that users expect to be expanded.

Only what can mean just one thing to the parser passes without a finding. What the table does not know is passed on with a warning, because
an image may hold another build of the engine.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.api.findings import Finding, error, warning
from controller.api.rules import Rule
from controller.render.arguments import text_of
from controller.render.config import Entry, as_boolean, as_mapping
from controller.render.facts import BackendFacts, WorkerFacts
from controller.render.options import Option, OptionTable, versions_with

_NUMBERS = {
    "int": re.compile(r"\s*[-+]?[0-9]+(_[0-9]+)*\s*"),
    "size": re.compile(r"\s*[-+]?[0-9]+(_[0-9]+)*\s*|[0-9]+(\.[0-9]+)?[kmgt]|[0-9]+[KMGT]|auto"),
}
_EXPANDED = re.compile(r"\$\([A-Za-z_.-][A-Za-z0-9_.-]*\)")
_MOST_HINTS = 16
"""Unknown options of a worker for which the nearest name is looked up: the search is slow."""
_MOST_MEANINGS = 4
_WORDS = {
    "int": "an integer",
    "size": "an integer such as 8192 or 32k",
    "float": "a number",
    "json": "a JSON object or list",
}


def arguments(facts: BackendFacts, item: WorkerFacts, path: str) -> Iterator[Finding]:
    """Every finding about the config of one worker; ``path`` is the config's."""
    table, unknown = item.config.table, 0
    for entry in item.config.entries:
        where = f"{path}.{entry.key[:64]}"
        if _expects_expansion(entry.value):
            yield warning(
                where, "stays as it is written: $(NAME) is not expanded in arguments", Rule.VARIABLE_REFERENCE
            )
        if table is None or re.search("[A-Z]", entry.key):
            continue
        if entry.option is None:
            unknown += 1
            yield warning(where, _unknown(entry, facts, table, hint=unknown <= _MOST_HINTS), Rule.UNKNOWN_OPTION)
            continue
        if entry.flag in table.doubtful:
            yield warning(where, _doubtful(entry, table), Rule.UNKNOWN_OPTION)
        if entry.is_abbreviated:
            yield warning(where, f"is read as {entry.flag}; write the whole name", Rule.ABBREVIATED_OPTION)
        yield from _path(entry, item, where) if entry.path else _value(entry, entry.option, where)


def _expects_expansion(value: Any) -> bool:
    """Whether some text in the value looks like a variable that Kubernetes would expand."""
    stack = [value]
    while stack:
        inner = stack.pop()
        if isinstance(inner, str) and _EXPANDED.search(inner):
            return True
        stack.extend(inner.values() if isinstance(inner, Mapping) else inner if isinstance(inner, list | tuple) else ())
    return False


def _unknown(entry: Entry, facts: BackendFacts, table: OptionTable, *, hint: bool) -> str:
    known = table.version or "the newest known version"
    if meant := table.meanings(entry.flag):
        names = ", ".join(meant[:_MOST_MEANINGS]) + (", …" if len(meant) > _MOST_MEANINGS else "")
        return f"is the beginning of several options: {names}; write the whole name"
    elsewhere = versions_with(table.engine, entry.flag)
    if elsewhere:
        return f"is not an option of {facts.traits.inference_engine} in {known}, only in {', '.join(elsewhere)}"
    near = table.nearest(entry.flag[:64]) if hint else None
    question = f"; did you mean {near}?" if near else ""
    return f"is not an option of {facts.traits.inference_engine} in {known}{question}"


def _doubtful(entry: Entry, table: OptionTable) -> str:
    """A version without a table lies between one that has the option and one that does not."""
    return f"may not be an option of {table.version}; known are {', '.join(versions_with(table.engine, entry.flag))}"


def _path(entry: Entry, item: WorkerFacts, where: str) -> Iterator[Finding]:
    """A key inside the JSON of an option."""
    if "" in entry.path:
        yield warning(where, "has an empty name beside a dot; keys of the option's JSON have names", Rule.OPTION_TYPE)
    if entry.option is None or not entry.option.takes_objects:
        yield warning(where, f"{entry.flag} takes no JSON object, so it has no keys", Rule.OPTION_TYPE)
    whole = next((other for other in item.config.named(entry.name) if not other.path), None)
    if whole is not None and as_mapping(whole.value) is None:
        yield error(where, f"cannot be set in {whole.key[:64]}, which is not a JSON object", Rule.OPTION_TYPE)


def _value(entry: Entry, option: Option, where: str) -> Iterator[Finding]:
    if option.is_boolean:
        yield from _boolean(entry, where)
        return
    if isinstance(entry.value, list | tuple):
        if option.kind in ("value", "optional") and not option.takes_json and entry.value:
            yield error(where, "takes one value, not a list", Rule.OPTION_TYPE)
            return
        if option.kind in ("list", "many", "repeat"):
            for item in entry.value:
                yield from _one(option, item, where, in_list=option.kind != "repeat")
            return
    if option.kind == "optional" and entry.value in (True, ""):
        return
    yield from _one(option, entry.value, where, in_list=option.kind in ("list", "many"))


def _boolean(entry: Entry, where: str) -> Iterator[Finding]:
    if isinstance(entry.value, bool) or entry.value == "":
        return
    meaning = as_boolean(entry.value)
    if meaning is None:
        yield warning(where, "takes no value, only true or false", Rule.OPTION_TYPE)
    else:
        yield warning(where, f"is read as {str(meaning).lower()}; write it without quotes", Rule.BOOLEAN_TEXT)


def _one(option: Option, value: Any, where: str, *, in_list: bool) -> Iterator[Finding]:
    text = text_of(value)
    if not _fits(option, value):
        yield warning(where, f"{text[:40]!r} is not {_WORDS.get(option.type, 'a text')}", Rule.OPTION_TYPE)
    elif option.choices and text not in option.choices and _loose(option, text) not in option.choices:
        yield warning(where, f"{text[:40]!r} is not one of {', '.join(option.choices)}", Rule.OPTION_CHOICE)
    elif text == "--" or (in_list and text.startswith("-")):
        yield warning(where, f"{text[:40]!r} would be read as an option of its own", Rule.OPTION_TYPE)


def _loose(option: Option, text: str) -> str:
    """Options of unknown type may normalise their choices; those that do fold case and dashes."""
    return text.lower().replace("-", "_") if option.type == "any" else text


def _fits(option: Option, value: Any) -> bool:
    """Whether the option's type reads the value."""
    text = text_of(value)
    match option.type:
        case "int" | "size":
            return not isinstance(value, bool) and _NUMBERS[option.type].fullmatch(text) is not None
        case "float":
            return not isinstance(value, bool) and _is_float(text)
        case "json":
            return isinstance(_parsed(value), Mapping | list | tuple)
        case "text" if isinstance(value, Mapping):
            return option.takes_objects
        case "text":
            return isinstance(value, str | int | float) and not isinstance(value, bool)
        case _:
            return text != ""


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
