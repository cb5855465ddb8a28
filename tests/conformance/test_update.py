"""Replacing and patching: versions, generations, the status subresource, and what an update must not change."""

import asyncio
from typing import Any

import pytest

from tests.support.conformance_api import JSON_PATCH, MERGE, STRATEGIC, Api, version
from tests.support.widgets import GROUP, a_widget


@pytest.fixture
async def one(api: Api, widgets: str) -> dict[str, Any]:
    """A stored Widget."""
    return (await api.post(widgets, a_widget())).body  # type: ignore[no-any-return]


def with_metadata(obj: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], **metadata}}


@pytest.mark.parametrize(
    ("change", "generation"),
    [
        pytest.param({"spec": {"size": 2}}, 2, id="spec"),
        pytest.param({"metadata": {"labels": {"a": "b"}}}, 1, id="labels"),
        pytest.param({"metadata": {"generation": 9}}, 1, id="generation itself"),
        pytest.param({"spec": {"unknown": 2}}, 1, id="unknown field"),
    ],
)
async def test_only_the_spec_raises_the_generation(
    api: Api, widgets: str, one: dict[str, Any], change: Any, generation: int
) -> None:
    assert (await api.patch(f"{widgets}/one", change)).body["metadata"]["generation"] == generation


async def test_a_put_leaves_the_status_and_a_status_put_leaves_everything_else(
    api: Api, widgets: str, one: dict[str, Any]
) -> None:
    replaced = (await api.put(f"{widgets}/one", {**one, "spec": {"size": 2}, "status": {"ready": True}})).body
    assert replaced["spec"] == {"size": 2}
    assert "status" not in replaced
    reported = (
        await api.put(
            f"{widgets}/one/status",
            {**with_metadata(replaced, labels={"a": "b"}), "spec": {"size": 3}, "status": {"ready": True}},
        )
    ).body
    assert reported["spec"] == {"size": 2}
    assert reported["status"] == {"ready": True}
    assert "labels" not in reported["metadata"]
    assert reported["metadata"]["generation"] == 2
    assert version(reported) > version(replaced) > version(one)
    assert (await api.get(f"{widgets}/one/status")).body == reported


@pytest.mark.parametrize("subresource", ["", "/status"])
@pytest.mark.parametrize("method", ["put", "merge patch", "JSON patch"])
async def test_writing_what_is_there_keeps_the_version(
    api: Api, widgets: str, one: dict[str, Any], method: str, subresource: str
) -> None:
    path = f"{widgets}/one{subresource}"
    match method:
        case "put":
            answer = await api.put(path, one)
        case "merge patch":
            answer = await api.patch(path, {"spec": {"size": 1}})
        case _:
            answer = await api.patch(path, [{"op": "test", "path": "/spec/size", "value": 1}], JSON_PATCH)
    assert answer.outcome == "200"
    assert version(answer.body) == version(one)


@pytest.mark.parametrize(
    ("changes", "main", "status"),
    [
        pytest.param({"metadata": {"resourceVersion": "1"}}, "409 Conflict", "409 Conflict", id="stale version"),
        pytest.param({"metadata": {"resourceVersion": "x"}}, "500", "500", id="no version"),
        pytest.param({"metadata": {"resourceVersion": None}}, "422 Invalid", "422 Invalid", id="version taken out"),
        pytest.param({"metadata": {"uid": "x"}}, "422 Invalid", "200", id="uid"),
        pytest.param({"metadata": {"deletionTimestamp": "2001-01-01T00:00:00Z"}}, "422 Invalid", "200", id="deletion"),
        pytest.param({"metadata": {"name": "x"}}, "400 BadRequest", "400 BadRequest", id="name"),
        pytest.param({"metadata": {"namespace": "x"}}, "400 BadRequest", "400 BadRequest", id="namespace"),
        pytest.param({"metadata": None}, "400 BadRequest", "400 BadRequest", id="metadata taken out"),
        pytest.param({"metadata": {"creationTimestamp": None}}, "200", "200", id="creation time taken out"),
        pytest.param({"kind": "Gadget"}, "422 Invalid", "200", id="kind"),
        pytest.param({"apiVersion": "v1"}, "422 Invalid", "200", id="apiVersion"),
        pytest.param([], "400 BadRequest", "400 BadRequest", id="a list"),
        pytest.param(b"{", "400 BadRequest", "400 BadRequest", id="no JSON"),
    ],
)
async def test_what_a_merge_patch_may_change(
    api: Api, widgets: str, one: dict[str, Any], changes: Any, main: str, status: str
) -> None:
    assert (await api.patch(f"{widgets}/one", changes)).outcome == main
    assert (await api.patch(f"{widgets}/one/status", changes)).outcome == status


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        pytest.param({"resourceVersion": None}, "422 Invalid", id="no version"),
        pytest.param({"resourceVersion": "1"}, "409 Conflict", id="stale version"),
        pytest.param({"resourceVersion": "x"}, "500", id="a version that is none"),
        pytest.param({"uid": "x"}, "409 Conflict", id="another uid"),
        pytest.param({"name": "x"}, "400 BadRequest", id="another name"),
        pytest.param({"name": None}, "400 BadRequest", id="no name"),
    ],
)
@pytest.mark.parametrize("subresource", ["", "/status"])
async def test_what_a_put_must_carry(
    api: Api, widgets: str, one: dict[str, Any], metadata: dict[str, Any], outcome: str, subresource: str
) -> None:
    body = {**with_metadata(one, **metadata), "spec": {"size": 2}, "status": {"ready": True}}
    assert (await api.put(f"{widgets}/one{subresource}", body)).outcome == outcome


@pytest.mark.parametrize("subresource", ["", "/status"])
async def test_what_is_missing_cannot_be_updated(api: Api, widgets: str, subresource: str) -> None:
    assert (await api.put(f"{widgets}/one{subresource}", a_widget())).outcome == "404 NotFound"
    assert (await api.patch(f"{widgets}/one{subresource}", {"spec": {}})).outcome == "404 NotFound"


@pytest.mark.parametrize(
    ("operations", "outcome"),
    [
        pytest.param({}, "400 BadRequest", id="no list"),
        pytest.param([{"op": "invent", "path": "/spec"}], "422 Invalid", id="unknown operation"),
        pytest.param([{"op": "test", "path": "/metadata/uid", "value": "x"}], "422 Invalid", id="failed test"),
        pytest.param([{"op": "remove", "path": "/spec/none"}], "422 Invalid", id="nothing to remove"),
        pytest.param([{"op": "add", "path": "/metadata/labels/a", "value": "b"}], "422 Invalid", id="no parent"),
        pytest.param([{"op": "replace", "path": "/spec/size", "value": 11}], "422 Invalid", id="breaks the schema"),
        pytest.param([{"op": "replace", "path": "/spec/size", "value": 2}], "200", id="replace"),
        pytest.param([{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}], "200", id="add"),
        pytest.param([{"op": "copy", "from": "/spec", "path": "/spec/free"}], "200", id="copy"),
    ],
)
async def test_json_patches(api: Api, widgets: str, one: dict[str, Any], operations: Any, outcome: str) -> None:
    assert (await api.patch(f"{widgets}/one", operations, JSON_PATCH)).outcome == outcome


@pytest.mark.parametrize("content_type", [STRATEGIC, "application/json"])
async def test_patches_that_custom_resources_do_not_know(
    api: Api, widgets: str, one: dict[str, Any], content_type: str
) -> None:
    assert (await api.patch(f"{widgets}/one", {"spec": {}}, content_type)).outcome == "415 UnsupportedMediaType"


async def test_null_in_a_merge_patch_removes(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget(spec={"color": "red", "free": {"a": {"b": 1, "c": 2}}}))
    patched = await api.patch(f"{widgets}/one", {"spec": {"color": None, "free": {"a": {"b": None}}}})
    assert patched.body["spec"] == {"size": 1, "free": {"a": {"c": 2}}}


async def test_a_dry_run_of_a_patch_changes_nothing(api: Api, widgets: str, one: dict[str, Any]) -> None:
    answer = await api.patch(f"{widgets}/one", {"spec": {"size": 5}}, dryRun="All")
    assert answer.body["spec"] == {"size": 5}
    assert answer.body["metadata"]["generation"] == 2
    assert (await api.get(f"{widgets}/one")).body == one


async def test_racers_for_one_version_have_one_winner(api: Api, leases: str) -> None:
    lease = {"metadata": {"name": "one"}, "spec": {"holderIdentity": "nobody"}}
    current = (await api.post(leases, lease)).body
    answers = await asyncio.gather(
        *(api.put(f"{leases}/one", {**current, "spec": {"holderIdentity": f"racer-{index}"}}) for index in range(8))
    )
    assert sorted(answer.outcome for answer in answers) == ["200", *["409 Conflict"] * 7]
    winner = next(answer.body for answer in answers if answer.code == 200)
    assert (await api.get(f"{leases}/one")).body == winner


async def test_a_conflict_names_the_object(api: Api, widgets: str, one: dict[str, Any]) -> None:
    refused = await api.patch(f"{widgets}/one", {"metadata": {"resourceVersion": "1"}}, MERGE)
    assert refused.details == {"name": "one", "group": GROUP, "kind": "widgets"}
