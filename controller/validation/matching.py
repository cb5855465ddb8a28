"""The expressions by which a route matches requests: Go's syntax, RE2. Pure.

Source: the router compiles them with Go's ``regexp``; its webhook refuses a route with one that does not compile, and a router without the
webhook never matches it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.api.findings import Finding, warning
from controller.api.rules import Rule

_NOT_IN_RE2 = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P[=>])|\\(?:[1-7](?![0-7])|[89])|(?:[*+?]|\{\d+(?:,\d*)?\})\+")
_LITERAL = re.compile(r"\\[^\w\s]|\[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*\]", re.DOTALL)
"""Escaped punctuation and sets of characters: the signs in them are not operators."""
_ONLY_IN_RE2 = (
    (re.compile(r"\\Q.*?(?:\\E|\Z)", re.DOTALL), "x"),
    (re.compile(r"\\[1-7][0-7]{1,2}"), "x"),
    (re.compile(r"\\[pP](?:\{\^?\w+\}|[A-Z])"), r"\\w"),
    (re.compile(r"\\x\{[0-9A-Fa-f]+\}|\\[zC]"), "x"),
    (re.compile(r"\[:\^?[a-z]+:\]"), r"\\w"),
    (re.compile(r"\(\?[imsU]*(?:-[imsU]+)?:"), "(?:"),
    (re.compile(r"\(\?[imsU]*(?:-[imsU]+)?\)"), ""),
    (re.compile(r"\(\?<(?=\w)"), "(?P<"),
)
"""What means something else, or nothing, to Python, and what says as much to it."""


def matching(model_match: Any) -> Iterator[Finding]:
    """Every expression of a ``modelMatch`` compiles."""
    match = model_match if isinstance(model_match, Mapping) else {}
    headers = match.get("headers")
    places = (
        [(f"headers.{name[:64]}", value) for name, value in headers.items()] if isinstance(headers, Mapping) else []
    )
    for where, value in (*places, ("uri", match.get("uri"))):
        regex = value.get("regex") if isinstance(value, Mapping) else None
        if isinstance(regex, str) and (problem := _problem(regex)):
            yield warning(
                f"spec.modelMatch.{where}.regex", f"{problem}; the router never matches it", Rule.REGULAR_EXPRESSION
            )


def _problem(regex: str) -> str | None:
    """The reason why Go does not compile an expression, or None."""
    quoted = _ONLY_IN_RE2[0][0].sub("x", regex.replace("\\\\", "x"))
    if found := _NOT_IN_RE2.search(_LITERAL.sub("x", quoted)):
        return f"{regex[:64]!r} has {found[0]!r}, which Go's regular expressions do not have"
    for pattern, instead in _ONLY_IN_RE2:
        quoted = pattern.sub(instead, quoted)
    try:
        re.compile(quoted)
    except (re.error, OverflowError, RecursionError) as problem:
        return f"{regex[:64]!r} is not a regular expression ({problem})"
    return None
