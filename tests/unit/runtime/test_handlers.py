"""Which changes pass, and whom they concern."""

from typing import Any

import pytest

from controller.informers import Delta, DeltaType
from controller.meta import Resource, controller_reference
from controller.runtime import (
    Request,
    all_of,
    annotations_changed,
    any_of,
    changed,
    deletion_started,
    enqueue_mapped,
    enqueue_object,
    enqueue_owner,
    generation_changed,
    labels_changed,
    not_,
)

SET = Resource("apps", "v1", "replicasets", "ReplicaSet")


def pod(version: str = "1", owners: tuple[str, ...] = (), **metadata: Any) -> dict[str, Any]:
    references = [
        {**controller_reference({"metadata": {"name": name, "uid": name}}, SET), "controller": index == 0}
        for index, name in enumerate(owners)
    ]
    return {
        "metadata": {
            "name": "p",
            "namespace": "ns",
            "uid": "u",
            "resourceVersion": version,
            "ownerReferences": references,
            **metadata,
        }
    }


def modified(old: dict[str, Any], new: dict[str, Any]) -> Delta:
    return Delta(DeltaType.MODIFIED, old, new)


@pytest.mark.parametrize(
    ("predicate", "difference"),
    [
        (generation_changed, {"generation": 2}),
        (labels_changed, {"labels": {"a": "b"}}),
        (annotations_changed, {"annotations": {"a": "b"}}),
        (deletion_started, {"deletionTimestamp": "2026-01-31T12:00:00Z"}),
    ],
)
def test_predicate_passes_a_change_of_its_part_only(predicate, difference):
    """A change elsewhere is held back; creation, deletion and a resync always pass."""
    assert predicate(modified(pod("1"), pod("2", **difference)))
    assert not predicate(modified(pod("1"), pod("2", resourceVersion="2", finalizers=["x"])))
    assert predicate(modified(pod("1"), pod("1")))
    assert predicate(Delta(DeltaType.ADDED, None, pod()))
    assert predicate(Delta(DeltaType.DELETED, pod(), None))


def test_predicates_combine():
    """And, or, not, and any part of an object one cares about."""
    yes, no = (lambda _: True), (lambda _: False)
    delta = Delta(DeltaType.ADDED, None, pod())
    assert all_of(yes, yes)(delta)
    assert not all_of(yes, no)(delta)
    assert any_of(no, yes)(delta)
    assert not any_of(no, no)(delta)
    assert not_(no)(delta)
    phase = changed(lambda obj: obj.get("status", {}).get("phase"))
    assert phase(modified(pod("1"), {**pod("2"), "status": {"phase": "Running"}}))
    assert not phase(modified(pod("1"), pod("2")))


def test_an_object_enqueues_itself_also_when_it_is_gone():
    """A deletion, whether seen or found missing by a list, names the last known object."""
    key = Request("ns", "p")
    assert list(enqueue_object(Delta(DeltaType.ADDED, None, pod()))) == [key]
    assert list(enqueue_object(Delta(DeltaType.DELETED, pod(), None, final_state_unknown=True))) == [key]


def test_the_controlling_owner_is_enqueued_and_no_other():
    """Not simply the first reference, and not one of another group or kind."""
    handler = enqueue_owner(SET)
    assert list(handler(Delta(DeltaType.ADDED, None, pod(owners=("a", "b"))))) == [Request("ns", "a")]
    assert list(handler(Delta(DeltaType.ADDED, None, pod()))) == []
    stranger = enqueue_owner(Resource("other", "v1", "replicasets", "ReplicaSet"))
    assert list(stranger(Delta(DeltaType.ADDED, None, pod(owners=("a",))))) == []


def test_another_version_of_the_owners_group_is_the_same_owner():
    """References keep the version they were written with."""
    handler = enqueue_owner(Resource("apps", "v2", "replicasets", "ReplicaSet"))
    assert list(handler(Delta(DeltaType.ADDED, None, pod(owners=("a",))))) == [Request("ns", "a")]


def test_all_owners_of_the_kind_on_request():
    """Owners that do not control."""
    handler = enqueue_owner(SET, only_controller=False)
    assert list(handler(Delta(DeltaType.ADDED, None, pod(owners=("a", "b"))))) == [
        Request("ns", "a"),
        Request("ns", "b"),
    ]


def test_a_change_of_owner_enqueues_both():
    """The former owner hears of its loss; an unchanged one is named once."""
    handler = enqueue_owner(SET)
    moved = modified(pod("1", owners=("a",)), pod("2", owners=("b",)))
    assert list(handler(moved)) == [Request("ns", "b"), Request("ns", "a")]
    assert list(handler(modified(pod("1", owners=("a",)), pod("2", owners=("a",))))) == [Request("ns", "a")]


def test_a_tombstone_still_finds_its_owner():
    """The last known object of a missed deletion is mapped like any other."""
    gone = Delta(DeltaType.DELETED, pod(owners=("a",)), None, final_state_unknown=True)
    assert list(enqueue_owner(SET)(gone)) == [Request("ns", "a")]


def test_the_owner_of_a_cluster_scoped_kind_has_no_namespace():
    """A namespaced object may be owned by a cluster-scoped one."""
    handler = enqueue_owner(Resource("apps", "v1", "replicasets", "ReplicaSet", namespaced=False))
    assert list(handler(Delta(DeltaType.ADDED, None, pod(owners=("a",))))) == [Request("", "a")]


@pytest.mark.parametrize(
    "references", [None, "x", [None], [{"controller": True}], [{"controller": True, "kind": "ReplicaSet"}]]
)
def test_malformed_references_concern_nobody(references):
    """What a schema let pass does not stop the watch."""
    assert list(enqueue_owner(SET)(Delta(DeltaType.ADDED, None, pod(ownerReferences=references)))) == []


def test_mapped_requests_are_named_once():
    """A function of the object, before and after."""
    handler = enqueue_mapped(lambda obj: [Request("ns", name) for name in obj["metadata"].get("labels", {}).values()])
    delta = modified(pod("1", labels={"a": "x", "b": "y"}), pod("2", labels={"a": "x", "b": "z"}))
    assert list(handler(delta)) == [Request("ns", "x"), Request("ns", "z"), Request("ns", "y")]
