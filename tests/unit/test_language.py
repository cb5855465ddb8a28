"""Phrases that a reader of English stumbles over do not come back into code, help, messages and pages.

Each has the reason and what to write instead. The check reads whole files: docstrings, comments, names and texts for users.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("controller", "examples", "hack", "docs", "config", "charts", ".github")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Makefile")

PHRASES = {
    "old-fashioned; write 'forever', or say until when": r"\bfor ever\b",
    "old-fashioned; write 'again'": r"\b(?:anew|afresh)\b",
    "old-fashioned; say what fails": r"\bin vain\b",
    "old-fashioned; write 'in the background'": r"\bat leisure\b",
    "a riddle as subject; name the user, the caller or the writer": r"\b(?:whoever|whomsoever)\b",
    "a passive that hides who speaks; write 'gets', 'reports' or 'records'": r"\btold\b(?! apart)",
    "a private metaphor; write 'package', 'module' or 'entry point'": r"\b(?:rooms?|doors?|houses?)\b",
    "a private metaphor; say what is missing": r"\bhollow\b",
    "a calque; write 'is not a'": r"(?<!there\s)\b(?:is|are) no (?!longer\b|more\b|limit\b)",
}


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of each file that people read; files without a suffix are the generators in ``hack``."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".md", ".yaml", ".txt", "") and path.is_file():
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for name in PAGES:
        yield name, (ROOT / name).read_text(encoding="utf-8")


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each docstring of a module."""
    for node in ast.walk(ast.parse(source)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text


def compiled(pattern: str) -> re.Pattern[str]:
    """Finds the phrase in capitals too, and across the end of a line."""
    return re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE)


@pytest.mark.parametrize(("reason", "pattern"), PHRASES.items(), ids=PHRASES.values())
def test_a_phrase_is_not_used(reason: str, pattern: str) -> None:
    """In no file."""
    expression = compiled(pattern)
    found = [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()!r}"
        for name, text in texts()
        for match in expression.finditer(text)
    ]
    assert not found, "\n".join([reason, *found])


def test_a_docstring_begins_with_its_subject() -> None:
    """Not with a clause: a reader who scans the first words finds the thing, not a riddle about it."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in sorted((ROOT / "controller").rglob("*.py"))
        for line, text in docstrings(path.read_text(encoding="utf-8"))
        if re.match(r"(?:What|Who|Whom|Whose|How)\b", text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("it is no file", True),
        ("there is no file", False),
        ("a claim that is no longer used", False),
        ("The default is no limit.", False),
        ("handlers are told of it", True),
        ("pods are told apart by a hash", False),
        ("Whoever asks", True),
        ("mushrooms", False),
        ("tried for\n    ever", True),
    ],
)
def test_the_patterns_find_what_they_should(text: str, hit: bool) -> None:
    """And leave ordinary sentences alone."""
    assert any(compiled(pattern).search(text) for pattern in PHRASES.values()) is hit
