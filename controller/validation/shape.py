"""Whether the object has the shape of a Model: nesting, texts, its metadata, and the CRD's schema with the nearest name for misspelt fields."""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.api.findings import Finding, error, tolerated, warning
from controller.api.model import normalized
from controller.api.rules import Rule
from controller.meta import Object, jsonio, schema
from controller.validation.wording import in_words

_DEEPEST = 64
_LONGEST_NAME = 63
_PLACED = {"namespace": r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "uid": r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"}
_NO_ARGUMENT = re.compile("[\0\ud800-\udfff]")
_LONGEST_PATH = 200
_TYPED_LISTS: dict[str, Any] = {"backends": {"workers": {}, "loraAdapters": {}}}
_BACKEND_TYPE = re.compile(r"spec\.backends\[\d+\]\.type")
_SIZES = ("FieldValueTooLong", "FieldValueTooMany")
_LIMITED_EVERYWHERE = ("spec.name",)
"""Where Kthena's own CRD limits the length too; the other limits are ours, and Models beyond them exist."""


def is_plain(obj: Object) -> bool:
    """Whether a glance at the JSON of the spec shows that ``nesting`` and ``texts`` find nothing, as is nearly always so.

    So few brackets cannot lie deep, U+0000 is always escaped, and half of a surrogate pair cannot be written at all.
    """
    try:
        text = jsonio.dumps(obj.get("spec"))
    except ValueError:
        return False
    return text.count(b"{") + text.count(b"[") <= _DEEPEST and b"\\u0000" not in text


def nesting(obj: Object) -> Iterator[Finding]:
    """Free JSON whose objects and lists lie more than 64 deep; the value of the field itself is level 1."""
    for path, value in _free_parts(obj.get("spec"), "spec", _TYPED_LISTS):
        if any(depth > _DEEPEST for _, item, depth in _walk(value, path) if isinstance(item, Mapping | list | tuple)):
            yield error(path[:_LONGEST_PATH], f"is nested more than {_DEEPEST} levels deep", Rule.NESTING)


def texts(obj: Object) -> Iterator[Finding]:
    """U+0000 in a string or a key, or half of a surrogate pair, which JSON can spell and UTF-8 cannot."""
    for path, item, _ in _walk(obj.get("spec"), "spec"):
        strings = [item] if isinstance(item, str) else item if isinstance(item, Mapping) else ()
        if found := next(filter(None, map(_NO_ARGUMENT.search, strings)), None):
            what = "holds" if isinstance(item, str) else "has a key with"
            yield error(
                path, f"{what} the character U+{ord(found[0]):04X}, which cannot appear in an argument", Rule.CHARACTERS
            )


def _free_parts(value: Any, path: str, typed: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield path, value
        return
    for key, item in value.items():
        where = f"{path}.{key}"
        if key in typed and isinstance(item, list | tuple):
            for index, entry in enumerate(item):
                yield from _free_parts(entry, f"{where}[{index}]", typed[key])
        else:
            yield where, item


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any, int]]:
    """Every value below this one with its path, cut where it grows long, and its level. Without recursion, two levels past the limit."""
    stack: list[tuple[str, Any, int]] = [(path, value, 1)]
    while stack:
        where, item, depth = stack.pop()
        yield where, item, depth
        children: Any = ()
        if isinstance(item, Mapping):
            children = ((f".{key}", below) for key, below in item.items())
        elif isinstance(item, list | tuple):
            children = ((f"[{index}]", below) for index, below in enumerate(item))
        stack.extend(((where + step)[:_LONGEST_PATH], below, depth + 1) for step, below in children)


def metadata(obj: Object) -> Iterator[Finding]:
    """The name, of which names of children and pods are made; namespace and uid, where given, such as a cluster assigns."""
    given = meta.name_of(obj)
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", given) or len(given) > _LONGEST_NAME:
        message = f"{given[:80]!r} must start with a letter and hold at most 63 lower-case letters, digits and dashes, as the child names made of it must"
        yield error("metadata.name", message, Rule.NAME)
    for field, pattern in _PLACED.items():
        value = meta.metadata_of(obj).get(field)
        if value not in (None, "") and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            yield error(f"metadata.{field}", f"{str(value)[:80]!r} is not a valid {field}", Rule.METADATA)
    for field in ("labels", "annotations"):
        yield from _texts_by_key(meta.metadata_of(obj).get(field), f"metadata.{field}")


def _texts_by_key(value: Any, path: str) -> Iterator[Finding]:
    """The API server takes maps of texts; YAML reads ``true`` and ``1`` without quotes as something else."""
    if value is not None and not isinstance(value, Mapping):
        yield error(path, "must be a map of texts", Rule.METADATA)
        return
    for key, item in (value or {}).items():
        if item is not None and not isinstance(item, str):
            yield error(f"{path}.{key}"[:_LONGEST_PATH], "must be a text; put it in quotes", Rule.METADATA)


def shape(obj: Object, wanted: Mapping[str, Any], kind: str) -> Iterator[Finding]:
    """Violations of the schema of the kind, and unknown fields."""
    value = normalized({key: item for key, item in obj.items() if key not in ("metadata", "status")})
    for cause in schema.violations(value, wanted):
        if _is_left_to_a_rule(cause.field, cause.reason):
            continue
        finding = tolerated if cause.reason in _SIZES and cause.field not in _LIMITED_EVERYWHERE else error
        rule = Rule.TYPE if cause.reason == "FieldValueTypeInvalid" else Rule.SCHEMA
        yield finding(cause.field[:_LONGEST_PATH], in_words(cause.message[:1].lower() + cause.message[1:]), rule)
    for field in schema.unknown_fields(value, wanted):
        near = difflib.get_close_matches(field.key[:64], sorted(field.known), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        yield warning(
            field.path[:_LONGEST_PATH], f"is not a field of the {kind} and is ignored{hint}", Rule.UNKNOWN_FIELD
        )


def _is_left_to_a_rule(path: str, reason: str) -> bool:
    """The type of a backend and the number of backends have rules of their own."""
    if reason == "FieldValueNotSupported":
        return _BACKEND_TYPE.fullmatch(path) is not None
    return (path, reason) == ("spec.backends", "FieldValueTooMany")


def position(path: str, wanted: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    """Sorts findings as the fields stand in the schema, list items by index and free keys by name after them."""
    place: list[tuple[int, str]] = []
    part: Any = wanted
    for step in re.findall(r"[^.\[\]]+", path):
        if step.isdigit() and "items" in part:
            place.append((int(step), ""))
            part = part["items"]
        else:
            known = part.get("properties") or {}
            place.append((list(known).index(step), "") if step in known else (len(known), step))
            part = known.get(step) or {}
    return tuple(place)
