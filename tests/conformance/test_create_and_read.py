"""Creating and reading objects, and what a create refuses."""

from typing import Any

import pytest

from tests.support.conformance_api import Api, content
from tests.support.widgets import GROUP, a_widget


async def test_a_new_object_has_generation_one_and_no_status(api: Api, widgets: str, namespace: str) -> None:
    created = await api.post(widgets, a_widget(status={"ready": True}))
    assert created.outcome == "201"
    assert content(created.body) == {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Widget",
        "metadata": {"name": "one", "namespace": namespace, "generation": 1},
        "spec": {"size": 1},
    }
    assert (await api.get(f"{widgets}/one")).body == created.body


async def test_what_only_the_server_sets_is_ignored(api: Api, widgets: str) -> None:
    given = {
        "uid": "mine",
        "generation": 7,
        "creationTimestamp": "2001-01-01T00:00:00Z",
        "deletionTimestamp": "2001-01-01T00:00:00Z",
        "managedFields": [],
    }
    created = (await api.post(widgets, a_widget(metadata=given))).body["metadata"]
    assert created["generation"] == 1
    assert created["uid"] != "mine"
    assert created["creationTimestamp"] > "2002"
    assert "deletionTimestamp" not in created


async def test_a_name_can_be_taken_once(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget())
    again = await api.post(widgets, a_widget())
    assert again.outcome == "409 AlreadyExists"
    assert again.details == {"name": "one", "group": GROUP, "kind": "widgets"}
    assert (await api.post(widgets, a_widget(), dryRun="All")).outcome == "409 AlreadyExists"


async def test_a_generated_name_fits_a_label(api: Api, widgets: str) -> None:
    widget = a_widget()
    widget["metadata"] = {"generateName": "g-" + "x" * 70}
    first, second = [(await api.post(widgets, widget)).body["metadata"] for _ in range(2)]
    assert first["name"].startswith("g-xxx")
    assert len(first["name"]) == 63
    assert first["name"] != second["name"]


async def test_a_dry_run_stores_nothing(api: Api, widgets: str) -> None:
    answer = await api.post(widgets, a_widget(spec={}), dryRun="All")
    assert answer.outcome == "201"
    assert answer.body["spec"] == {"size": 1}
    assert answer.body["metadata"]["uid"]
    assert "resourceVersion" not in answer.body["metadata"]
    assert (await api.get(f"{widgets}/one")).outcome == "404 NotFound"


async def test_a_missing_object_is_named(api: Api, widgets: str) -> None:
    missing = await api.get(f"{widgets}/none")
    assert missing.outcome == "404 NotFound"
    assert missing.details == {"name": "none", "group": GROUP, "kind": "widgets"}


async def test_a_missing_namespace_is_named(api: Api) -> None:
    refused = await api.post(f"/apis/{GROUP}/v1/namespaces/nowhere/widgets", a_widget())
    assert refused.outcome == "404 NotFound"
    assert refused.details == {"name": "nowhere", "kind": "namespaces"}


@pytest.mark.parametrize(
    ("metadata", "outcome"),
    [
        pytest.param({"name": ""}, "422 Invalid", id="no name"),
        pytest.param({"name": "Not_a.name"}, "422 Invalid", id="bad name"),
        pytest.param({"name": "a..b"}, "422 Invalid", id="empty part of a name"),
        pytest.param({"name": "line\n"}, "422 Invalid", id="line feed in a name"),
        pytest.param({"namespace": "other"}, "400 BadRequest", id="another namespace"),
        pytest.param({"labels": {"a": 1}}, "400 BadRequest", id="label that is a number"),
        pytest.param({"labels": {"a": "-"}}, "422 Invalid", id="bad label value"),
        pytest.param({"labels": {"a": "x" * 64}}, "422 Invalid", id="long label value"),
        pytest.param({"labels": {"-": "a"}}, "422 Invalid", id="bad label key"),
        pytest.param({"labels": {"Prefix/a": "a"}}, "422 Invalid", id="bad label prefix"),
        pytest.param({"annotations": {"a": "x" * 262145}}, "422 Invalid", id="large annotations"),
        pytest.param({"annotations": {"a b": ""}}, "422 Invalid", id="bad annotation key"),
        pytest.param({"finalizers": ["a b"]}, "422 Invalid", id="bad finalizer"),
        pytest.param({"finalizers": "a"}, "400 BadRequest", id="finalizers that are a text"),
        pytest.param({"resourceVersion": "1"}, "500", id="version of a new object"),
    ],
)
async def test_metadata_is_checked(api: Api, widgets: str, metadata: dict[str, Any], outcome: str) -> None:
    assert (await api.post(widgets, a_widget(metadata=metadata))).outcome == outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param(b"{", "400 BadRequest", id="no JSON"),
        pytest.param(b"", "400 BadRequest", id="nothing"),
        pytest.param([], "400 BadRequest", id="a list"),
        pytest.param({"metadata": {"name": "one"}}, "400 BadRequest", id="no kind"),
        pytest.param(a_widget(apiVersion="v1"), "400 BadRequest", id="another apiVersion"),
        pytest.param({**a_widget(), "kind": "Gadget"}, "422 Invalid", id="another kind"),
    ],
)
async def test_a_body_that_is_no_widget_is_refused(api: Api, widgets: str, body: Any, outcome: str) -> None:
    assert (await api.post(widgets, body)).outcome == outcome


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        ({"dryRun": "Some"}, "422 Invalid"),
        ({"fieldValidation": "Loud"}, "422 Invalid"),
    ],
)
async def test_unknown_options_are_refused(api: Api, widgets: str, query: dict[str, str], outcome: str) -> None:
    assert (await api.post(widgets, a_widget(), **query)).outcome == outcome


@pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream"])
async def test_a_body_of_an_unknown_type_is_refused(api: Api, widgets: str, content_type: str) -> None:
    answer = await api.post(widgets, a_widget(), content_type=content_type)
    assert answer.outcome == "415 UnsupportedMediaType"


async def test_objects_and_bodies_have_a_largest_size(api: Api, widgets: str) -> None:
    def of_size(size: int) -> dict[str, Any]:
        return a_widget(spec={"free": {"text": "x" * size}})

    assert (await api.post(widgets, of_size(1_600_000))).outcome == "500"
    assert (await api.post(widgets, of_size(3_200_000))).outcome == "413 RequestEntityTooLarge"


@pytest.mark.parametrize(
    ("references", "outcome"),
    [
        pytest.param([{"uid": ""}], "422 Invalid", id="no uid"),
        pytest.param([{"controller": True}, {"controller": True, "uid": "2"}], "422 Invalid", id="two controllers"),
        pytest.param([{"kind": "Event"}], "422 Invalid", id="owned by an event"),
    ],
)
async def test_owner_references_are_checked(
    api: Api, widgets: str, references: list[dict[str, Any]], outcome: str
) -> None:
    owners = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1", **changes} for changes in references]
    assert (await api.post(widgets, a_widget(metadata={"ownerReferences": owners}))).outcome == outcome


@pytest.mark.parametrize(
    ("method", "path", "outcome"),
    [
        ("PUT", "/apis/{group}/v1/namespaces/{namespace}/widgets", "400 BadRequest"),
        ("PATCH", "/apis/{group}/v1/namespaces/{namespace}/widgets", "400 BadRequest"),
        ("PUT", "/api/v1/namespaces/{namespace}/configmaps", "405 MethodNotAllowed"),
        ("POST", "/api/v1/namespaces/{namespace}/configmaps/one", "405 MethodNotAllowed"),
        ("POST", "/api/v1/configmaps", "405 MethodNotAllowed"),
        ("POST", "/apis/{group}/v1/widgets", "404"),
        ("DELETE", "/apis/{group}/v1/widgets", "404"),
        ("DELETE", "/api/v1/namespaces", "405 MethodNotAllowed"),
    ],
)
async def test_methods_that_a_path_does_not_have(
    api: Api, namespace: str, method: str, path: str, outcome: str
) -> None:
    where = path.format(group=GROUP, namespace=namespace)
    body = None if method == "DELETE" else a_widget()
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    assert (await api.request(method, where, body, content_type=content_type)).outcome == outcome
