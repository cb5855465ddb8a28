"""Admission reviews as values, and the JSON patch of a changed object."""

from typing import Any

import pytest

from controller.webhook.admission import AdmissionRequest, ReviewError, json_patch

REQUEST = {
    "uid": "u",
    "operation": "UPDATE",
    "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
    "namespace": "ns",
    "name": "a",
    "object": {"data": {"k": "new"}},
    "oldObject": {"data": {"k": "old"}},
    "userInfo": {"username": "jane"},
    "dryRun": True,
}


def review(**changes: Any) -> dict[str, Any]:
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {**REQUEST, **changes}}


def test_a_review_is_read_into_a_request():
    """Every field that validators ask for; the rest is in ``raw``."""
    request = AdmissionRequest.from_review(review())
    assert (request.uid, request.operation, request.kind) == ("u", "UPDATE", "ConfigMap")
    assert (request.namespace, request.name, request.user, request.dry_run) == ("ns", "a", "jane", True)
    assert request.object == {"data": {"k": "new"}}
    assert request.old_object == {"data": {"k": "old"}}
    assert AdmissionRequest.from_review(review(object=None, oldObject=None)).object is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "not an AdmissionReview"),
        ({"kind": "Pod"}, "not an AdmissionReview"),
        ({**review(), "apiVersion": "admission.k8s.io/v1beta1"}, "version"),
        ({**review(), "request": None}, "no request with a uid"),
        (review(uid=5), "no request with a uid"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(body: Any, problem: str):
    """The API server shows it to people who look for the fault."""
    with pytest.raises(ReviewError, match=problem):
        AdmissionRequest.from_review(body)


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({}, {"a": {"b": 1}}, [{"op": "add", "path": "/a", "value": {"b": 1}}]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, [{"op": "remove", "path": "/a/c"}]),
        ({"a": [1]}, {"a": [1, 2]}, [{"op": "replace", "path": "/a", "value": [1, 2]}]),
        ({"a/b~c": 1}, {"a/b~c": 2}, [{"op": "replace", "path": "/a~1b~0c", "value": 2}]),
        ({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}]),
        ({"a": {}}, {"a": None}, [{"op": "replace", "path": "/a", "value": None}]),
    ],
)
def test_a_patch_turns_the_old_object_into_the_new_one(old: Any, new: Any, patch: Any):
    """Key by key; lists as a whole; keys with slashes and tildes escaped."""
    assert json_patch(old, new) == patch
