"""The bodies of PATCH requests."""

import pytest

from controller.envtest.embedded.builtin.kinds import built_in
from controller.envtest.embedded.patches import patch_of
from controller.meta import PatchError

CONFIG_MAP = next(info for info in built_in() if info.kind == "ConfigMap")


def patched(current: object, *operations: object) -> object:
    return patch_of(CONFIG_MAP, "application/json-patch+json", list(operations))(current)  # type: ignore[arg-type]


def test_replace_sets_a_member_that_is_absent() -> None:
    assert patched({"data": {}}, {"op": "replace", "path": "/data/a~1b", "value": "c"}) == {"data": {"a/b": "c"}}
    assert patched({"l": [{}]}, {"op": "replace", "path": "/l/0/a", "value": 1}) == {"l": [{"a": 1}]}


def test_replace_sees_what_earlier_operations_made() -> None:
    operations = [{"op": "add", "path": "/data", "value": {}}, {"op": "replace", "path": "/data/a", "value": "b"}]
    assert patched({}, *operations) == {"data": {"a": "b"}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/data/a", "value": "b"},
        {"op": "replace", "path": "/list/1", "value": "b"},
        {"op": "replace", "path": "/list/x/y", "value": "b"},
        {"op": "remove", "path": "/a"},
    ],
)
def test_what_has_no_place_is_refused(operation: object) -> None:
    with pytest.raises(PatchError):
        patched({"list": ["a"]}, operation)
