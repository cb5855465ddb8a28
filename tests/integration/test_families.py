"""Today's family of the API: Models and ModelBoosters become Active through ModelServings, found by discovery."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from click.testing import CliRunner

from controller import meta
from controller.api.annotations import DIALECT
from controller.api.crds import model_crd
from controller.api.kinds import MODEL
from controller.cli.app import cli
from controller.client import Client
from controller.dialects import E4FB6663, V1, Dialect
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.fronts import BOOSTER, booster_crd
from controller.meta import Resource
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model, eventually, unborn
from tests.support.running import controlling

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
AVAILABLE = {
    "type": "Available",
    "status": "True",
    "reason": "AllGroupsReady",
    "message": "all groups are ready",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@pytest.fixture
async def todays() -> AsyncIterator[Environment]:
    """A cluster that has no kind of the old family."""
    async with Environment("embedded", crds=[model_crd(), booster_crd(), *child_crds(V1)]) as environment:
        yield environment


@pytest.fixture
async def both() -> AsyncIterator[Environment]:
    """A cluster that has the kinds of both families."""
    crds = {crd["metadata"]["name"]: crd for crd in [model_crd(), *child_crds(E4FB6663), *child_crds(V1)]}
    async with Environment("embedded", crds=list(crds.values())) as environment:
        yield environment


async def serve(client: Client, name: str, dialect: Dialect = V1) -> None:
    """What the controller of the workloads reports once all pods run."""

    async def there() -> bool:
        return any(meta.name_of(obj) == name for obj in (await client.list(dialect.workload, "default")).items)

    await eventually(there)
    live = await client.get(dialect.workload, name, "default")
    status = {"observedGeneration": meta.generation_of(live), "replicas": 1, "availableReplicas": 1}
    body = {"status": {**status, "conditions": [AVAILABLE]}}
    await client.patch(dialect.workload, name, body, namespace="default", subresource="status")


async def is_active(client: Client, resource: Resource, name: str) -> bool:
    return meta.is_condition_true(await client.get(resource, name, "default"), "Active")


@pytest.mark.parametrize(
    ("resource", "document"),
    [
        (MODEL, unborn(a_model("chat", a_backend("main")), "default")),
        (BOOSTER.resource, unborn(a_booster("chat"), "default")),
    ],
    ids=["Model", "ModelBooster"],
)
async def test_it_becomes_active_and_rests(todays: Environment, resource: Resource, document: dict[str, Any]) -> None:
    """Its children are of today's kinds and belong to it; at rest nothing is written."""
    async with todays.client() as client, controlling(todays, "default", families=None) as counting:
        created = await client.create(resource, document)
        await serve(client, "chat-main")
        await eventually(lambda: is_active(client, resource, "chat"))
        for kind in (V1.server, V1.workload, V1.route):
            (child,) = (await client.list(kind, "default")).items
            assert meta.is_controlled_by(child, meta.uid_of(created))
        before = len(counting.writes)
        await client.patch(resource, "chat", {"metadata": {"labels": {"seen": "yes"}}}, namespace="default")
        assert await is_active(client, resource, "chat")
        assert len(counting.writes) == before


async def test_a_model_changes_its_family_and_keeps_what_both_have(both: Environment) -> None:
    """The old workloads serve until the new ones do, and then they go; servers and route stay the same objects, with what others put into them."""
    async with both.client() as client, controlling(both, "default", families=None):
        scaled = a_backend("main", maxReplicas=3, autoscalingPolicy=POLICY)
        await client.create(MODEL, unborn(a_model("chat", scaled), "default"))
        await serve(client, "chat-main", E4FB6663)
        await eventually(lambda: is_active(client, MODEL, "chat"))
        await client.patch(V1.route, "chat", {"spec": {"rateLimit": {"unit": "second"}}}, namespace="default")
        common = (V1.server, V1.route)
        before = {kind: (await only(client, kind))["metadata"]["uid"] for kind in common}
        await client.patch(MODEL, "chat", {"metadata": {"annotations": {DIALECT: V1.name}}}, namespace="default")

        async def has_both_workloads() -> bool:
            return all([(await client.list(dialect.workload, "default")).items for dialect in (E4FB6663, V1)])

        await eventually(has_both_workloads)
        assert await is_active(client, MODEL, "chat")
        shown = await asyncio.to_thread(detailed, both, "chat")
        assert all(f"  {dialect.workload.kind} chat-main" in shown for dialect in (E4FB6663, V1))
        assert E4FB6663.keys.model_uid in str(meta.spec_of(await only(client, V1.server))["workloadSelector"])
        was = meta.find_condition(meta.conditions_of(await client.get(MODEL, "chat", "default")), "Active")
        await serve(client, "chat-main", V1)

        async def left() -> bool:
            old = [kind for kind in E4FB6663.children if kind not in common]
            return not any([(await client.list(kind, "default")).items for kind in old])

        await eventually(left)
        assert meta.find_condition(meta.conditions_of(await client.get(MODEL, "chat", "default")), "Active") == was
        assert {kind: (await only(client, kind))["metadata"]["uid"] for kind in common} == before
        assert V1.keys.model_uid in str(meta.spec_of(await only(client, V1.server))["workloadSelector"])
        assert meta.spec_of(await only(client, V1.route))["rateLimit"] == {"unit": "second"}


def detailed(environment: Environment, name: str) -> str:
    """What ``status NAME`` prints."""
    where = ["--kubeconfig", str(environment.kubeconfig), "-n", "default"]
    return CliRunner().invoke(cli, ["status", name, *where]).output


async def only(client: Client, resource: Resource) -> dict[str, Any]:
    """The one object of a kind."""
    (found,) = (await client.list(resource, "default")).items
    return dict(found)
