"""Selectors as objects have them, as text, and against labels: all three agree."""

from typing import Any

import pytest

from controller.meta import LabelSelector

SELECTOR = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "env", "operator": "NotIn", "values": ["test"]},
        {"key": "example.com/owned", "operator": "Exists"},
        {"key": "paused", "operator": "DoesNotExist"},
    ],
}


def test_the_form_of_objects_becomes_the_form_of_queries() -> None:
    """For a list or a cache; read back, it means the same."""
    selector = LabelSelector.from_object(SELECTOR)
    text = str(selector)
    assert text == "app in (web),tier in (a,b),env notin (test),example.com/owned,!paused"
    assert LabelSelector.parse(text) == selector


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ({"app": "web", "tier": "a", "example.com/owned": ""}, True),
        ({"app": "web", "tier": "c", "example.com/owned": ""}, False),
        ({"app": "web", "tier": "a", "example.com/owned": "", "env": "test"}, False),
        ({"app": "web", "tier": "a", "example.com/owned": "", "paused": "x"}, False),
        ({"app": "web", "tier": "a"}, False),
        ({}, False),
    ],
)
def test_all_requirements_count_together(labels: dict[str, str], selected: bool) -> None:
    """As on the server."""
    assert LabelSelector.from_object(SELECTOR).matches(labels) is selected


def test_an_empty_selector_selects_everything() -> None:
    """That is what it means in an object too."""
    for empty in ({}, {"matchLabels": None}, {"matchLabels": {}, "matchExpressions": []}):
        selector = LabelSelector.from_object(empty)
        assert selector.matches({})
        assert str(selector) == ""


@pytest.mark.parametrize(
    "broken",
    [
        {"matchLabels": ["a"]},
        {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["b"]}]},
        {"matchExpressions": [{"key": "a", "operator": "In"}]},
        {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
        {"matchExpressions": [{"key": "a b", "operator": "Exists"}]},
        {"matchExpressions": ["a"]},
        {"matchLabels": {"a": "b,c"}},
    ],
)
def test_what_the_server_would_refuse_is_refused(broken: dict[str, Any]) -> None:
    """Before it selects something else than was meant."""
    with pytest.raises(ValueError, match=r"."):
        LabelSelector.from_object(broken)
