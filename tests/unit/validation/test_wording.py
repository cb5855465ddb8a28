"""Findings say in words what a pattern means."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from controller.fronts import FRONTS
from controller.validation.wording import in_words, pattern_in_words


def patterns(schema: Any) -> Iterator[str]:
    """Every pattern of a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for part in schema.values():
            yield from patterns(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from patterns(part)


@pytest.mark.parametrize("pattern", sorted({found for front in FRONTS for found in patterns(front.schema())}))
def test_every_pattern_of_the_crds_has_words(pattern: str) -> None:
    """A new pattern needs a sentence."""
    re.compile(pattern)
    assert pattern_in_words(pattern)


def test_a_uri_is_told_what_it_may_begin_with() -> None:
    """The value stays in the message."""
    message = "invalid value: \"ftp://x\": should match '^(hostpath://|pvc://).+'"
    assert in_words(message) == 'invalid value: "ftp://x": must begin with hostpath:// or pvc:// and go on after it'


def test_a_duplicate_is_named() -> None:
    """Not as a list of keys."""
    assert in_words('duplicate value: ["stable"]') == "'stable' is used twice in this list"


@pytest.mark.parametrize("message", ["must be of type string", "invalid value: \"x\": should match '^other$'"])
def test_another_message_stays_as_it_is(message: str) -> None:
    """Rather a regular expression than nothing."""
    assert in_words(message) == message
