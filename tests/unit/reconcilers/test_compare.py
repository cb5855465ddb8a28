"""Comparing live and desired JSON."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import meta
from controller.meta import ABSENT, changed_fields
from controller.reconcilers.compare import covers, equivalent, merge_patch_between

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_everything_is_equivalent_to_itself_and_covers_itself(value: Any) -> None:
    """Whatever holes it has."""
    assert equivalent(value, value)
    assert covers(value, value)


@given(JSON, JSON)
def test_the_patch_leads_to_a_value_that_needs_none(live: Any, desired: Any) -> None:
    """Exactly, and by coverage."""
    for exact in (True, False):
        left, right = {"a": live}, {"a": desired}
        patch = merge_patch_between(left, right, exact=exact)
        after = left if patch is ABSENT else meta.merge_patch(left, patch)
        assert merge_patch_between(after, right, exact=exact) is ABSENT


@pytest.mark.parametrize(
    "path",
    [
        ("workloadSelector", "matchLabels"),
        ("workloadSelector", "pdGroup", "prefillLabels"),
        ("template", "roles", "entryTemplate", "spec", "nodeSelector"),
        ("scalingConfiguration", "target", "additionalMatchLabels"),
        ("resources", "limits"),
    ],
)
def test_an_added_key_of_a_map_with_free_keys_is_a_difference(path: tuple[str, ...]) -> None:
    """It changes what the map means; an added field of an object is left alone."""

    def nested(value: Any) -> Any:
        for key in reversed(path):
            value = {key: value}
        return value

    live, desired = nested({"a": "1", "added": "2"}), nested({"a": "1"})
    assert not covers(live, desired)
    assert merge_patch_between(live, desired, exact=False) == nested({"added": None})
    outer = path[:-1]
    assert covers({**desired, "added": 1}, desired)
    assert outer


def test_the_fields_of_a_patch_are_dotted_paths() -> None:
    """Down to the values; removals too."""
    patch = {"metadata": {"labels": {"a": "1"}}, "spec": {"x": None, "y": {}}}
    assert changed_fields(patch) == ["metadata.labels.a", "spec.x", "spec.y"]
