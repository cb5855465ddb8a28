"""Objects of a type of one's own: structs, dataclasses and pydantic models."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field

from controller.client import Client, Kind, TypedClient, TypedLister
from controller.informers.lister import Lister
from controller.informers.store import Indexer
from controller.meta import Resource

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


class Metadata(msgspec.Struct, rename="camel", omit_defaults=True):
    """What is needed of the metadata."""

    name: str
    namespace: str = ""
    resource_version: str = ""


class StructMap(msgspec.Struct, omit_defaults=True):
    """A ConfigMap as a struct."""

    metadata: Metadata
    data: dict[str, str] = msgspec.field(default_factory=dict)


@dataclass
class PlainMetadata:
    """What is needed of the metadata."""

    name: str
    namespace: str = ""
    resourceVersion: str = ""


@dataclass
class DataMap:
    """A ConfigMap as a dataclass."""

    metadata: PlainMetadata
    data: dict[str, str] = field(default_factory=dict)


class ModelMetadata(BaseModel):
    """What is needed of the metadata."""

    model_config = ConfigDict(populate_by_name=True)
    name: str
    namespace: str = ""
    resource_version: str = Field("", alias="resourceVersion")


class PydanticMap(BaseModel):
    """A ConfigMap as a pydantic model."""

    metadata: ModelMetadata
    data: dict[str, str] = {}


def changed_model(value: Any, **data: str) -> Any:
    return value.model_copy(update={"data": data})


def changed_struct(value: Any, **data: str) -> Any:
    return msgspec.structs.replace(value, data=data)


def changed_dataclass(value: Any, **data: str) -> Any:
    return replace(value, data=data)


@pytest.mark.parametrize(
    ("type_", "metadata", "changed"),
    [
        (StructMap, Metadata, changed_struct),
        (DataMap, PlainMetadata, changed_dataclass),
        (PydanticMap, ModelMetadata, changed_model),
    ],
    ids=["struct", "dataclass", "pydantic"],
)
async def test_a_client_reads_and_writes_instances(
    client: Client, namespace: str, type_: Any, metadata: Any, changed: Callable[..., Any]
) -> None:
    """Only what changed is sent, so fields that the type does not name stay as they are."""
    typed = TypedClient(client, Kind(CONFIG_MAP, type_))
    created = await typed.create(type_(metadata=metadata(name="a", namespace=namespace), data={"k": "v"}))
    labels = {"metadata": {"labels": {"foreign": "f"}}}
    await client.patch(CONFIG_MAP, "a", labels, namespace=namespace)
    before = await typed.get("a", namespace)
    assert before.data == created.data == {"k": "v"}
    after = await typed.patch(before, changed(before, k="w", l="x"))
    assert after.data == {"k": "w", "l": "x"}
    removed = await typed.patch(after, changed(after, l="x"))
    assert removed.data == {"l": "x"}
    live = await client.get(CONFIG_MAP, "a", namespace)
    assert live["metadata"]["labels"] == {"foreign": "f"}


def test_a_lister_gives_instances_and_names_an_object_that_does_not_fit() -> None:
    """Each read makes a new one: nobody can change the cache by it."""
    store = Indexer()
    good = {"metadata": {"name": "a", "namespace": "ns", "uid": "1", "resourceVersion": "1"}, "data": {"k": "v"}}
    store.apply("ADDED", good)
    lister = TypedLister(Lister({"": store}), Kind(CONFIG_MAP, StructMap))
    found = lister.get("a", "ns")
    assert found == lister.list()[0] == lister.by_index("namespace", "ns")[0]
    assert found is not lister.get("a", "ns")
    assert lister.get("b", "ns") is None
    store.apply(
        "ADDED", {"metadata": {"name": "bad", "namespace": "ns", "uid": "2", "resourceVersion": "2"}, "data": 5}
    )
    with pytest.raises(ValueError, match="ConfigMap ns/bad: Expected `object`, got `int`"):
        lister.list()
