"""Requests mean what they say, or are not made."""

from collections.abc import Callable
from typing import Any

import pytest

from controller.client import APPLY_PATCH, requests
from controller.meta import Resource
from controller.meta.errors import ApiError, InvalidRequest

POD = Resource("", "v1", "pods", "Pod")
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)
Build = Callable[[Resource, str, str | None], Any]

BY_NAME: dict[str, Build] = {
    "get": requests.get,
    "delete": lambda resource, name, namespace: requests.delete(
        resource, name, namespace, uid=None, resource_version=None, propagation=None
    ),
    "patch": lambda resource, name, namespace: requests.patch(
        resource, name, {}, namespace=namespace, subresource="", content_type=APPLY_PATCH, field_manager="m"
    ),
    "replace": lambda resource, name, namespace: requests.replace(
        resource, {"metadata": {"name": name}}, namespace, "", "m"
    ),
}


@pytest.mark.parametrize("build", BY_NAME.values(), ids=BY_NAME)
@pytest.mark.parametrize("name", ["", ".", "..", "a/../../secrets/token", "x/status", "a%2Fb"])
def test_a_name_that_would_address_something_else_is_refused(build: Build, name: str) -> None:
    """A deletion of nothing would be a deletion of everything; reconcilers catch it like any failure of a request."""
    with pytest.raises(InvalidRequest) as caught:
        build(POD, name, "ns")
    assert isinstance(caught.value, ApiError)


@pytest.mark.parametrize("build", BY_NAME.values(), ids=BY_NAME)
def test_one_object_of_a_namespaced_kind_needs_its_namespace(build: Build) -> None:
    """Without it the server would answer 404, which reads like "already gone"; cluster-scoped objects have none."""
    for namespace in (None, "", "a/b"):
        with pytest.raises(InvalidRequest):
            build(POD, "a", namespace)
    assert "/nodes/a" in build(NODE, "a", None).target
    assert "/namespaces/ns/pods/a" in build(POD, "a", "ns").target


def test_a_creation_needs_its_namespace_and_a_list_does_not() -> None:
    """A list without one is a list of all; a path in its place is refused."""
    with pytest.raises(InvalidRequest):
        requests.create(POD, {}, "", "m")
    assert requests.list_(POD, None).target == "/api/v1/pods"
    with pytest.raises(InvalidRequest):
        requests.list_(POD, "../secrets")


def test_an_empty_precondition_is_no_precondition() -> None:
    """It comes from an object without metadata, and would delete whatever has the name."""
    for empty in ({"uid": "", "resource_version": None}, {"uid": None, "resource_version": ""}):
        with pytest.raises(InvalidRequest):
            requests.delete(POD, "a", "ns", propagation=None, **empty)


@pytest.mark.parametrize("text", ["plain", "ä\x85\u2028", "\x7f\ufeff\ufffe", "😀", "\n\t\x00", '"\\'])
def test_an_apply_body_is_safe_for_a_reader_of_yaml(text: str) -> None:
    """ASCII and characters beyond the basic plane as they are, everything else escaped; it stays the same JSON."""
    body = requests.apply_body({"k": text}).decode()
    assert all(" " <= character <= "~" or character > "\uffff" for character in body)
    assert requests.jsonio.loads(body) == {"k": text}
