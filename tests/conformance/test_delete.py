"""Deleting: preconditions, finalizers, dry runs, collections, and what the collector and the end of a namespace take along."""

from typing import Any

import pytest

from tests.support.conformance_api import Api, content, version
from tests.support.factories import eventually
from tests.support.widgets import GROUP, a_widget

HOLD = {"finalizers": ["example.com/hold"]}


async def is_gone(api: Api, path: str) -> bool:
    """Whether there is nothing at the path."""
    return (await api.get(path)).outcome == "404 NotFound"


def owned_by(owner: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Metadata with one owner reference."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {"ownerReferences": [{**reference, **changes}]}


async def test_a_delete_answers_with_what_it_deleted(api: Api, widgets: str) -> None:
    uid = (await api.post(widgets, a_widget())).body["metadata"]["uid"]
    answer = await api.delete(f"{widgets}/one")
    assert answer.outcome == "200"
    assert answer.body["status"] == "Success"
    assert answer.details == {"name": "one", "group": GROUP, "kind": "widgets", "uid": uid}
    assert await is_gone(api, f"{widgets}/one")
    assert (await api.delete(f"{widgets}/one")).outcome == "404 NotFound"


async def test_preconditions_guard_a_delete(api: Api, widgets: str) -> None:
    metadata = (await api.post(widgets, a_widget())).body["metadata"]
    for wrong in ({"uid": "x"}, {"resourceVersion": "1"}, {"uid": metadata["uid"], "resourceVersion": "1"}):
        assert (await api.delete(f"{widgets}/one", {"preconditions": wrong})).outcome == "409 Conflict"
    right = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    assert (await api.delete(f"{widgets}/one", {"preconditions": right})).outcome == "200"
    assert await is_gone(api, f"{widgets}/one")


@pytest.mark.parametrize("where", ["body", "query"])
async def test_a_dry_run_deletes_nothing(api: Api, widgets: str, where: str) -> None:
    stored = (await api.post(widgets, a_widget())).body
    if where == "body":
        answer = await api.delete(f"{widgets}/one", {"dryRun": ["All"]})
    else:
        answer = await api.delete(f"{widgets}/one", dryRun="All")
    assert answer.outcome == "200"
    assert (await api.get(f"{widgets}/one")).body == stored


@pytest.mark.parametrize("options", [{"propagationPolicy": "Sideways"}, {"dryRun": ["Some"]}])
async def test_unknown_options_are_refused(api: Api, widgets: str, options: dict[str, Any]) -> None:
    await api.post(widgets, a_widget())
    assert (await api.delete(f"{widgets}/one", options)).outcome == "422 Invalid"
    assert (await api.get(f"{widgets}/one")).outcome == "200"


async def test_a_finalizer_holds_an_object_until_it_is_taken_away(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget(metadata=HOLD))
    marked = (await api.delete(f"{widgets}/one")).body
    assert marked["metadata"]["deletionTimestamp"]
    assert marked["metadata"]["generation"] == 2
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    assert (await api.delete(f"{widgets}/one")).body == marked
    added = {"metadata": {"finalizers": [*HOLD["finalizers"], "example.com/more"]}}
    assert (await api.patch(f"{widgets}/one", added)).outcome == "422 Invalid"
    changed = (await api.patch(f"{widgets}/one", {"spec": {"size": 2}})).body
    assert changed["metadata"]["generation"] == 3
    last = await api.patch(f"{widgets}/one", {"metadata": {"finalizers": None}})
    assert last.outcome == "200"
    assert "finalizers" not in last.body["metadata"]
    assert await is_gone(api, f"{widgets}/one")


async def test_a_put_cannot_take_a_deletion_back(api: Api, widgets: str) -> None:
    stored = (await api.post(widgets, a_widget(metadata=HOLD))).body
    marked = (await api.delete(f"{widgets}/one")).body
    body = {**stored, "metadata": {**stored["metadata"], "resourceVersion": marked["metadata"]["resourceVersion"]}}
    assert (await api.put(f"{widgets}/one", body)).body["metadata"]["deletionTimestamp"]


async def test_a_collection_is_deleted_by_selector(api: Api, widgets: str) -> None:
    for name, color in (("a", "red"), ("b", "red"), ("c", "blue")):
        await api.post(widgets, a_widget(name, metadata={"labels": {"color": color}}))
    answer = await api.delete(widgets, labelSelector="color=red")
    assert answer.body["kind"] == "WidgetList"
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "b"]
    left = (await api.get(widgets)).body["items"]
    assert [item["metadata"]["name"] for item in left] == ["c"]
    await api.delete(widgets, dryRun="All")
    assert (await api.get(widgets)).body["items"] == left


async def test_what_a_deleted_object_owned_is_collected(api: Api, config_maps: str) -> None:
    owner = (await api.post(config_maps, {"metadata": {"name": "owner"}})).body
    other = (await api.post(config_maps, {"metadata": {"name": "other"}})).body
    await api.post(config_maps, {"metadata": {"name": "owned", **owned_by(owner)}})
    both = {"ownerReferences": [*owned_by(owner)["ownerReferences"], *owned_by(other)["ownerReferences"]]}
    await api.post(config_maps, {"metadata": {"name": "shared", **both}})
    await api.delete(f"{config_maps}/owner")
    assert await eventually(lambda: is_gone(api, f"{config_maps}/owned"))
    assert (await api.get(f"{config_maps}/shared")).outcome == "200"


@pytest.mark.parametrize("changes", [{"uid": "00000000-0000-0000-0000-000000000000"}, {"name": "nobody"}])
async def test_an_owner_that_is_not_there_is_as_good_as_deleted(
    api: Api, config_maps: str, changes: dict[str, str]
) -> None:
    owner = (await api.post(config_maps, {"metadata": {"name": "owner"}})).body
    orphan = {"metadata": {"name": "orphan", **owned_by(owner, **changes)}}
    assert (await api.post(config_maps, orphan)).outcome == "201"
    assert await eventually(lambda: is_gone(api, f"{config_maps}/orphan"))


async def test_an_owner_in_another_namespace_does_not_count(api: Api, config_maps: str) -> None:
    owner = (await api.post(config_maps, {"metadata": {"name": "owner"}})).body
    elsewhere = "/api/v1/namespaces/default/configmaps"
    name = f"orphan-{owner['metadata']['uid']}"
    assert (await api.post(elsewhere, {"metadata": {"name": name, **owned_by(owner)}})).outcome == "201"
    assert await eventually(lambda: is_gone(api, f"{elsewhere}/{name}"))


async def test_a_terminating_namespace_takes_nothing_new(api: Api, namespace: str, config_maps: str) -> None:
    await api.post(config_maps, {"metadata": {"name": "held", **HOLD}})
    await api.post(config_maps, {"metadata": {"name": "free"}})
    answer = await api.delete(f"/api/v1/namespaces/{namespace}")
    assert answer.body["status"]["phase"] == "Terminating"
    assert await eventually(lambda: is_gone(api, f"{config_maps}/free"))
    refused = await api.post(config_maps, {"metadata": {"name": "late"}})
    assert refused.outcome == "403 Forbidden"
    assert ("NamespaceTerminating", "metadata.namespace") in refused.causes
    assert (await api.patch(f"{config_maps}/held", {"data": {"a": "b"}})).outcome == "200"
    await api.patch(f"{config_maps}/held", {"metadata": {"finalizers": None}})
    assert await eventually(lambda: is_gone(api, f"/api/v1/namespaces/{namespace}"))
    await api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})


async def test_system_namespaces_stay(api: Api) -> None:
    assert (await api.delete("/api/v1/namespaces/default")).outcome == "403 Forbidden"


async def test_a_recreated_object_is_another_one(api: Api, widgets: str) -> None:
    first = (await api.post(widgets, a_widget())).body
    await api.delete(f"{widgets}/one")
    second = (await api.post(widgets, a_widget())).body
    assert content(first) == content(second)
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert version(second) > version(first) + 1
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "status": {"ready": True}}
    assert (await api.patch(f"{widgets}/one/status", stale)).outcome == "409 Conflict"
    assert (await api.put(f"{widgets}/one", first)).outcome == "409 Conflict"
