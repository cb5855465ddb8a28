"""What a change looks like: only what differs, in one order, lists by key."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller import meta
from controller.views.changes import changed_lines, differing


def an_object(**spec: Any) -> dict[str, Any]:
    """A live object."""
    return {
        "kind": "X",
        "metadata": {"name": "x", "uid": "u", "resourceVersion": "7"},
        "spec": spec,
        "status": {"a": 1},
    }


def test_two_changed_values_are_two_pairs_of_lines() -> None:
    """Whatever the order of the keys is on either side."""
    containers = [
        {"name": "runtime", "image": "r:1", "env": [{"name": "A", "value": "1"}]},
        {"name": "engine", "image": "e:1", "resources": {"limits": {"cpu": "1"}}, "args": ["--seed", "1"]},
    ]
    turned = [
        {"args": ["--seed", "1"], "resources": {"limits": {"cpu": "1"}}, "image": "e:2", "name": "engine"},
        {"env": [{"value": "1", "name": "A"}], "image": "r:1", "name": "runtime"},
    ]
    lines = changed_lines(
        an_object(replicas=1, other="same", containers=containers),
        an_object(containers=turned, other="same", replicas=2),
    )
    assert [line for line in lines if line[0] in "+-"] == [
        "-  replicas: 1",
        "+  replicas: 2",
        "-      image: e:1",
        "+      image: e:2",
    ]
    assert [line for line in lines if line[0] == " "] == [" spec:", "   containers:", "     - name: engine"]


def test_what_is_created_or_deleted_is_shown_whole() -> None:
    """Without what only the server sets."""
    created = changed_lines(None, an_object(replicas=1))
    assert created == ["+kind: X", "+metadata:", "+  name: x", "+spec:", "+  replicas: 1"]
    assert [line[1:] for line in changed_lines(an_object(replicas=1), None)] == [line[1:] for line in created]
    assert changed_lines(an_object(replicas=1), an_object(replicas=1)) == []


def test_items_come_and_go_by_key() -> None:
    """An inserted item does not shift the others."""
    before = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    after = {"env": [{"name": "N", "value": "0"}, {"name": "A", "value": "1"}, {"name": "B", "value": "3"}]}
    assert differing(before, after) == (
        {"env": [{"name": "B", "value": "2"}]},
        {"env": [{"name": "B", "value": "3"}, {"name": "N", "value": "0"}]},
    )


def test_another_order_alone_is_shown_as_the_keys() -> None:
    """Nothing else of the items."""
    items = [{"name": "a", "x": 1}, {"name": "b", "x": 2}]
    assert differing({"l": items}, {"l": items[::-1]}) == (
        {"l": [{"name": "a"}, {"name": "b"}]},
        {"l": [{"name": "b"}, {"name": "a"}]},
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "name"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "b"]), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(OBJECTS, OBJECTS)
def test_equal_objects_alone_show_nothing(before: dict[str, Any], after: dict[str, Any]) -> None:
    """And different ones always something."""
    left, right = differing(before, after)
    assert (left == right == {}) == meta.equal_json(before, after)
    assert meta.equal_json(left, right) == meta.equal_json(before, after)
