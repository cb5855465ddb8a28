"""The keys of desired children, and which optional fields of theirs are remembered and taken back."""

from typing import Any

from controller import meta
from controller.dialects import DIALECTS, E4FB6663, ChildKey
from controller.reconcilers.children import fields_to_remove, key_of, with_owned_fields

GANG = ("template", "gangSchedule")


def a_workload(**template: Any) -> dict[str, Any]:
    return {"kind": "ModelInfer", "metadata": {"name": "chat-a"}, "spec": {"template": {"roles": [], **template}}}


def test_a_child_is_known_by_kind_and_name() -> None:
    assert key_of(a_workload()) == ChildKey("ModelInfer", "chat-a")


def test_a_child_without_optional_fields_is_left_as_it_is() -> None:
    """No annotation, and no copy, for all dialects."""
    for dialect in DIALECTS.values():
        child = {**a_workload(), "kind": dialect.workload.kind}
        assert with_owned_fields(child, dialect) is child


def test_an_optional_field_is_remembered_beside_other_annotations() -> None:
    """The given child is not changed."""
    child = a_workload(gangSchedule={"enable": True})
    child["metadata"]["annotations"] = {"other": "x"}
    owned = with_owned_fields(child, E4FB6663)
    assert meta.annotations_of(owned) == {"other": "x", E4FB6663.keys.owned_fields: "template.gangSchedule"}
    assert meta.annotations_of(child) == {"other": "x"}


def test_only_what_we_wrote_and_no_longer_want_is_removed() -> None:
    """A field that somebody else wrote is theirs; one that is gone already, or still wanted, stays as it is."""
    with_gang = a_workload(gangSchedule={"enable": True})
    ours = with_owned_fields(with_gang, E4FB6663)
    assert fields_to_remove(E4FB6663, a_workload(), ours) == (GANG,)
    assert fields_to_remove(E4FB6663, a_workload(), with_gang) == ()
    assert fields_to_remove(E4FB6663, with_gang, ours) == ()
    gone = {**ours, "spec": a_workload()["spec"]}
    assert fields_to_remove(E4FB6663, a_workload(), gone) == ()
