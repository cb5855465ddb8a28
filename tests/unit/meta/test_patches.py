"""Merge patch, JSON patch, coverage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import meta

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_rfc_7386_says(target: object, patch: object, expected: object) -> None:
    """The table of the standard's appendix."""
    assert meta.merge_patch(target, patch) == expected


@given(JSON, JSON)
def test_a_merge_patch_changes_neither_input(target: object, patch: object) -> None:
    """Both are as they were."""
    before = (repr(target), repr(patch))
    meta.merge_patch(target, patch)
    assert (repr(target), repr(patch)) == before


@given(JSON)
def test_every_value_covers_itself(value: object) -> None:
    """Coverage is reflexive."""
    assert meta.covers(value, value)


def test_coverage_allows_more_keys_and_nothing_else() -> None:
    """Additional keys are fine at any depth; lists must have the same length; true is not 1."""
    assert meta.covers({"a": [{"b": 1, "c": 2}], "d": 1}, {"a": [{"b": 1}]})
    assert not meta.covers({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}]})
    assert not meta.covers({"a": 1}, {"a": True})
    assert not meta.covers({}, {"a": None})


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"a": [1, 2]}, {"op": "add", "path": "/a/1", "value": 9}, {"a": [1, 9, 2]}),
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": 1}, {"op": "add", "path": "", "value": [1]}, [1]),
        ({"a": 1, "b": 2}, {"op": "remove", "path": "/a"}, {"b": 2}),
        ({"a/b~c": 1}, {"op": "replace", "path": "/a~1b~0c", "value": 2}, {"a/b~c": 2}),
        ({"a": [1, 2]}, {"op": "replace", "path": "/a/0", "value": 3}, {"a": [3, 2]}),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/b"}, {"b": 1}),
        ({"a": {"x": 1}}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": {"x": 1}, "b": {"x": 1}}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, {"a": 1}),
    ],
)
def test_a_json_patch_does_what_rfc_6902_says(document: object, operation: dict[str, object], expected: object) -> None:
    """One row per operation, escapes and the end of a list included."""
    before = repr(document)
    assert meta.json_patch(document, [operation]) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/x"},
        {"op": "replace", "path": "/x", "value": 1},
        {"op": "add", "path": "/a/5", "value": 1},
        {"op": "add", "path": "/a/01", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "add", "path": "/a"},
        {"op": "test", "path": "/a", "value": [2]},
        {"op": "move", "from": "/a", "path": "/a/0"},
        {"op": "dance", "path": "/a"},
        {"path": "/a"},
    ],
)
def test_a_json_patch_that_does_not_fit_changes_nothing(operation: dict[str, object]) -> None:
    """The whole patch is refused, also when an earlier operation fitted."""
    document = {"a": [1]}
    with pytest.raises(meta.PatchError):
        meta.json_patch(document, [{"op": "add", "path": "/b", "value": 1}, operation])
    assert document == {"a": [1]}
