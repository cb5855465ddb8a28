"""Comparing what is live with what is wanted, by the rules of the core kinds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import meta
from controller.meta import ABSENT, Comparison

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "env", "b"]), inner, max_size=3)
    ),
    max_leaves=8,
)
COMPARE = Comparison()


def container(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "i", **more}


@given(JSON, JSON)
def test_the_patch_leads_to_a_value_that_needs_none(live: Any, desired: Any) -> None:
    """Whatever the values are: a reconciler that compares before it writes writes once."""
    before, wanted = {"spec": live}, {"spec": desired}
    patch = COMPARE.patch(before, wanted)
    after = before if patch is ABSENT else meta.merge_patch(before, patch)
    assert COMPARE.patch(after, wanted) is ABSENT


@pytest.mark.parametrize(
    ("live", "desired"),
    [
        ({"replicas": 1, "added": "by a webhook"}, {"replicas": 1}),
        ({"resources": {"limits": {"cpu": "1"}}}, {"resources": {"limits": {"cpu": "1000m"}}}),
        ({"emptyDir": {"sizeLimit": "1Gi"}}, {"emptyDir": {"sizeLimit": "1024Mi"}}),
        ({}, {"tolerations": [], "affinity": {}, "x": None}),
        (
            {"containers": [container("a", terminationMessagePath="/dev/log"), container("sidecar")]},
            {"containers": [container("a")]},
        ),
        (
            {"containers": [container("a", ports=[{"containerPort": 80, "protocol": "TCP"}])]},
            {"containers": [container("a", ports=[{"containerPort": 80}])]},
        ),
        ({"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}, {"env": [{"name": "A", "value": "1"}]}),
    ],
    ids=["foreign field", "quantity", "size", "empty", "sidecar and default", "default in a key", "order"],
)
def test_what_others_added_and_other_spellings_are_no_difference(live: Any, desired: Any) -> None:
    """Defaults, webhooks, injected containers, quantities."""
    assert COMPARE.patch(live, desired) is ABSENT


def test_a_change_in_a_keyed_list_keeps_foreign_items_and_fields() -> None:
    """A merge patch replaces lists whole, so it carries what is there."""
    live = {"containers": [container("a", terminationMessagePath="/dev/log"), container("sidecar")]}
    patch = COMPARE.patch(live, {"containers": [container("a", image="j"), container("new")]})
    assert patch == {
        "containers": [
            container("a", image="j", terminationMessagePath="/dev/log"),
            container("sidecar"),
            container("new"),
        ]
    }


def test_a_map_that_is_owned_as_a_whole_loses_foreign_keys() -> None:
    """A selector with one key more selects other pods."""
    live = {"selector": {"matchLabels": {"app": "a", "added": "b"}}}
    assert COMPARE.patch(live, {"selector": {"matchLabels": {"app": "a"}}}) == {
        "selector": {"matchLabels": {"added": None}}
    }


def test_a_null_removes_a_field() -> None:
    """That is how it is said that a field is not wanted."""
    assert COMPARE.patch({"a": 1, "b": 2}, {"a": None}) == {"a": None}
