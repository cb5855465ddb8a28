"""Which objects belong to an informer, and what a transform may return."""

from typing import Any

import pytest

from controller.informers import CacheOptions
from controller.informers.scope import Scope
from controller.meta import Object, Resource

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


def config_map() -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7", "managedFields": [{}]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "v"}}


def test_managed_fields_are_dropped_and_a_transform_decides_about_the_rest() -> None:
    """The transform gets the object without managed fields; what it returns is stored."""
    scope = Scope(
        CONFIG_MAP, CacheOptions(transform=lambda obj: {"metadata": obj["metadata"], "size": len(obj["data"])})
    )
    metadata = {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7"}
    assert scope.shape(config_map()) == {"metadata": metadata, "size": 1}


def test_managed_fields_stay_where_they_are_asked_for() -> None:
    """For readers who must know who wrote a field."""
    scope = Scope(CONFIG_MAP, CacheOptions(transform=lambda obj: obj, managed_fields=True))
    assert scope.shape(config_map()) == config_map()


def with_metadata(**changes: str) -> dict[str, Any]:
    return {"metadata": {**config_map()["metadata"], **changes}}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "text",
        {},
        {"data": {}},
        with_metadata(name="b"),
        with_metadata(namespace="other"),
        with_metadata(uid="other"),
        with_metadata(resourceVersion=""),
    ],
    ids=repr,
)
def test_a_transform_that_returns_something_else_than_its_object_is_refused(answer: Any) -> None:
    """A forgotten return would hide every object, and an object of another name or version would never be deleted or updated."""
    with pytest.raises((TypeError, ValueError), match="a transform"):
        Scope(CONFIG_MAP, CacheOptions(transform=lambda _: answer)).shape(config_map())


def test_a_transform_that_takes_the_version_out_in_place_is_refused() -> None:
    """And again when it is tried again: the original keeps its version."""

    def strip(obj: dict[str, Any]) -> Object:
        del obj["metadata"]["resourceVersion"]
        return obj

    original = config_map()
    for _ in range(2):
        with pytest.raises(ValueError, match="a transform keeps"):
            Scope(CONFIG_MAP, CacheOptions(transform=strip, managed_fields=True)).shape(original)


def test_a_selector_that_cannot_be_read_here_leaves_the_choice_to_the_watch() -> None:
    """The server may know more operators: an own write is then not taken in before the watch tells of it."""
    assert Scope(CONFIG_MAP, CacheOptions(label_selector="a=b")).is_readable
    odd = Scope(CONFIG_MAP, CacheOptions(label_selector="a ~ b"))
    assert not odd.is_readable
    assert not odd.selects(config_map())


def test_metadata_only_keeps_the_kind() -> None:
    """A PartialObjectMetadata is stored as metadata of its own kind, and nothing else."""
    shaped: Object = Scope(CONFIG_MAP, CacheOptions(metadata_only=True)).shape(config_map())
    assert set(shaped) == {"apiVersion", "kind", "metadata"}
    assert (shaped["apiVersion"], shaped["kind"]) == ("v1", "ConfigMap")
