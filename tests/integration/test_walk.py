"""One Model walks through random specs, valid and not: what it becomes depends on the last valid spec alone."""

import asyncio
import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import meta
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import DIALECTS, Dialect
from controller.envtest import Environment
from controller.meta.errors import Conflict, Invalid
from tests.support.factories import a_backend, a_model, a_worker, conditions, eventually, unborn
from tests.support.families import family_crds
from tests.support.running import controlling

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}
_PAIR = [a_worker(type="prefill"), a_worker(type="decode", replicas=2)]

VALID: list[dict[str, Any]] = [
    a_model("chat")["spec"],
    a_model("chat", a_backend("main", routeWeight=3), a_backend("other", workers=[a_worker(pods=2)]))["spec"],
    a_model("chat", a_backend("main", loraAdapters=[SQL], cacheURI="pvc://weights"))["spec"],
    a_model("chat", a_backend("pd", type="vLLMDisaggregated", workers=_PAIR))["spec"] | {"name": "talk"},
    a_model("chat", a_backend("main", maxReplicas=3, autoscalingPolicy=POLICY))["spec"],
    a_model("chat", a_backend("main", maxReplicas=3, scalingCost=2), autoscalingPolicy=POLICY)["spec"]
    | {"name": "talk"},
    a_model(
        "chat", a_backend("main", workers=[a_worker(config={"seed": 1, "additional-config": {"b": [1, {"c": None}]}})])
    )["spec"],
]
INVALID: list[dict[str, Any]] = [
    a_model("chat", a_backend("main", type="MindIE"))["spec"],
    a_model("chat", a_backend("main", workers=[a_worker(config={"port": "no"})]))["spec"],
    a_model("chat", a_backend("main", cacheURI="hostpath://../etc"))["spec"],
]
STEPS = st.lists(st.sampled_from([*((True, i) for i in range(len(VALID))), *((False, i) for i in range(len(INVALID)))]))


async def children(client: Client, namespace: str, dialect: Dialect) -> dict[tuple[str, str], Any]:
    """Specs, labels and annotations of all children."""
    found = {}
    for resource in dialect.children:
        for item in (await client.list(resource, namespace)).items:
            labels, annotations = meta.labels_of(item), meta.annotations_of(item)
            found[resource.kind, meta.name_of(item)] = (meta.spec_of(item), labels, annotations)
    return found


async def become(client: Client, namespace: str, spec: dict[str, Any]) -> int:
    """Replaces the spec whole; the generation it then has. The controller may write the status in between."""
    while True:
        live = dict(await client.get(MODEL, "chat", namespace))
        with contextlib.suppress(Conflict):
            return meta.generation_of(await client.replace(MODEL, {**live, "spec": spec}))


async def told(client: Client, namespace: str, generation: int, reasons: tuple[str, ...]) -> bool:
    """Whether the status tells of this generation, with one of these reasons of Failed."""
    model = await client.get(MODEL, "chat", namespace)
    seen = (await conditions(client, "chat", namespace)).get("Failed", ("", ""))
    initialized = meta.find_condition(meta.conditions_of(model), "Initialized") or {}
    current = meta.status_of(model).get("observedGeneration") == generation == initialized.get("observedGeneration")
    return current and seen[1] in reasons and (seen[0] == "True" or initialized.get("status") == "True")


async def walk(environment: Environment, dialect: Dialect, steps: list[tuple[bool, int]]) -> None:
    images: dict[int, Any] = {}
    async with environment.client() as client, controlling(environment, "default", families=(dialect.name,)):
        model = await client.create(MODEL, unborn(a_model("chat"), "default"))
        before: Any = None
        for valid, index in steps:
            try:
                generation = await become(client, "default", (VALID if valid else INVALID)[index])
            except Invalid:
                assert not valid
                continue
            reasons = ("ModelHealthy",) if valid else ("InvalidSpec", "UnsupportedBackend")
            await eventually(lambda: told(client, "default", generation, reasons))  # noqa: B023 - called at once
            after = await children(client, "default", dialect)
            if valid:
                images.setdefault(index, after)
                assert after == images[index], f"another result for spec {index}"
            else:
                assert before is None or after == before, "an invalid spec touched children"
            before = after
        await client.delete(MODEL, "chat", namespace="default", uid=meta.uid_of(model))


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@settings(max_examples=25)
@given(steps=STEPS.filter(bool))
def test_the_same_spec_gives_the_same_children_whatever_came_before(
    dialect: Dialect, steps: list[tuple[bool, int]]
) -> None:
    """Compared within one Model's life, because its uid is in its children; every walk passes some specs twice."""

    async def go() -> None:
        async with Environment("embedded", crds=family_crds(dialect)) as environment:
            await walk(environment, dialect, [*steps, *steps])

    asyncio.run(go())
