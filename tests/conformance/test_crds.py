"""CustomResourceDefinitions: what is accepted, and what happens to watches and objects when one changes or goes."""

import copy
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller.client import Client
from controller.envtest import install_crds
from tests.support.conformance_api import Api
from tests.support.factories import eventually
from tests.support.widgets import a_widget, widget_crd

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture
async def crd(api: Api, client: Client) -> AsyncIterator[dict[str, Any]]:
    """A CRD of the test's own, in a group of its own."""
    definition = widget_crd("Gadget", group=f"{uuid.uuid4().hex[:8]}.example.com")
    await install_crds(client, [definition])
    yield definition
    await api.delete(f"{CRDS}/{definition['metadata']['name']}")


@pytest.fixture
def gadgets(crd: dict[str, Any], namespace: str) -> str:
    """The path of the Gadgets in the test's own namespace."""
    return f"/apis/{crd['spec']['group']}/v1/namespaces/{namespace}/gadgets"


def a_gadget(crd: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**a_widget(kind="Gadget", **fields), "apiVersion": f"{crd['spec']['group']}/v1"}


async def test_an_installed_crd_says_so(api: Api, crd: dict[str, Any]) -> None:
    async def status() -> dict[str, Any]:
        return (await api.get(f"{CRDS}/{crd['metadata']['name']}")).body.get("status") or {}

    async def conditions() -> dict[str, str]:
        return {entry["type"]: entry["status"] for entry in (await status()).get("conditions") or ()}

    assert (await conditions())["Established"] == "True"
    assert (await conditions())["NamesAccepted"] == "True"
    assert (await status())["storedVersions"] == ["v1"]
    assert (await status())["acceptedNames"]["kind"] == "Gadget"


def _without_schema(spec: dict[str, Any]) -> None:
    del spec["versions"][0]["schema"]


def _untyped_field(spec: dict[str, Any]) -> None:
    spec["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"].pop("type")


def _no_storage(spec: dict[str, Any]) -> None:
    spec["versions"][0]["storage"] = False


def _no_scope(spec: dict[str, Any]) -> None:
    spec["scope"] = "Everywhere"


def _other_plural(spec: dict[str, Any]) -> None:
    spec["names"]["plural"] = "gizmos"


@pytest.mark.parametrize("fault", [_without_schema, _untyped_field, _no_storage, _no_scope, _other_plural])
async def test_crds_that_are_refused(api: Api, fault: Any) -> None:
    definition = widget_crd("Refused", group="refused.example.com")
    definition = copy.deepcopy(definition)
    fault(definition["spec"])
    assert (await api.post(CRDS, definition)).outcome == "422 Invalid"


async def test_a_changed_schema_ends_watches_and_counts_at_once(api: Api, crd: dict[str, Any], gadgets: str) -> None:
    await api.post(gadgets, a_gadget(crd))
    since = (await api.get(gadgets)).body["metadata"]["resourceVersion"]
    async with api.watch(gadgets, resourceVersion=since) as watch:
        change = [
            {
                "op": "add",
                "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/more",
                "value": {"type": "string"},
            }
        ]
        patched = await api.patch(f"{CRDS}/{crd['metadata']['name']}", change, "application/json-patch+json")
        assert patched.body["metadata"]["generation"] == 2
        assert await watch.rest() == []

    async def more() -> str | None:
        answer = await api.patch(f"{gadgets}/one", {"spec": {"more": "yes"}})
        return answer.body["spec"].get("more")  # type: ignore[no-any-return]

    assert await eventually(more) == "yes"
    async with api.watch(gadgets, resourceVersion=since) as watch:
        ((type_, status),) = await watch.rest()
    assert (type_, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


async def test_a_version_that_is_no_longer_served_is_not_found(api: Api, crd: dict[str, Any], gadgets: str) -> None:
    change = [{"op": "replace", "path": "/spec/versions/0/served", "value": False}]
    await api.patch(f"{CRDS}/{crd['metadata']['name']}", change, "application/json-patch+json")

    async def is_away() -> bool:
        return (await api.get(gadgets)).code == 404

    assert await eventually(is_away)


async def test_a_deleted_crd_takes_its_objects_along(
    api: Api, client: Client, crd: dict[str, Any], gadgets: str
) -> None:
    first = (await api.post(gadgets, a_gadget(crd))).body
    since = first["metadata"]["resourceVersion"]
    async with api.watch(gadgets, resourceVersion=since) as watch:
        await api.delete(f"{CRDS}/{crd['metadata']['name']}")
        events = await watch.rest()
    assert [(type_, obj["metadata"]["name"]) for type_, obj in events] == [("DELETED", "one")]

    async def is_away() -> bool:
        return (await api.get(gadgets)).body == "404 page not found\n"

    assert await eventually(is_away)

    async def is_removed() -> bool:
        return (await api.get(f"{CRDS}/{crd['metadata']['name']}")).code == 404

    assert await eventually(is_removed)
    await install_crds(client, [crd])
    assert (await api.get(gadgets)).body["items"] == []
    async with api.watch(gadgets, resourceVersion=since) as watch:
        ((type_, status),) = await watch.rest()
    assert (type_, status["code"], status["reason"]) == ("ERROR", 410, "Expired")


async def test_without_a_status_subresource_the_status_is_a_field_like_any_other(
    api: Api, client: Client, namespace: str
) -> None:
    definition = widget_crd("Plain", group=f"{uuid.uuid4().hex[:8]}.example.com", has_status=False)
    await install_crds(client, [definition])
    plains = f"/apis/{definition['spec']['group']}/v1/namespaces/{namespace}/plains"
    body = {**a_gadget(definition, status={"ready": True}), "kind": "Plain"}
    assert (await api.post(plains, body)).body["status"] == {"ready": True}
    changed = (await api.patch(f"{plains}/one", {"status": {"ready": False}})).body
    assert changed["status"] == {"ready": False}
    assert changed["metadata"]["generation"] == 2
    assert (await api.get(f"{plains}/one/status")).outcome == "404 NotFound"
    await api.delete(f"{CRDS}/{definition['metadata']['name']}")
