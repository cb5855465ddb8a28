"""Both control planes get the same requests and give the same answers: codes, reasons, causes and stored objects."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.conformance_api import Api
from tests.support.manifests import MANIFESTS, manifest
from tests.support.part_sequences import PART_SEQUENCES
from tests.support.sequences import SEQUENCES
from tests.support.two_planes import Step, both_planes, differences, play, without_chosen

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("both"), pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
async def both(real_plane: None) -> AsyncIterator[list[Api]]:
    """The embedded and the real control plane, with Widgets."""
    async with both_planes() as planes:
        yield planes


@pytest.fixture
async def namespace(both: list[Api]) -> AsyncIterator[str]:
    """A namespace of the test's own on both, with the service account that pods need."""
    name = f"same-{uuid.uuid4().hex[:8]}"
    for api in both:
        await api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        await api.post(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    yield name
    for api in both:
        await api.delete(f"/api/v1/namespaces/{name}")


async def same(both: list[Api], namespace: str, *steps: Step) -> None:
    """Fails with the first difference."""
    embedded, real = await asyncio.gather(*(play(api, namespace, steps) for api in both))
    assert differences(embedded, real) == []


@pytest.mark.parametrize("name", MANIFESTS)
async def test_objects_are_stored_alike(both: list[Api], namespace: str, name: str) -> None:
    path, obj = manifest(name)
    one = f"{path}/{obj['metadata']['name']}"
    labelled = {"metadata": {"labels": {"changed": "yes"}}}
    await same(
        both,
        namespace,
        Step("POST", path, obj),
        Step("GET", one),
        Step("PATCH", one, labelled, content_type="application/merge-patch+json"),
        Step(
            "PATCH",
            one,
            {"metadata": {"annotations": {"a": "b"}}},
            content_type="application/strategic-merge-patch+json",
        ),
        Step("DELETE", one),
    )


@pytest.mark.parametrize("name", SEQUENCES)
async def test_sequences_are_answered_alike(both: list[Api], namespace: str, name: str) -> None:
    await same(both, namespace, *SEQUENCES[name])


@pytest.mark.parametrize("name", PART_SEQUENCES)
async def test_parts_of_objects_are_answered_alike(both: list[Api], namespace: str, name: str) -> None:
    await same(both, namespace, *PART_SEQUENCES[name])


@pytest.mark.parametrize(
    "path",
    [
        *(f"/apis/rbac.authorization.k8s.io/v1/{name}" for name in ("clusterroles", "clusterrolebindings")),
        "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/roles",
        "/apis/scheduling.k8s.io/v1/priorityclasses",
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
        "/api/v1/namespaces/default/services",
    ],
)
async def test_a_cluster_begins_alike(both: list[Api], path: str) -> None:
    """The default roles have their aggregated rules, which a controller fills in on the real control plane."""
    for _ in range(300):
        embedded, real = [[_plain(item) for item in (await api.get(path)).body["items"]] for api in both]
        if not differences(embedded, real):
            break
        await asyncio.sleep(0.1)
    assert differences(embedded, real) == []


def _plain(item: dict[str, Any]) -> Any:
    metadata = {name: value for name, value in item["metadata"].items() if name != "managedFields"}
    ports = [{**port, "targetPort": 0} for port in item.get("spec", {}).get("ports", [])]
    spec = {"spec": {**item["spec"], "ports": ports}} if ports else {}
    return without_chosen({**item, "metadata": metadata, **spec})
