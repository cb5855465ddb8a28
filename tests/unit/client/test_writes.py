"""Create or patch and finalizers, on both control planes."""

from typing import Any

import pytest

from controller import meta
from controller.client import (
    Client,
    NotOwned,
    Operation,
    add_finalizer,
    create_or_patch,
    difference,
    remove_finalizer,
)
from controller.meta import Object, Resource
from controller.meta.errors import Conflict, InvalidRequest, NotFound

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
FINALIZER = "example.com/release"


def wanted(namespace: str, owner: Object | None = None, **data: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "child", "namespace": namespace, "labels": {"app": "a"}}
    if owner is not None:
        metadata["ownerReferences"] = [meta.controller_reference(owner, CONFIG_MAP)]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def owner(client: Client, namespace: str, name: str) -> Object:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}
    return await client.create(CONFIG_MAP, body)


async def test_an_object_is_created_then_left_alone_then_patched(client: Client, namespace: str) -> None:
    """Nothing is sent when nothing differs, and foreign fields stay."""
    created = await create_or_patch(client, CONFIG_MAP, wanted(namespace, k="v"))
    assert created.operation is Operation.CREATED
    foreign = {"data": {"foreign": "f"}, "metadata": {"labels": {"other": "o"}}}
    live = await client.patch(CONFIG_MAP, "child", foreign, namespace=namespace)
    unchanged = await create_or_patch(client, CONFIG_MAP, wanted(namespace, k="v"), live)
    assert (unchanged.operation, unchanged.object) == (Operation.UNCHANGED, live)
    patched = await create_or_patch(client, CONFIG_MAP, wanted(namespace, k="w"), live)
    assert (patched.operation, patched.fields) == (Operation.PATCHED, ("data.k",))
    assert patched.object["data"] == {"k": "w", "foreign": "f"}
    assert meta.labels_of(patched.object) == {"app": "a", "other": "o"}


async def test_a_cache_that_lags_does_no_harm(client: Client, namespace: str) -> None:
    """It does not show the object yet, shows an old version, or shows one that is gone."""
    await client.create(CONFIG_MAP, wanted(namespace, k="old"))
    first = await create_or_patch(client, CONFIG_MAP, wanted(namespace, k="v"), None)
    assert first.operation is Operation.PATCHED
    await client.patch(CONFIG_MAP, "child", {"data": {"other": "x"}}, namespace=namespace)
    second = await create_or_patch(client, CONFIG_MAP, wanted(namespace, k="w"), first.object)
    assert second.object["data"] == {"k": "w", "other": "x"}
    await client.delete(CONFIG_MAP, "child", namespace=namespace)
    third = await create_or_patch(client, CONFIG_MAP, wanted(namespace, k="x"), second.object)
    assert third.operation is Operation.CREATED


async def test_what_another_controls_is_left_alone(client: Client, namespace: str) -> None:
    """Also what nobody controls; the owner's uid decides, not its name."""
    mine, other = await owner(client, namespace, "mine"), await owner(client, namespace, "other")
    await client.create(CONFIG_MAP, wanted(namespace, other, k="theirs"))
    with pytest.raises(NotOwned, match="is not controlled by mine"):
        await create_or_patch(client, CONFIG_MAP, wanted(namespace, mine, k="mine"))
    assert (await client.get(CONFIG_MAP, "child", namespace))["data"] == {"k": "theirs"}


async def test_a_finalizer_is_added_once_and_lets_the_deletion_end(client: Client, namespace: str) -> None:
    """Other finalizers stay; on an object that is being deleted none is added; removing twice does no harm."""
    obj = await owner(client, namespace, "held")
    obj = await client.patch(
        CONFIG_MAP, "held", {"metadata": {"finalizers": ["example.com/other"]}}, namespace=namespace
    )
    held = await add_finalizer(client, CONFIG_MAP, obj, FINALIZER)
    assert meta.metadata_of(held)["finalizers"] == ["example.com/other", FINALIZER]
    assert await add_finalizer(client, CONFIG_MAP, held, FINALIZER) is held
    await client.delete(CONFIG_MAP, "held", namespace=namespace)
    deleting = await client.get(CONFIG_MAP, "held", namespace)
    with pytest.raises(Conflict, match="being deleted"):
        await add_finalizer(client, CONFIG_MAP, deleting, "example.com/late")
    await remove_finalizer(client, CONFIG_MAP, held, FINALIZER)
    left = await client.get(CONFIG_MAP, "held", namespace)
    assert meta.metadata_of(left)["finalizers"] == ["example.com/other"]
    await remove_finalizer(client, CONFIG_MAP, left, "example.com/other")
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAP, "held", namespace)
    await remove_finalizer(client, CONFIG_MAP, left, "example.com/other")


@pytest.mark.parametrize("edit", [add_finalizer, remove_finalizer])
async def test_a_finalizer_without_a_name_is_refused(client: Client, namespace: str, edit: Any) -> None:
    """Adding nothing would look like protection."""
    created = await client.create(CONFIG_MAP, wanted(namespace))
    with pytest.raises(InvalidRequest, match="needs a name"):
        await edit(client, CONFIG_MAP, created, "")


@pytest.mark.parametrize("metadata", [{}, {"name": "m"}, {"uid": "u"}, {"name": "", "uid": "u"}], ids=repr)
async def test_an_owner_without_name_or_uid_is_refused(
    client: Client, namespace: str, metadata: dict[str, str]
) -> None:
    """It was not read from the server; nothing is sent."""
    with pytest.raises(InvalidRequest, match="has an owner without a name or a uid"):
        await create_or_patch(client, CONFIG_MAP, wanted(namespace, {"metadata": metadata}))


def test_metadata_is_added_to_what_is_there() -> None:
    """Labels, annotations, finalizers and owner references of others stay."""
    live = {"metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x"], "ownerReferences": [{"uid": "1"}]}}
    desired = {"metadata": {"labels": {"a": "2"}, "finalizers": ["y"], "ownerReferences": [{"uid": "2"}]}}
    assert difference(desired, live) == {
        "metadata": {"labels": {"a": "2"}, "finalizers": ["x", "y"], "ownerReferences": [{"uid": "1"}, {"uid": "2"}]}
    }
    assert difference({"metadata": {}, "status": {"x": 1}}, live) is None
