"""Expressions as Go reads them."""

import pytest

from controller.validation.matching import matching

GO = [
    "", "a|b", "^/v1/[^/]+$", r"(?i)tenant-\d+", "(?P<name>x)(?<other>y)", r"\Q(*[\E", r"\pL+\p{Greek}\P{^L}", r"\x{1F600}\z", "[[:alpha:]_]*?",
    "(?s-i:a.b)", "a{2,5}", "(?U)a+", r"\\1",
    r"a\*+", r"\?+", r"[*+?]+x", "[]*+]a", "[[:alpha:]*+]", r"\(?=", "[(?=]", r"\{id\}+", r"\12", r"a\\\\+",
]  # fmt: skip
"""What Go's regexp compiles."""
NOT_GO = [
    "*",
    "(",
    "[a",
    "a)",
    "a\\",
    "(?=a)",
    "(?!a)b",
    "(?<=a)b",
    r"(a)\1",
    "(?P=n)",
    "(?>a)",
    "a++",
    "a{2}+",
    r"\\*+",
    r"[a]*+",
    "a{5,2}",
]
"""What it does not: repeated nothing, open groups, and everything that looks around or back."""


@pytest.mark.parametrize("regex", GO)
def test_what_go_compiles_is_no_finding(regex: str) -> None:
    """In headers and in the path."""
    assert list(matching({"uri": {"regex": regex}, "headers": {"h": {"regex": regex}}})) == []


@pytest.mark.parametrize("regex", NOT_GO)
def test_what_go_does_not_compile_is_named(regex: str) -> None:
    """With the expression, and its place."""
    (found,) = matching({"headers": {"h": {"regex": regex}}})
    assert found.path == "spec.modelMatch.headers.h.regex"
    assert repr(regex) in found.message


@pytest.mark.parametrize(
    "match", [None, "x", {"headers": 1}, {"uri": {"regex": 1}}, {"headers": {"h": {"exact": "("}}}]
)
def test_anything_else_is_left_to_the_schema(match: object) -> None:
    """Nothing raises."""
    assert list(matching(match)) == []
