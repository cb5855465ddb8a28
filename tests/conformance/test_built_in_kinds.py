"""The built-in kinds as far as the embedded server has them: namespaces, ConfigMaps, Secrets, Leases, Events, Pods."""

from typing import Any

import pytest

from tests.support.conformance_api import JSON_PATCH, STRATEGIC, Api, content


async def test_a_namespace_has_a_phase_a_label_and_a_finalizer(api: Api, namespace: str) -> None:
    stored = (await api.get(f"/api/v1/namespaces/{namespace}")).body
    assert stored["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace}
    assert stored["spec"] == {"finalizers": ["kubernetes"]}
    assert stored["status"] == {"phase": "Active"}
    assert "generation" not in stored["metadata"]


@pytest.mark.parametrize("name", ["with.dots", "x" * 64])
async def test_the_name_of_a_namespace_is_a_label(api: Api, name: str) -> None:
    assert (await api.post("/api/v1/namespaces", {"metadata": {"name": name}})).outcome == "422 Invalid"


async def test_a_config_map_needs_neither_kind_nor_version(api: Api, config_maps: str, namespace: str) -> None:
    created = await api.post(config_maps, {"metadata": {"name": "one"}, "data": {"a": "b"}})
    assert content(created.body) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "one", "namespace": namespace},
        "data": {"a": "b"},
    }
    replaced = await api.put(f"{config_maps}/one", {"metadata": {"name": "one"}, "data": {"a": "c"}})
    assert replaced.body["data"] == {"a": "c"}
    assert (await api.put(f"{config_maps}/two", {"metadata": {"name": "two"}})).outcome == "404 NotFound"


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        pytest.param({"data": {"a": 1}}, "400 BadRequest", id="number for a text"),
        pytest.param({"data": ["a"]}, "400 BadRequest", id="list for an object"),
        pytest.param({"data": {"a b": "1"}}, "422 Invalid", id="bad key"),
        pytest.param({"kind": "Secret", "apiVersion": "v1"}, "400 BadRequest", id="another kind"),
        pytest.param({"kind": "ConfigMap", "apiVersion": "v2"}, "400 BadRequest", id="another version"),
    ],
)
async def test_config_maps_that_are_refused(api: Api, config_maps: str, fields: dict[str, Any], outcome: str) -> None:
    assert (await api.post(config_maps, {"metadata": {"name": "one"}, **fields})).outcome == outcome


async def test_unknown_fields_of_a_config_map(api: Api, config_maps: str) -> None:
    body = {"metadata": {"name": "one"}, "unknown": 1}
    assert (await api.post(config_maps, body, fieldValidation="Strict")).outcome == "400 BadRequest"
    answer = await api.post(config_maps, body)
    assert len(answer.warnings) == 1
    assert "unknown" not in answer.body


async def test_an_immutable_config_map_keeps_its_data(api: Api, config_maps: str) -> None:
    await api.post(config_maps, {"metadata": {"name": "one"}, "data": {"a": "b"}, "immutable": True})
    assert (await api.patch(f"{config_maps}/one", {"data": {"a": "c"}})).outcome == "422 Invalid"
    assert (await api.patch(f"{config_maps}/one", {"metadata": {"labels": {"a": "c"}}})).outcome == "200"


async def test_a_strategic_patch_of_maps(api: Api, config_maps: str) -> None:
    await api.post(config_maps, {"metadata": {"name": "one"}, "data": {"a": "b"}})
    patched = await api.patch(f"{config_maps}/one", {"data": {"a": None, "c": "d"}}, STRATEGIC)
    assert patched.body["data"] == {"c": "d"}


async def test_a_patch_cannot_change_the_kind(api: Api, config_maps: str) -> None:
    await api.post(config_maps, {"metadata": {"name": "one"}})
    change = [{"op": "replace", "path": "/kind", "value": "Secret"}]
    assert (await api.patch(f"{config_maps}/one", change, JSON_PATCH)).outcome == "422 Invalid"


async def test_a_secret_is_stored_in_base64(api: Api, namespace: str) -> None:
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    body = {"metadata": {"name": "one"}, "stringData": {"a": "b"}, "data": {"c": "eA=="}}
    created = (await api.post(secrets, body)).body
    assert created["data"] == {"a": "Yg==", "c": "eA=="}
    assert created["type"] == "Opaque"
    assert "stringData" not in created
    refused = await api.post(secrets, {"metadata": {"name": "two"}, "data": {"c": "x"}})
    assert refused.outcome == "400 BadRequest"


async def test_deleting_a_service_account_answers_with_it(api: Api, namespace: str) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    await api.post(accounts, {"metadata": {"name": "robot"}})
    assert (await api.delete(f"{accounts}/robot")).body["kind"] == "ServiceAccount"


@pytest.mark.parametrize(
    ("spec", "outcome"),
    [
        ({"renewTime": "2026-01-01T00:00:00.000000Z"}, "201"),
        ({"renewTime": "2026-01-01T00:00:00Z"}, "400 BadRequest"),
        ({"renewTime": "2026-01-01T00:00:00.000Z"}, "400 BadRequest"),
        ({"renewTime": "2026-01-01T00:00:00.000000"}, "400 BadRequest"),
        ({"acquireTime": "yesterday"}, "400 BadRequest"),
        ({"leaseDurationSeconds": "15"}, "400 BadRequest"),
        ({"leaseDurationSeconds": 0}, "422 Invalid"),
        ({"leaseTransitions": -1}, "422 Invalid"),
        ({"holderIdentity": ""}, "201"),
    ],
)
async def test_leases_are_checked(api: Api, leases: str, spec: dict[str, Any], outcome: str) -> None:
    assert (await api.post(leases, {"metadata": {"name": "one"}, "spec": spec})).outcome == outcome


async def test_the_times_of_a_lease_are_stored_in_utc(api: Api, leases: str) -> None:
    spec = {"renewTime": "2026-01-01T02:00:00.123456+02:00"}
    created = (await api.post(leases, {"metadata": {"name": "one"}, "spec": spec})).body
    assert created["spec"]["renewTime"] == "2026-01-01T00:00:00.123456Z"


async def test_a_put_creates_a_lease_and_replaces_it_only_by_version(api: Api, leases: str) -> None:
    lease = {"metadata": {"name": "one"}, "spec": {"holderIdentity": "me"}}
    created = await api.put(f"{leases}/one", lease)
    assert created.outcome == "201"
    assert (await api.put(f"{leases}/one", lease)).outcome == "422 Invalid"
    assert (await api.put(f"{leases}/one", created.body)).outcome == "200"


@pytest.fixture
def event(namespace: str) -> dict[str, Any]:
    """A valid event of the events.k8s.io group."""
    return {
        "metadata": {"name": "one"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/controller",
        "reportingInstance": "controller-0",
        "action": "Reconcile",
        "reason": "Done",
        "type": "Normal",
        "note": "all is well",
        "regarding": {"kind": "Widget", "namespace": namespace, "name": "one"},
    }


async def test_an_event_is_one_object_in_two_groups(api: Api, namespace: str, event: dict[str, Any]) -> None:
    new, core = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", f"/api/v1/namespaces/{namespace}/events"
    created = (await api.post(new, event)).body
    assert created["note"] == "all is well"
    seen = (await api.get(f"{core}/one")).body
    assert (seen["apiVersion"], seen["message"]) == ("v1", "all is well")
    assert seen["involvedObject"] == event["regarding"]
    assert seen["reportingComponent"] == event["reportingController"]
    assert seen["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    about = "involvedObject.kind=Widget,involvedObject.name=one,type=Normal"
    found = (await api.get(core, fieldSelector=about)).body["items"]
    assert [item["metadata"]["uid"] for item in found] == [created["metadata"]["uid"]]
    assert (await api.get(core, fieldSelector="involvedObject.name=two")).body["items"] == []
    counted = {"series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:01.000000Z"}}
    assert (await api.patch(f"{new}/one", counted)).body["series"] == counted["series"]
    async with api.watch(core, resourceVersion=created["metadata"]["resourceVersion"]) as watch:
        type_, obj = await watch.next()
    assert (type_, obj["apiVersion"], obj["series"]["count"]) == ("MODIFIED", "v1", 2)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "201"),
        ({"note": "x" * 1024}, "201"),
        ({"note": "x" * 1025}, "422 Invalid"),
        ({"action": ""}, "422 Invalid"),
        ({"reason": ""}, "422 Invalid"),
        ({"eventTime": None}, "422 Invalid"),
        ({"eventTime": "2026-01-01T00:00:00Z"}, "400 BadRequest"),
        ({"type": "Loud"}, "422 Invalid"),
    ],
)
async def test_events_are_checked(
    api: Api, namespace: str, event: dict[str, Any], changes: dict[str, Any], outcome: str
) -> None:
    path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    assert (await api.post(path, {**event, **changes})).outcome == outcome


async def test_an_event_lives_where_its_object_does(api: Api, namespace: str) -> None:
    elsewhere = {"kind": "Widget", "namespace": "default", "name": "one"}
    body = {"metadata": {"name": "one"}, "involvedObject": elsewhere, "reason": "Done"}
    assert (await api.post(f"/api/v1/namespaces/{namespace}/events", body)).outcome == "422 Invalid"


async def test_a_pod_needs_containers_and_begins_pending(api: Api) -> None:
    pods = "/api/v1/namespaces/kube-system/pods"
    assert (await api.post(pods, {"metadata": {"name": "none"}})).outcome == "422 Invalid"
    answer = await api.post(
        pods, {"metadata": {"name": "one"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}, dryRun="All"
    )
    assert answer.body["status"]["phase"] == "Pending"
    assert answer.body["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    "selectors",
    [
        pytest.param([], id="none"),
        pytest.param([{"matchExpressions": [{"key": "a", "operator": "Near"}]}], id="operator"),
        pytest.param([{"matchExpressions": [{"key": "a", "operator": "In"}]}], id="no values"),
        pytest.param([{"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}], id="values"),
        pytest.param([{"matchLabels": {"a b": "c"}}], id="label"),
    ],
)
async def test_a_cluster_role_aggregates_by_selectors_that_can_be_read(api: Api, selectors: list[Any]) -> None:
    """One that was let in would stand in the way of every other cluster role."""
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    rule = {"clusterRoleSelectors": selectors}
    assert (await api.post(roles, {"metadata": {"name": "hazy"}, "aggregationRule": rule})).outcome == "422 Invalid"
    assert (await api.get(f"{roles}/hazy")).code == 404
