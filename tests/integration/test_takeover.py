"""A live ModelBooster that Kthena's own controller made is taken over as it runs, and its numbers have one owner each."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.api.crds import model_crd
from controller.client import Client
from controller.dialects import V1
from controller.envtest import Environment
from controller.fronts import BOOSTER
from controller.meta import Object, Resource
from tests.support import go_booster
from tests.support.boosters import a_booster
from tests.support.factories import a_worker, eventually, unborn
from tests.support.families import family_crds
from tests.support.originals import original_crds
from tests.support.rights import NAMESPACES, grant
from tests.support.running import controlling

ONE = a_booster("chat")["spec"]["backend"]["workers"]
SEVERAL = [a_worker(replicas=1, pods=2)]
PAIR = [a_worker(type="prefill", replicas=1), a_worker(type="decode", replicas=2)]


@pytest.fixture(scope="module", params=["ours", "released"])
async def todays(request: pytest.FixtureRequest, plane: Any) -> AsyncIterator[Environment]:
    """A cluster with today's family alone: with our small CRDs, and with those that Kthena ships."""
    crds = family_crds(V1) if request.param == "ours" else [model_crd(), *original_crds(V1)]
    async with Environment(plane, crds=crds) as environment:
        if plane == "real":
            await grant(environment)
        yield environment


@pytest.fixture
async def place(todays: Environment) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = f"takeover-{uuid.uuid4().hex[:8]}"
    async with todays.client() as client:
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield name
        await client.delete(NAMESPACES, name)


async def workload(client: Client, place: str) -> Object:
    return await client.get(V1.workload, "chat-main", place)


def pods(live: Object) -> list[Any]:
    """What Kthena hashes for the revision of pods: the roles without their numbers and rolling settings."""
    return [
        {key: value for key, value in role.items() if key not in ("replicas", "maxUnavailable", "partition")}
        for role in live["spec"]["template"]["roles"]
    ]


async def is_settled(client: Client, place: str, generation: int) -> bool:
    booster = await client.get(BOOSTER.resource, "chat", place)
    created = meta.find_condition(meta.conditions_of(booster), "Initialized") or {}
    return created.get("status") == "True" and created.get("observedGeneration") == generation


async def made(client: Client, place: str, **backend: Any) -> tuple[Object, dict[Resource, Object]]:
    """A booster and its children, made by the other controller, which is off now."""
    booster = await client.create(BOOSTER.resource, unborn(a_booster("chat", **backend), place))
    return booster, {r: await client.create(r, child) for r, child in go_booster.children(booster)}


@pytest.mark.parametrize(
    ("type_", "workers"),
    [("vLLM", ONE), ("vLLM", SEVERAL), ("vLLMDisaggregated", PAIR)],
    ids=["one pod", "several pods", "prefill and decode"],
)
async def test_a_taken_over_booster_keeps_its_pods_and_can_be_scaled(
    todays: Environment, place: str, type_: str, workers: list[Any]
) -> None:
    """The gang minimum, which cannot change, goes; another number of groups or of instances then changes nothing of a pod.

    Only when the owner asks for something that pods depend on does the template become ours, at once and whole.
    """
    async with todays.client() as client:
        booster, before = await made(client, place, type=type_, workers=workers)
        async with controlling(todays, place, V1) as counting:
            await eventually(lambda: is_settled(client, place, 1))
            taken = await workload(client, place)
            assert pods(taken) == pods(before[V1.workload])
            assert not taken["spec"]["template"]["gangPolicy"].get("minRoleReplicas")
            assert taken["spec"]["schedulerName"] == "volcano"
            for resource, child in before.items():
                (live,) = (await client.list(resource, place)).items
                assert meta.uid_of(live) == meta.uid_of(child)
                assert meta.is_controlled_by(live, meta.uid_of(booster))
            server = await client.get(V1.server, "chat-main", place)
            assert server["spec"]["workloadSelector"]["matchLabels"][V1.pod_keys.entry] == "true"
            status = meta.status_of(await client.get(BOOSTER.resource, "chat", place))
            assert status.keys() <= {"conditions", "observedGeneration"}
            more = [{**workers[0], "replicas": 4}, *workers[1:]]
            scaled = await client.patch(
                BOOSTER.resource, "chat", {"spec": {"backend": {"replicas": 3, "workers": more}}}, namespace=place
            )
            await eventually(lambda: is_settled(client, place, meta.generation_of(scaled)))
            grown = await workload(client, place)
            assert grown["spec"]["replicas"] == 3
            assert grown["spec"]["template"]["roles"][0]["replicas"] == 4
            assert pods(grown) == pods(before[V1.workload])
            changed = [{**worker, "config": {"seed": 1}} for worker in more]
            other = await client.patch(
                BOOSTER.resource, "chat", {"spec": {"backend": {"workers": changed}}}, namespace=place
            )
            await eventually(lambda: is_settled(client, place, meta.generation_of(other)))
        new = await workload(client, place)
        assert all(mine != theirs for mine, theirs in zip(pods(new), pods(grown), strict=True))
        assert V1.keys.revision not in str(pods(new))
        assert {code for _, code in counting.writes} <= {200, 201}


async def test_a_policy_of_an_earlier_release_goes_and_the_number_is_the_boosters(
    todays: Environment, place: str
) -> None:
    """Boosters had an autoscaling configuration once, and today's API has none; what it scaled keeps its pods."""
    (scaler,) = V1.scaling
    async with todays.client() as client:
        booster, before = await made(client, place, replicas=2)
        await client.create(scaler, go_booster.policy(booster))
        await client.patch(V1.workload, "chat-main", {"spec": {"replicas": 4}}, namespace=place)
        async with controlling(todays, place, V1):
            await eventually(lambda: is_settled(client, place, 1))

            async def settled() -> bool:
                replicas = meta.spec_of(await workload(client, place))["replicas"]
                return replicas == 2 and not (await client.list(scaler, place)).items

            await eventually(settled)
        assert pods(await workload(client, place)) == pods(before[V1.workload])


async def test_replicas_announced_as_somebody_elses_stay(todays: Environment, place: str) -> None:
    """While the annotation says so, a new number in the booster is not written either; other drift is still repaired."""
    async with todays.client() as client, controlling(todays, place, V1):
        await client.create(BOOSTER.resource, unborn(a_booster("chat"), place))
        await eventually(lambda: is_settled(client, place, 1))
        theirs = {
            "metadata": {"annotations": {V1.keys.replicas_owner: "external"}},
            "spec": {"replicas": 5, "recoveryPolicy": "None"},
        }
        await client.patch(V1.workload, "chat-main", theirs, namespace=place)

        async def repaired() -> bool:
            return bool((await workload(client, place))["spec"]["recoveryPolicy"] != "None")

        await eventually(repaired)
        assert (await workload(client, place))["spec"]["replicas"] == 5
        more = await client.patch(BOOSTER.resource, "chat", {"spec": {"backend": {"replicas": 2}}}, namespace=place)
        await eventually(lambda: is_settled(client, place, meta.generation_of(more)))
        assert (await workload(client, place))["spec"]["replicas"] == 5
