"""What only Kubernetes does, the embedded server refuses: with 501, or as clearly. It never pretends."""

from typing import Any

import pytest

from controller.envtest import Environment
from tests.support.conformance_api import APPLY, STRATEGIC, Api
from tests.support.widgets import GROUP, a_widget, widget_crd

NOT_IMPLEMENTED = "501 NotImplemented"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


pytestmark = pytest.mark.parametrize(
    "plane", [pytest.param("embedded", marks=pytest.mark.xdist_group("embedded"))], indirect=True, scope="session"
)


async def test_server_side_apply(api: Api, widgets: str) -> None:
    answer = await api.patch(f"{widgets}/one", a_widget(), APPLY, fieldManager="me")
    assert answer.outcome == NOT_IMPLEMENTED
    assert (await api.get(f"{widgets}/one")).outcome == "404 NotFound"


@pytest.mark.parametrize("patch", [{"metadata": {"finalizers": ["example.com/a"]}}, {"data": {"$patch": "replace"}}])
async def test_strategic_merge_of_lists_and_directives(api: Api, config_maps: str, patch: dict[str, Any]) -> None:
    stored = (await api.post(config_maps, {"metadata": {"name": "one"}})).body
    assert (await api.patch(f"{config_maps}/one", patch, STRATEGIC)).outcome == NOT_IMPLEMENTED
    assert (await api.get(f"{config_maps}/one")).body == stored


@pytest.mark.parametrize(
    "options",
    [{"propagationPolicy": "Foreground"}, {"propagationPolicy": "Orphan"}, {"orphanDependents": True}],
)
async def test_foreground_and_orphan_deletion(api: Api, widgets: str, options: dict[str, Any]) -> None:
    await api.post(widgets, a_widget())
    assert (await api.delete(f"{widgets}/one", options)).outcome == NOT_IMPLEMENTED
    assert (await api.delete(widgets, options)).outcome == NOT_IMPLEMENTED
    assert (await api.get(f"{widgets}/one")).outcome == "200"


async def test_conversion_webhooks(api: Api) -> None:
    crd = widget_crd("Converted")
    webhook = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"]}}
    assert (await api.post(CRDS, {**crd, "spec": {**crd["spec"], "conversion": webhook}})).outcome == NOT_IMPLEMENTED
    assert (await api.get(f"{CRDS}/{crd['metadata']['name']}")).outcome == "404 NotFound"


async def test_the_scale_of_a_custom_resource(api: Api, namespace: str) -> None:
    crd = widget_crd("Scaled", group="scaled.example.com")
    paths = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}
    crd["spec"]["versions"][0]["subresources"]["scale"] = paths
    await api.post(CRDS, crd)
    path = f"/apis/scaled.example.com/v1/namespaces/{namespace}/scaleds"
    await api.post(path, {**a_widget(kind="Scaled"), "apiVersion": "scaled.example.com/v1"})
    assert (await api.get(f"{path}/one/scale")).outcome == NOT_IMPLEMENTED
    assert "scaleds/scale" not in {
        entry["name"] for entry in (await api.get("/apis/scaled.example.com/v1")).body["resources"]
    }
    await api.delete(f"{CRDS}/{crd['metadata']['name']}")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/namespaces/default/pods/one/log"),
        ("POST", "/api/v1/namespaces/default/pods/one/exec"),
        ("POST", "/api/v1/namespaces/default/pods/one/eviction"),
        ("POST", "/api/v1/namespaces/default/pods/one/binding"),
        ("POST", "/api/v1/namespaces/default/serviceaccounts/one/token"),
        ("PUT", "/api/v1/namespaces/default/finalize"),
        ("GET", "/api/v1/watch/namespaces/default/configmaps"),
        ("GET", f"/apis/{GROUP}/v1/watch/namespaces/default/widgets"),
    ],
)
async def test_paths_that_only_kubernetes_has(api: Api, method: str, path: str) -> None:
    body = None if method == "GET" else {}
    assert (await api.request(method, path, body)).outcome == NOT_IMPLEMENTED


@pytest.mark.parametrize("content_type", ["application/yaml", "application/vnd.kubernetes.protobuf"])
async def test_bodies_that_are_not_json(api: Api, widgets: str, content_type: str) -> None:
    answer = await api.post(widgets, b"kind: Widget\n", content_type=content_type)
    assert answer.outcome == "415 UnsupportedMediaType"


@pytest.mark.parametrize("accept", ["application/yaml", "application/vnd.kubernetes.protobuf"])
async def test_answers_that_are_not_json(api: Api, widgets: str, accept: str) -> None:
    assert (await api.get(widgets, accept=accept)).outcome == "406 NotAcceptable"


async def test_kinds_that_are_not_served(api: Api) -> None:
    assert (await api.get("/apis/apps/v1/namespaces/default/deployments")).code == 404
    assert (await api.get("/api/v1/nodes")).outcome == "404 NotFound"


async def test_pages_and_watches_of_forgotten_history(api: Api, widgets: str, environment: Environment) -> None:
    for name in "abc":
        await api.post(widgets, a_widget(name))
    page = (await api.get(widgets, limit=1)).body["metadata"]
    await api.delete(f"{widgets}/b")
    environment.embedded.storage.compact()
    expired = await api.get(widgets, limit=1, **{"continue": page["continue"]})
    assert expired.outcome == "410 Expired"
    rest = await api.get(widgets, **{"continue": expired.body["metadata"]["continue"]})
    assert [item["metadata"]["name"] for item in rest.body["items"]] == ["c"]
    exact = {"resourceVersion": page["resourceVersion"], "resourceVersionMatch": "Exact"}
    assert (await api.get(widgets, **exact)).outcome == "410 Expired"
    async with api.watch(widgets, resourceVersion=page["resourceVersion"]) as watch:
        ((type_, status),) = await watch.rest()
    assert (type_, status["reason"]) == ("ERROR", "Expired")
