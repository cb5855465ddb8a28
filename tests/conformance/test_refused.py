"""What only Kubernetes does, the embedded server refuses: with 501, or as clearly."""

import pytest

from controller.envtest import Environment
from tests.support.conformance_api import Api
from tests.support.widgets import a_widget, widget_crd

NOT_IMPLEMENTED = "501 NotImplemented"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


pytestmark = pytest.mark.parametrize(
    "plane", [pytest.param("embedded", marks=pytest.mark.xdist_group("embedded"))], indirect=True, scope="session"
)


async def test_conversion_webhooks(api: Api) -> None:
    crd = widget_crd("Converted")
    webhook = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"]}}
    assert (await api.post(CRDS, {**crd, "spec": {**crd["spec"], "conversion": webhook}})).outcome == NOT_IMPLEMENTED
    assert (await api.get(f"{CRDS}/{crd['metadata']['name']}")).outcome == "404 NotFound"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "pods/one/log"),
        ("POST", "pods/one/exec"),
        ("GET", "pods/one/proxy/metrics"),
        ("GET", "services/one/proxy/"),
    ],
)
async def test_what_needs_a_kubelet(api: Api, namespace: str, method: str, path: str) -> None:
    base = f"/api/v1/namespaces/{namespace}"
    spec = {"nodeName": "node", "containers": [{"name": "a", "image": "b"}]}
    await api.post(f"{base}/pods", {"metadata": {"name": "one"}, "spec": spec})
    await api.post(f"{base}/services", {"metadata": {"name": "one"}, "spec": {"ports": [{"port": 80}]}})
    body = None if method == "GET" else {}
    assert (await api.request(method, f"{base}/{path}", body)).outcome == NOT_IMPLEMENTED
    await api.delete(f"{base}/pods/one", {"gracePeriodSeconds": 0})


async def test_answers_in_protobuf_only(api: Api, widgets: str) -> None:
    assert (await api.get(widgets, accept="application/vnd.kubernetes.protobuf")).outcome == "406 NotAcceptable"


@pytest.mark.parametrize(
    "path", ["/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", "/api/v1/componentstatuses"]
)
async def test_kinds_that_are_left_out(api: Api, path: str) -> None:
    assert (await api.get(path)).code == 404


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


async def test_rules_with_functions_that_are_not_known(api: Api) -> None:
    rules = [{"rule": "ip('1.2.3.4').family() == 4"}]
    crd = widget_crd("Ruled", spec={"type": "object", "x-kubernetes-validations": rules})
    del crd["spec"]["versions"][0]["selectableFields"]
    answer = await api.post(CRDS, crd)
    assert answer.outcome == NOT_IMPLEMENTED
    assert "family" in answer.body["message"] or "ip" in answer.body["message"]
