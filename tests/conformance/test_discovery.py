"""What clients are told about resources, and the forms in which they can have objects."""

from typing import Any

import pytest

from tests.support.conformance_api import METADATA, METADATA_LIST, TABLE, Api
from tests.support.widgets import GROUP, a_widget

TOLD = ("name", "singularName", "namespaced", "kind", "shortNames", "categories")


def resource(document: dict[str, Any], name: str) -> dict[str, Any]:
    """What a discovery document says of one resource, without what only Kubernetes keeps there."""
    found = next(entry for entry in document["resources"] if entry["name"] == name)
    return {**{key: found[key] for key in TOLD if key in found}, "verbs": sorted(found["verbs"])}


async def test_a_custom_resource_is_discovered(api: Api, namespace: str) -> None:
    document = (await api.get(f"/apis/{GROUP}/v1")).body
    assert (document["kind"], document["groupVersion"]) == ("APIResourceList", f"{GROUP}/v1")
    assert resource(document, "widgets") == {
        "name": "widgets",
        "singularName": "widget",
        "namespaced": True,
        "kind": "Widget",
        "shortNames": ["wix"],
        "categories": ["conformance"],
        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    }
    assert resource(document, "widgets/status")["verbs"] == ["get", "patch", "update"]


async def test_a_group_and_its_versions_are_discovered(api: Api) -> None:
    group = (await api.get(f"/apis/{GROUP}")).body
    assert group["kind"] == "APIGroup"
    assert group["preferredVersion"] == {"groupVersion": f"{GROUP}/v1", "version": "v1"}
    everything = (await api.get("/apis")).body
    assert everything["kind"] == "APIGroupList"
    assert {name: group[name] for name in ("name", "versions", "preferredVersion")} in everything["groups"]
    assert (await api.get("/api")).body["versions"] == ["v1"]


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("/api/v1", "configmaps", {"kind": "ConfigMap", "shortNames": ["cm"], "namespaced": True}),
        ("/api/v1", "namespaces", {"kind": "Namespace", "shortNames": ["ns"], "namespaced": False}),
        ("/api/v1", "pods", {"kind": "Pod", "shortNames": ["po"], "categories": ["all"]}),
        ("/apis/coordination.k8s.io/v1", "leases", {"kind": "Lease", "singularName": "lease"}),
        ("/apis/events.k8s.io/v1", "events", {"kind": "Event", "shortNames": ["ev"]}),
        (
            "/apis/apiextensions.k8s.io/v1",
            "customresourcedefinitions",
            {"shortNames": ["crd", "crds"], "categories": ["api-extensions"]},
        ),
    ],
)
async def test_built_in_resources_are_discovered(api: Api, path: str, name: str, expected: dict[str, Any]) -> None:
    told = resource((await api.get(path)).body, name)
    assert {key: told[key] for key in expected} == expected
    assert ("deletecollection" in told["verbs"]) == (name != "namespaces")


@pytest.mark.parametrize(
    "path",
    [
        f"/apis/{GROUP}/v1/gadgets",
        f"/apis/{GROUP}/v2",
        f"/apis/{GROUP}/v2/widgets",
        "/apis/unknown.example.com",
        "/apis/unknown.example.com/v1",
        "/apis/unknown.example.com/v1/widgets",
        "/nothing",
    ],
)
async def test_unknown_groups_and_kinds_are_answered_with_a_text(api: Api, path: str) -> None:
    answer = await api.get(path)
    assert answer.code == 404
    assert answer.body == "404 page not found\n"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/gadgets",
        "/api/v1/configmaps/one",
        "/api/v1/namespaces/default/configmaps/one/status",
        f"/apis/{GROUP}/v1/namespaces/default/widgets/one/scale",
    ],
)
async def test_unknown_resources_of_known_groups_are_answered_with_a_status(api: Api, path: str) -> None:
    assert (await api.get(path)).outcome == "404 NotFound"


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
async def test_the_server_says_that_it_is_well(api: Api, path: str) -> None:
    assert (await api.get(path)).body == "ok"


async def test_a_table_has_the_columns_of_the_crd(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget(spec={"size": 3, "color": "red"}))
    await api.patch(f"{widgets}/one/status", {"status": {"phase": "Running"}})
    table = (await api.get(widgets, accept=TABLE)).body
    assert table["kind"] == "Table"
    columns = [(column["name"], column["type"], column["priority"]) for column in table["columnDefinitions"]]
    assert columns == [
        ("Name", "string", 0),
        ("Phase", "string", 0),
        ("Size", "integer", 0),
        ("Color", "string", 1),
        ("Age", "date", 0),
    ]
    (row,) = table["rows"]
    assert row["cells"][:4] == ["one", "Running", 3, "red"]
    assert row["cells"][4].endswith("s")
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "one"


@pytest.mark.parametrize(
    ("include", "kind"), [("None", None), ("Object", "Widget"), ("Metadata", "PartialObjectMetadata")]
)
async def test_a_row_carries_what_was_asked_for(api: Api, widgets: str, include: str, kind: str | None) -> None:
    await api.post(widgets, a_widget())
    (row,) = (await api.get(f"{widgets}/one", accept=TABLE, includeObject=include)).body["rows"]
    assert (row["object"] or {}).get("kind") == kind


async def test_metadata_alone(api: Api, widgets: str) -> None:
    stored = (await api.post(widgets, a_widget())).body
    one = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored["metadata"]}
    assert (await api.get(f"{widgets}/one", accept=METADATA)).body == one
    many = (await api.get(widgets, accept=METADATA_LIST)).body
    assert (many["kind"], many["items"]) == ("PartialObjectMetadataList", [one])
    assert (await api.patch(f"{widgets}/one", {}, accept=METADATA)).body == one


@pytest.mark.parametrize(
    ("accept", "outcome"),
    [
        ("text/html", "406 NotAcceptable"),
        (METADATA, "406 NotAcceptable"),
        ("*/*", "200"),
        ("application/*", "200"),
        (f"{TABLE},application/json", "200"),
        ("application/json;as=Table;v=v9;g=example.com,application/json", "200"),
    ],
)
async def test_forms_of_a_list(api: Api, widgets: str, accept: str, outcome: str) -> None:
    assert (await api.get(widgets, accept=accept)).outcome == outcome


async def test_the_openapi_document_knows_the_fields(api: Api) -> None:
    index = (await api.get("/openapi/v3")).body["paths"]
    assert "api/v1" in index
    document = (await api.get(index[f"apis/{GROUP}/v1"]["serverRelativeURL"].partition("?")[0])).body
    names = {"group": GROUP, "version": "v1", "kind": "Widget"}
    (schema,) = [
        schema
        for schema in document["components"]["schemas"].values()
        if schema.get("x-kubernetes-group-version-kind") == [names]
    ]
    assert schema["properties"]["spec"]["properties"]["size"]["type"] == "integer"
    assert {"apiVersion", "kind", "metadata"} <= schema["properties"].keys()
    paths = document["paths"]
    assert f"/apis/{GROUP}/v1/namespaces/{{namespace}}/widgets/{{name}}" in paths
