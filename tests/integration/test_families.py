"""Today's family of the API: Models and ModelBoosters become Active through ModelServings, found by discovery."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import V1
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.fronts import BOOSTER, booster_crd
from controller.meta import Resource
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model, eventually, unborn
from tests.support.running import controlling

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


async def serve(client: Client, name: str) -> None:
    """What the controller of ModelServings reports once all pods run."""

    async def there() -> bool:
        return any(meta.name_of(obj) == name for obj in (await client.list(V1.workload, "default")).items)

    await eventually(there)
    live = await client.get(V1.workload, name, "default")
    status = {"observedGeneration": meta.generation_of(live), "replicas": 1, "availableReplicas": 1}
    body = {"status": {**status, "conditions": [AVAILABLE]}}
    await client.patch(V1.workload, name, body, namespace="default", subresource="status")


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
