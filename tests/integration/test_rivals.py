"""Two controllers want different children for one ModelBooster: ours says so and gives in, and is back when the other one is gone."""

import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.api import annotations
from controller.client import Client
from controller.dialects import V1
from controller.envtest import Environment
from controller.fronts import BOOSTER
from controller.fronts.booster import PREFIX
from controller.meta import Object, Resource
from controller.reconcilers.rivals import LIMIT
from tests.support import go_booster
from tests.support.boosters import a_booster
from tests.support.factories import conditions, eventually, make_available, unborn
from tests.support.families import family_crds
from tests.support.planes import PLANES
from tests.support.rights import NAMESPACES, grant
from tests.support.rivals import GO_BOOSTER, insisting
from tests.support.running import controlling

EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
SPACE = "rivals"


@pytest.fixture(scope="module", params=PLANES)
async def todays(request: pytest.FixtureRequest) -> AsyncIterator[Environment]:
    """A cluster with today's family alone."""
    if request.param == "real":
        request.getfixturevalue("real_plane")
    async with Environment(request.param, crds=family_crds(V1)) as environment:
        if request.param == "real":
            await grant(environment)
        async with environment.client() as client:
            await client.create(NAMESPACES, {"metadata": {"name": SPACE}})
        yield environment


async def a_settled_booster(client: Client, name: str) -> Object:
    """A ModelBooster that is Active through our children."""
    booster = await client.create(BOOSTER.resource, unborn(a_booster(name), SPACE))

    async def has_a_workload() -> bool:
        return any(meta.name_of(each) == f"{name}-main" for each in (await client.list(V1.workload, SPACE)).items)

    await eventually(has_a_workload)
    await make_available(client, f"{name}-main", SPACE, V1.workload)
    await eventually(lambda: says(client, name, "Active", "ModelAvailable"))
    return booster


async def says(client: Client, name: str, type_: str, reason: str) -> bool:
    found = await conditions(client, name, SPACE, BOOSTER.resource)
    return found.get(type_, ("", ""))[1] == reason


def theirs(live: Object, **spec: Any) -> dict[str, Any]:
    """The child as the other controller wants it: its own revision and values, and nothing of our annotations."""
    wanted: dict[str, Any] = copy.deepcopy(dict(live))
    wanted["metadata"] = {
        "name": meta.name_of(live),
        "namespace": SPACE,
        "labels": {**meta.labels_of(live), V1.keys.revision: "568756bc85"},
        "ownerReferences": list(map(dict, meta.owner_references_of(live))),
    }
    wanted["spec"].update(spec)
    wanted.pop("status", None)
    return wanted


async def test_a_rival_is_noticed_told_and_left_alone_until_it_is_gone(todays: Environment) -> None:
    """Both a server and a workload: each gets a bounded number of writes, and the Model goes on serving."""
    async with todays.client() as client, controlling(todays, SPACE, families=(V1.name,)) as counting:
        await a_settled_booster(client, "chat")
        server = await client.get(V1.server, "chat-main", SPACE)
        workload = await client.get(V1.workload, "chat-main", SPACE)
        wanted = [(V1.server, theirs(server, model="other")), (V1.workload, theirs(workload, recoveryPolicy="None"))]
        before = len(counting.writes)
        async with insisting(todays, wanted, V1.keys.revision) as rival:
            # The first write is theirs: from now on each of the two undoes the other.
            for resource, each in wanted:
                await client.patch(resource, "chat-main", {"spec": each["spec"]}, namespace=SPACE)
                await client.patch(
                    resource, "chat-main", {"metadata": {"labels": {V1.keys.revision: None}}}, namespace=SPACE
                )
            await eventually(lambda: says(client, "chat", "Failed", "RivalController"))
            await eventually(lambda: are_left(client, wanted))
            failed = meta.find_condition(
                meta.conditions_of(await client.get(BOOSTER.resource, "chat", SPACE)), "Failed"
            )
            assert failed is not None
            assert f"ModelServer chat-main: not written: {GO_BOOSTER} undid" in failed["message"]
            assert "ModelServing chat-main" in failed["message"]
            assert await says(client, "chat", "Active", "ModelAvailable")
            patches = len(counting.writes) - before
            assert rival.writes <= 2 * (LIMIT + 2)
            assert patches <= 2 * (LIMIT + 2) + 20  # and statuses, Events
        (told,) = [
            event for event in (await client.list(EVENTS, SPACE)).items if event.get("reason") == "RivalController"
        ][:1]
        assert told["type"] == "Warning"
        assert (await client.get(V1.server, "chat-main", SPACE))["spec"]["model"] == "other"
        refresh = {"metadata": {"annotations": {annotations.under(PREFIX, annotations.REFRESH): "1"}}}
        await client.patch(BOOSTER.resource, "chat", refresh, namespace=SPACE)
        await eventually(lambda: says(client, "chat", "Failed", "ModelHealthy"))
        assert (await client.get(V1.server, "chat-main", SPACE))["spec"]["model"] == "chat"


async def test_the_other_booster_controller_that_was_not_switched_off(todays: Environment) -> None:
    """Both want the server and the route; the workload is taken over as it is, so nobody undoes anything there and it can be scaled."""
    async with todays.client() as client:
        booster = await client.create(BOOSTER.resource, unborn(a_booster("both"), SPACE))
        wanted = go_booster.children(booster)
        for resource, child in wanted:
            await client.create(resource, child)
        async with (
            controlling(todays, SPACE, families=(V1.name,)),
            insisting(todays, wanted, V1.keys.revision) as rival,
        ):
            await eventually(lambda: names_rivals(client, "both", "ModelServer both-main", "ModelRoute both"))
            assert "ModelServing" not in await failure(client, "both")
            written = rival.writes
            more = {"spec": {"backend": {"replicas": 2}}}
            await client.patch(BOOSTER.resource, "both", more, namespace=SPACE)
            await eventually(lambda: has_replicas(client, 2))
            await eventually(lambda: names_rivals(client, "both", "ModelServer both-main", "ModelRoute both"))
            assert written <= 2 * (LIMIT + 2)
            assert rival.writes <= written + 4


async def has_replicas(client: Client, number: int) -> bool:
    return meta.spec_of(await client.get(V1.workload, "both-main", SPACE)).get("replicas") == number


async def failure(client: Client, name: str) -> str:
    """The message of ``Failed`` while there is a rival."""
    conditions = meta.conditions_of(await client.get(BOOSTER.resource, name, SPACE))
    failed = meta.find_condition(conditions, "Failed") or {}
    return str(failed.get("message")) if failed.get("reason") == "RivalController" else ""


async def names_rivals(client: Client, name: str, *children: str) -> bool:
    message = await failure(client, name)
    return all(f"{child}: not written: {GO_BOOSTER} undid" in message for child in children)


async def are_left(client: Client, wanted: list[tuple[Resource, dict[str, Any]]]) -> bool:
    """Whether the message names every child that is fought about."""
    failed = meta.find_condition(meta.conditions_of(await client.get(BOOSTER.resource, "chat", SPACE)), "Failed") or {}
    return all(f"{resource.kind} chat-main" in str(failed.get("message")) for resource, _ in wanted)


async def test_a_person_with_kubectl_is_drift_however_often(todays: Environment) -> None:
    """The same edit as often as a rival's is repaired each time."""
    async with todays.client() as client, controlling(todays, SPACE, families=(V1.name,)):
        await a_settled_booster(client, "edited")
        client.field_manager = "kubectl-edit"
        for _ in range(2 * LIMIT):
            await client.patch(V1.workload, "edited-main", {"spec": {"recoveryPolicy": "None"}}, namespace=SPACE)
            await eventually(lambda: is_repaired(client))
        assert await says(client, "edited", "Failed", "ModelHealthy")


async def is_repaired(client: Client) -> bool:
    return meta.spec_of(await client.get(V1.workload, "edited-main", SPACE))["recoveryPolicy"] != "None"
