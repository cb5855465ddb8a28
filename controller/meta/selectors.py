"""Label and field selectors: parsed once, matched against plain mappings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.meta.objects import Object

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY = rf"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^()]*)\)$")
_EQUALITY = re.compile(rf"^({_KEY})\s*(==|=|!=)\s*({_VALUE})$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")
_VALUE_ONLY = re.compile(rf"^{_VALUE}$")
_KEY_ONLY = re.compile(rf"^{_KEY}$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label: ``operator`` is ``in``, ``notin``, ``exists`` or ``absent``."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it. ``notin`` is met where the label is missing."""
        match self.operator:
            case "in":
                return labels.get(self.key) in self.values
            case "notin":
                return labels.get(self.key) not in self.values
            case "exists":
                return self.key in labels
            case _:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "absent":
                return f"!{self.key}"
            case _:
                return f"{self.key} {self.operator} ({','.join(sorted(self.values))})"


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements together; without any it matches everything."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "LabelSelector":
        """Reads the query form: ``a=b,c!=d,e in (f,g),h,!i``. Raises ValueError."""
        return cls(tuple(_requirement(part.strip()) for part in _split(text)) if text.strip() else ())

    @classmethod
    def from_object(cls, selector: Object) -> "LabelSelector":
        """Reads the form that objects have: ``matchLabels`` and ``matchExpressions``; all of them together. Empty selects everything.

        Raises ValueError for what the API server would refuse.
        """
        labels, expressions = selector.get("matchLabels") or {}, selector.get("matchExpressions") or ()
        if not isinstance(labels, Mapping) or not isinstance(expressions, list | tuple):
            raise ValueError("matchLabels is a map and matchExpressions is a list")
        equal = [_checked(str(key), "in", (str(value),)) for key, value in labels.items()]
        return cls((*equal, *map(_expression, expressions)))

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)


_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}


def _expression(entry: Any) -> Requirement:
    """One of ``matchExpressions``."""
    operator = _OPERATORS.get(str(entry.get("operator"))) if isinstance(entry, Mapping) else None
    if operator is None:
        raise ValueError(f"not a selector requirement: {str(entry)[:128]}")
    values = tuple(map(str, entry.get("values") or ()))
    if bool(values) != (operator in ("in", "notin")):
        raise ValueError(f"the operator {entry['operator']} {'takes no' if values else 'needs'} values")
    return _checked(str(entry.get("key")), operator, values)


def _checked(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    if not _KEY_ONLY.match(key) or not all(map(_VALUE_ONLY.match, values)):
        raise ValueError(f"not a label: {key[:64]!r} {list(values)[:4]!r}")
    return Requirement(key, operator, frozenset(values))


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def _requirement(text: str) -> Requirement:
    if match := _SET.match(text):
        values = [value.strip() for value in match[3].split(",")]
        if all(_VALUE_ONLY.match(value) for value in values):
            return Requirement(match[1], match[2], frozenset(values))
    elif match := _EQUALITY.match(text):
        return Requirement(match[1], "notin" if match[2] == "!=" else "in", frozenset({match[3]}))
    elif match := _EXISTS.match(text):
        return Requirement(match[2], "absent" if match[1] else "exists")
    raise ValueError(f"unable to parse requirement: {text[:128]!r}")


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Equalities on dotted paths, such as ``metadata.name=x,status.phase!=Running``."""

    requirements: tuple[tuple[str, bool, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "FieldSelector":
        """Reads the query form. Raises ValueError."""
        requirements = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            match = re.match(r"^([A-Za-z0-9_.]+)(==|!=|=)(.*)$", part)
            if match is None:
                raise ValueError(f"invalid field selector: {part[:128]!r}")
            requirements.append((match[1], match[2] != "!=", match[3]))
        return cls(tuple(requirements))

    def matches(self, obj: Object) -> bool:
        """Whether the object's fields, read as text, meet every requirement; a missing field reads as empty."""
        return all((_field(obj, path) == value) is wanted for path, wanted, value in self.requirements)


def _field(obj: Object, path: str) -> str:
    value: object = obj
    for segment in path.split("."):
        value = value.get(segment) if isinstance(value, Mapping) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
