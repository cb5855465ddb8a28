"""Two writers of one number: the one that scales a ModelServing owns its replicas, and nobody fights.

On both control planes, with Kthena's released CRDs. The other writer writes as it does in life: an HPA or KEDA through the scale
subresource, Kthena's autoscaler by a merge patch of the replicas or a JSON patch of a role's, a person by an edit.
"""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import V1
from controller.envtest import Environment
from controller.meta import Object
from tests.support.factories import a_backend, a_model, a_worker, eventually, unborn
from tests.support.originals import original_crds
from tests.support.rights import NAMESPACES, grant
from tests.support.running import Counting, controlling

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
REPLICAS_OWNER = V1.keys.replicas_owner


@pytest.fixture(scope="module")
async def released(plane: Any) -> AsyncIterator[Environment]:
    """A cluster with the CRDs that Kthena ships."""
    async with Environment(plane, crds=[model_crd(), *original_crds(V1)]) as environment:
        if plane == "real":
            await grant(environment)
        yield environment


class Scene:
    """A Model ``chat`` with the backend ``main`` in a namespace of its own, and a controller at work."""

    def __init__(self, client: Client, namespace: str, counting: Counting) -> None:
        self.client = client
        self.namespace = namespace
        self._counting = counting
        self._markers = 0

    async def model(self, backend: dict[str, Any]) -> None:
        """The Model has this backend, and the controller has acted on it."""
        wanted = unborn(a_model("chat", backend), self.namespace)
        live = next(iter((await self.client.list(MODEL, self.namespace)).items), None)
        if live is None:
            await self.client.create(MODEL, wanted)
        else:
            await self.client.patch(MODEL, "chat", {"spec": {"backends": [backend]}}, namespace=self.namespace)
        await eventually(lambda: self._initialized("chat"))

    async def _initialized(self, name: str) -> bool:
        model = await self.client.get(MODEL, name, self.namespace)
        found = meta.find_condition(meta.conditions_of(model), "Initialized") or {}
        return (found.get("status"), found.get("observedGeneration")) == ("True", meta.generation_of(model))

    async def serving(self) -> Object:
        """The ModelServing."""
        return await self.client.get(V1.workload, "chat-main", self.namespace)

    async def replicas(self) -> int:
        """Its number of groups."""
        return int(meta.spec_of(await self.serving())["replicas"])

    async def instances(self) -> dict[str, int]:
        """The number of instances of each role."""
        return {role["name"]: role["replicas"] for role in meta.spec_of(await self.serving())["template"]["roles"]}

    async def scale(self, replicas: int) -> None:
        """As ``kubectl scale``, an HPA and KEDA do it."""
        body = {"spec": {"replicas": replicas}}
        await self.client.patch(V1.workload, "chat-main", body, namespace=self.namespace, subresource="scale")

    async def edit(self, body: dict[str, Any]) -> None:
        """A merge patch of the ModelServing, as a person or Kthena's autoscaler sends it."""
        await self.client.patch(V1.workload, "chat-main", body, namespace=self.namespace)

    async def scale_role(self, index: int, name: str, replicas: int) -> None:
        """As Kthena's autoscaler does it."""
        place = f"/spec/template/roles/{index}"
        operations = [
            {"op": "test", "path": f"{place}/name", "value": name},
            {"op": "add", "path": f"{place}/replicas", "value": replicas},
        ]
        kind = "application/json-patch+json"
        await self.client.patch(V1.workload, "chat-main", operations, namespace=self.namespace, content_type=kind)

    async def rests(self) -> None:
        """Nobody writes the spec of the ModelServing while the Model is reconciled, and soon nobody its status or the Model's either."""
        generation = meta.generation_of(await self.serving())

        async def quiet() -> bool:
            before = await self._statuses()
            await self._pass()
            assert meta.generation_of(await self.serving()) == generation
            return before == await self._statuses()

        await eventually(quiet)
        assert all(code in (200, 201) for _, code in self._counting.writes), "a conflict or a refusal"

    async def _statuses(self) -> list[Object]:
        return [
            meta.status_of(obj) for obj in (await self.serving(), await self.client.get(MODEL, "chat", self.namespace))
        ]

    async def _pass(self) -> None:
        """Both objects are touched, and a Model that came later is done."""
        self._markers += 1
        poke = {"metadata": {"annotations": {"poke": str(self._markers)}}}
        await self.client.patch(MODEL, "chat", poke, namespace=self.namespace)
        await self.edit(poke)
        marker = f"marker-{self._markers}"
        await self.client.create(MODEL, unborn(a_model(marker), self.namespace))
        await eventually(lambda: self._initialized(marker))


@pytest.fixture
async def scene(released: Environment) -> AsyncIterator[Scene]:
    """A fresh one."""
    name = f"writers-{uuid.uuid4().hex[:8]}"
    async with released.client() as client:
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        async with controlling(released, name, V1) as counting:
            yield Scene(client, name, counting)
        await client.delete(NAMESPACES, name)


FIXED = a_backend(minReplicas=2, maxReplicas=2)


async def test_replicas_through_the_scale_subresource_belong_to_their_writer(scene: Scene) -> None:
    """They stay through other drift, other weights and other bounds of the Model; a plain edit gives them back."""
    await scene.model(FIXED)
    assert await scene.replicas() == 2
    await scene.scale(5)
    await scene.rests()
    assert await scene.replicas() == 5
    await scene.edit({"spec": {"recoveryPolicy": "None"}})

    async def repaired() -> bool:
        return bool(meta.spec_of(await scene.serving())["recoveryPolicy"] != "None")

    await eventually(repaired)
    await scene.model({**FIXED, "minReplicas": 3, "maxReplicas": 3, "routeWeight": 7})
    assert await scene.replicas() == 5
    await scene.scale(1)
    await scene.rests()
    assert await scene.replicas() == 1
    await scene.edit({"spec": {"replicas": 4}})

    async def is_ours() -> bool:
        return await scene.replicas() == 3

    await eventually(is_ours)
    await scene.rests()


async def test_the_annotation_decides_about_the_number(scene: Scene) -> None:
    """``external`` hands it to another writer, and any other value takes it back, also from the scale subresource."""
    await scene.model(FIXED)
    await scene.edit({"metadata": {"annotations": {REPLICAS_OWNER: "external"}}, "spec": {"replicas": 6}})
    await scene.rests()
    assert await scene.replicas() == 6
    await scene.scale(7)
    assert await scene.replicas() == 7
    await scene.edit({"metadata": {"annotations": {REPLICAS_OWNER: "model"}}})

    async def is_ours() -> bool:
        return await scene.replicas() == 2

    await eventually(is_ours)
    await scene.scale(8)
    await eventually(is_ours)
    await scene.rests()


async def test_kthenas_autoscaler_owns_the_replicas_until_the_model_has_no_policy(scene: Scene) -> None:
    """Its merge patch stays within the bounds; without the policy the number is the Model's again."""
    scaled = a_backend(minReplicas=1, maxReplicas=5, autoscalingPolicy=POLICY)
    await scene.model(scaled)
    await scene.edit({"spec": {"replicas": 4}})
    await scene.rests()
    assert await scene.replicas() == 4
    await scene.model({**scaled, "maxReplicas": 3})
    assert await scene.replicas() == 3
    await scene.model(FIXED)
    assert await scene.replicas() == 2
    assert (await scene.client.list(next(iter(V1.scaling)), scene.namespace)).items == ()
    await scene.rests()


async def test_a_policy_of_somebody_else_owns_the_replicas_while_it_is_there(scene: Scene) -> None:
    """As with one that a user wrote beside the Model."""
    await scene.model(FIXED)
    (resource,) = V1.scaling
    target = {"targetRef": {"kind": "ModelServing", "name": "chat-main"}, "metricSources": {"m": {"pod": {}}}}
    policy = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": "theirs", "namespace": scene.namespace},
        "spec": {
            "metrics": [{"name": "m", "targetValue": 1}],
            "homogeneousTarget": {"target": target, "minReplicas": 1, "maxReplicas": 9},
        },
    }
    await scene.client.create(resource, policy)
    await scene.rests()
    await scene.edit({"spec": {"replicas": 8}})
    await scene.rests()
    assert await scene.replicas() == 8
    await scene.client.delete(resource, "theirs", namespace=scene.namespace)

    async def is_ours() -> bool:
        return await scene.replicas() == 2

    await eventually(is_ours)


async def test_instances_of_a_role_belong_to_what_scales_them(scene: Scene) -> None:
    """One role scales and the other is fixed: drift of the template and of the fixed role is repaired around the scaled number."""
    workers = [a_worker(type="prefill", minReplicas=1, maxReplicas=4), a_worker(type="decode", replicas=2)]
    pair = a_backend(type="vLLMDisaggregated", workers=workers, autoscalingPolicy=POLICY)
    await scene.model(pair)
    assert await scene.instances() == {"prefill": 1, "decode": 2}
    await scene.scale_role(0, "prefill", 3)
    await scene.rests()
    assert await scene.instances() == {"prefill": 3, "decode": 2}
    await scene.scale_role(1, "decode", 7)

    async def repaired() -> bool:
        return await scene.instances() == {"prefill": 3, "decode": 2}

    await eventually(repaired)
    changed = [{**workers[0], "config": {"seed": 1}}, workers[1]]
    await scene.model({**pair, "workers": changed})
    assert await scene.instances() == {"prefill": 3, "decode": 2}
    fixed = [a_worker(type="prefill", replicas=1, config={"seed": 1}), workers[1]]
    await scene.model({**pair, "workers": fixed, "autoscalingPolicy": None})
    assert await scene.instances() == {"prefill": 1, "decode": 2}
    assert (await scene.client.list(next(iter(V1.scaling)), scene.namespace)).items == ()
    await scene.rests()
