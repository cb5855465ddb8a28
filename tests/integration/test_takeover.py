"""A live ModelBooster that Kthena's own controller made is taken over as it runs, and its numbers have one owner each.

Its ModelServing has the labels, the gang minimum and the pod template that the released controller writes (v1.0.0: the revision is the hash
of the whole backend, and the pods carry it too).
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.client import Client
from controller.dialects import V1
from controller.envtest import Environment
from controller.fronts import BOOSTER
from controller.meta import Object
from tests.support.boosters import a_booster
from tests.support.factories import eventually, unborn
from tests.support.families import family_crds
from tests.support.running import controlling


@pytest.fixture
async def todays() -> AsyncIterator[Environment]:
    """A cluster with today's family alone."""
    async with Environment("embedded", crds=family_crds(V1)) as environment:
        yield environment


def its_labels(booster: Object) -> dict[str, str]:
    """The five labels of a child and of its pods."""
    values = ("chat", "main", V1.manager, "568756bc85", meta.uid_of(booster))
    keys = (V1.keys.model_name, V1.keys.backend_name, V1.keys.managed_by, V1.keys.revision, V1.keys.model_uid)
    return dict(zip(keys, values, strict=True))


def its_workload(booster: Object) -> dict[str, Any]:
    """What the other controller wrote for it."""
    labels = its_labels(booster)
    engine = {"name": "engine", "image": "vllm/vllm-openai:v0.10.2", "command": ["python3", "-m", "vllm", "/old"]}
    role = {
        "name": "leader",
        "replicas": 1,
        "workerReplicas": 0,
        "entryTemplate": {"metadata": {"labels": labels}, "spec": {"containers": [engine]}},
        "workerTemplate": {"metadata": {"labels": labels}, "spec": {"containers": [engine]}},
    }
    owner = {
        "apiVersion": BOOSTER.resource.api_version,
        "kind": BOOSTER.resource.kind,
        "name": "chat",
        "uid": meta.uid_of(booster),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": V1.workload.api_version,
        "kind": V1.workload.kind,
        "metadata": {"name": "chat-main", "namespace": "default", "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "replicas": 1,
            "template": {
                "restartGracePeriodSeconds": 60,
                "gangPolicy": {"minRoleReplicas": {"leader": 1}},
                "roles": [role],
            },
        },
    }


async def workload(client: Client) -> Object:
    return await client.get(V1.workload, "chat-main", "default")


def pods(live: Object) -> list[Any]:
    """The pod templates, without the numbers that restart nothing."""
    return [
        {key: value for key, value in role.items() if key not in ("replicas", "maxUnavailable")}
        for role in live["spec"]["template"]["roles"]
    ]


async def is_settled(client: Client, generation: int) -> bool:
    booster = await client.get(BOOSTER.resource, "chat", "default")
    created = meta.find_condition(meta.conditions_of(booster), "Initialized") or {}
    return created.get("status") == "True" and created.get("observedGeneration") == generation


async def test_a_taken_over_booster_keeps_its_pods_and_can_be_scaled(todays: Environment) -> None:
    """The gang minimum, which cannot change, goes; scaling then changes the number of groups and nothing of a pod."""
    async with todays.client() as client:
        booster = await client.create(BOOSTER.resource, unborn(a_booster("chat"), "default"))
        before = await client.create(V1.workload, its_workload(booster))
        async with controlling(todays, "default", families=(V1.name,)):
            await eventually(lambda: is_settled(client, 1))
            taken = await workload(client)
            assert pods(taken) == pods(before)
            assert not taken["spec"]["template"]["gangPolicy"].get("minRoleReplicas")
            assert meta.is_controlled_by(taken, meta.uid_of(booster))
            status = meta.status_of(await client.get(BOOSTER.resource, "chat", "default"))
            assert status.keys() <= {"conditions", "observedGeneration"}
            more = await client.patch(
                BOOSTER.resource, "chat", {"spec": {"backend": {"replicas": 3}}}, namespace="default"
            )
            await eventually(lambda: is_settled(client, meta.generation_of(more)))
        scaled = await workload(client)
        assert scaled["spec"]["replicas"] == 3
        assert pods(scaled) == pods(before)


async def test_replicas_announced_as_somebody_elses_stay(todays: Environment) -> None:
    """While the annotation says so, a new number in the booster is not written either; other drift is still repaired."""
    async with todays.client() as client, controlling(todays, "default", families=(V1.name,)):
        await client.create(BOOSTER.resource, unborn(a_booster("chat"), "default"))
        await eventually(lambda: is_settled(client, 1))
        theirs = {
            "metadata": {"annotations": {V1.keys.replicas_owner: "external"}},
            "spec": {"replicas": 5, "recoveryPolicy": "None"},
        }
        await client.patch(V1.workload, "chat-main", theirs, namespace="default")

        async def repaired() -> bool:
            return bool((await workload(client))["spec"]["recoveryPolicy"] != "None")

        await eventually(repaired)
        assert (await workload(client))["spec"]["replicas"] == 5
        more = await client.patch(BOOSTER.resource, "chat", {"spec": {"backend": {"replicas": 2}}}, namespace="default")
        await eventually(lambda: is_settled(client, meta.generation_of(more)))
        assert (await workload(client))["spec"]["replicas"] == 5
