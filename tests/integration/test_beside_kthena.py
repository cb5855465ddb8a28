"""Models and ModelBoosters beside the other controllers of today's Kthena, with its released CRDs: what they make of our children, and what they read.

Kthena's controller of ModelServings is a stand-in that makes pods and reports statuses as the original does.
"""

import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL, POD
from controller.client import Client
from controller.dialects import V1
from controller.envtest import Environment
from controller.fronts import BOOSTER
from controller.meta import Object, Resource
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model, a_worker, conditions, eventually, unborn
from tests.support.originals import original_crds
from tests.support.rights import NAMESPACES, grant
from tests.support.running import controlling
from tests.support.serving import serving_controller

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
PAIR = [a_worker(type="prefill"), a_worker(type="decode", replicas=2)]
ENTRY = {f"{V1.pod_keys.entry}": "true"}


@pytest.fixture(scope="module")
async def released(plane: Any) -> AsyncIterator[Environment]:
    """A cluster with the CRDs that Kthena ships."""
    async with Environment(plane, crds=[model_crd(), *original_crds(V1)]) as environment:
        if plane == "real":
            await grant(environment)
        yield environment


@pytest.fixture
async def admin(released: Environment) -> AsyncIterator[Client]:
    """An administrator's client."""
    async with released.client() as client:
        yield client


@pytest.fixture
async def place(released: Environment, admin: Client) -> AsyncIterator[str]:
    """A namespace where both controllers are at work."""
    name = f"beside-{uuid.uuid4().hex[:8]}"
    await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    async with serving_controller(admin, name), controlling(released, name, V1):
        yield name
    await admin.delete(NAMESPACES, name)


async def until_active(client: Client, resource: Resource, place: str, name: str = "chat") -> None:
    """Returns once it is Active in its present generation."""

    async def active() -> bool:
        obj = await client.get(resource, name, place)
        found = meta.find_condition(meta.conditions_of(obj), "Active") or {}
        return (found.get("status"), found.get("observedGeneration")) == ("True", meta.generation_of(obj))

    await eventually(active)


async def pods(client: Client, place: str, labels: Mapping[str, str]) -> dict[str, str]:
    """The uids of the pods with these labels, by name."""
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    found = (await client.list(POD, place, label_selector=selector)).items
    return {meta.name_of(pod): meta.uid_of(pod) for pod in found}


async def test_servings_become_available_and_the_model_active(admin: Client, place: str) -> None:
    """A pod or several, a pair, and an autoscaled one: the router and the autoscaler find exactly the pods that serve."""
    backends = [
        a_backend("one", maxReplicas=3, autoscalingPolicy=POLICY, routeWeight=70),
        a_backend("wide", workers=[a_worker(pods=2)]),
        a_backend("pair", type="vLLMDisaggregated", workers=PAIR),
    ]
    await admin.create(MODEL, unborn(a_model("chat", *backends), place))
    await until_active(admin, MODEL, place)
    entries = {
        "one": {"chat-one-0-leader-0-0"},
        "wide": {"chat-wide-0-leader-0-0"},
        "pair": {"chat-pair-0-prefill-0-0", "chat-pair-0-decode-0-0", "chat-pair-0-decode-1-0"},
    }
    assert len(await pods(admin, place, {V1.pod_keys.name: "chat-wide"})) == 2
    for backend, expected in entries.items():
        server = meta.spec_of(await admin.get(V1.server, f"chat-{backend}", place))
        selector = server["workloadSelector"]["matchLabels"]
        assert (await pods(admin, place, selector)).keys() == expected
    pair = meta.spec_of(await admin.get(V1.server, "chat-pair", place))["workloadSelector"]
    for role, count in (("prefill", 1), ("decode", 2)):
        assert len(await pods(admin, place, {**pair["matchLabels"], **pair["pdGroup"][f"{role}Labels"]})) == count
    (scaler,) = V1.scaling
    target = meta.spec_of(await admin.get(scaler, "chat-one", place))["homogeneousTarget"]["target"]
    for source in target["metricSources"].values():
        scraped = {
            V1.pod_keys.name: target["targetRef"]["name"],
            **ENTRY,
            **source["pod"]["labelSelector"]["matchLabels"],
        }
        assert (await pods(admin, place, scraped)).keys() == entries["one"]


async def change(client: Client, resource: Resource, place: str, body: Any) -> None:
    """A merge patch, and the object is Active again."""
    await client.patch(resource, "chat", body, namespace=place)
    await until_active(client, resource, place)


async def test_scaling_a_booster_restarts_no_pod(admin: Client, place: str) -> None:
    """More groups, more instances, less again, and annotations: the pods that stay are the same. Another config replaces them."""
    await admin.create(BOOSTER.resource, unborn(a_booster("chat"), place))
    await until_active(admin, BOOSTER.resource, place)
    every = {V1.pod_keys.name: "chat-main"}
    seen = await pods(admin, place, every)
    assert seen.keys() == {"chat-main-0-leader-0-0"}
    worker = a_booster("chat")["spec"]["backend"]["workers"][0]
    for replicas, instances in ((3, 1), (3, 2), (1, 2), (2, 1)):
        spec = {"replicas": replicas, "workers": [{**worker, "replicas": instances}]}
        await change(admin, BOOSTER.resource, place, {"spec": {"backend": spec}})
        await eventually(lambda: _count(admin, place, every, replicas * instances))  # noqa: B023 - called at once
        now = await pods(admin, place, every)
        assert all(now[name] == uid for name, uid in seen.items() if name in now)
        seen = now
    await change(admin, BOOSTER.resource, place, {"metadata": {"annotations": {"team": "x"}, "labels": {"a": "b"}}})
    assert await pods(admin, place, every) == seen
    await change(
        admin, BOOSTER.resource, place, {"spec": {"backend": {"workers": [{**worker, "config": {"seed": 1}}]}}}
    )

    async def replaced() -> bool:
        now = await pods(admin, place, every)
        return now.keys() == seen.keys() and not set(now.values()) & set(seen.values())

    await eventually(replaced)


async def test_what_changes_no_pod_restarts_none(admin: Client, place: str) -> None:
    """Weights, bounds, policies, matches, a sibling and the name in requests, while an autoscaler works."""
    scaled = a_backend("main", maxReplicas=3, autoscalingPolicy=POLICY)
    await admin.create(MODEL, unborn(a_model("chat", scaled), place))
    await until_active(admin, MODEL, place)
    every = {V1.pod_keys.name: "chat-main"}
    before = await pods(admin, place, every)
    await admin.patch(V1.workload, "chat-main", {"spec": {"replicas": 2}}, namespace=place)
    for spec in (
        {"backends": [{**scaled, "routeWeight": 7}]},
        {"backends": [{**scaled, "maxReplicas": 5}]},
        {"backends": [{**scaled, "rollout": {"maxUnavailable": 1, "partition": 1}}]},
        {"modelMatch": {"headers": {"tenant": {"exact": "a"}}}},
        {"backends": [scaled, a_backend("other")]},
        {"backends": [{**scaled, "autoscalingPolicy": None, "minReplicas": 1, "maxReplicas": 1}]},
    ):
        await change(admin, MODEL, place, {"spec": spec})
    assert await pods(admin, place, every) == before


async def test_a_booster_without_replicas_is_idle(admin: Client, place: str) -> None:
    """The other controller reports neither conditions nor a generation; nothing is wrong, and the first replica makes the booster Active."""
    await admin.create(BOOSTER.resource, unborn(a_booster("chat", replicas=0), place))

    async def idle() -> bool:
        found = await conditions(admin, "chat", place, BOOSTER.resource)
        return (found.get("Ready"), found.get("Active")) == (("True", "ScaledToZero"), ("False", "ScaledToZero"))

    await eventually(idle)
    assert await pods(admin, place, {V1.pod_keys.name: "chat-main"}) == {}
    await change(admin, BOOSTER.resource, place, {"spec": {"backend": {"replicas": 1}}})
    assert len(await pods(admin, place, {V1.pod_keys.name: "chat-main"})) == 1


async def _count(client: Client, place: str, labels: Mapping[str, str], wanted: int) -> bool:
    return len(await pods(client, place, labels)) == wanted


async def test_pods_that_run_show_in_the_status(admin: Client, place: str) -> None:
    """As the user reads it: how many of how many."""
    await admin.create(MODEL, unborn(a_model("chat", a_backend(minReplicas=2, maxReplicas=2)), place))
    await until_active(admin, MODEL, place)

    async def told() -> bool:
        model: Object = await admin.get(MODEL, "chat", place)
        (backend,) = meta.status_of(model)["backendStatuses"]
        return (backend["replicas"], backend["readyReplicas"], backend["desiredReplicas"]) == (2, 2, 2)

    await eventually(told)
