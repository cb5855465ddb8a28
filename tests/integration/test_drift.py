"""Every field of a child that the controller writes is its own: changed by hand, it comes back as it was."""

import asyncio

import pytest

from controller import meta
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import Dialect
from controller.envtest import Environment
from controller.meta import Object, Resource
from controller.meta.errors import Conflict, Invalid
from tests.support.drift import Path, fields_to_heal, with_drift
from tests.support.factories import a_backend, a_model, a_worker, conditions, eventually, unborn
from tests.support.running import controlling

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
PAIR = [a_worker(type="prefill"), a_worker(type="decode", replicas=2)]
RICH = a_model(
    "chat",
    a_backend("scaled", maxReplicas=3, autoscalingPolicy=POLICY, routeWeight=7),
    a_backend("pair", type="vLLMDisaggregated", workers=PAIR),
    a_backend("wide", workers=[a_worker(pods=2, resources={"limits": {"nvidia.com/gpu": "1"}})]),
    modelMatch={"headers": {"tenant": {"exact": "a"}}},
)


async def children(client: Client, namespace: str, dialect: Dialect) -> list[tuple[Resource, Object]]:
    """All of the Model's."""
    lists = [(resource, (await client.list(resource, namespace)).items) for resource in dialect.children]
    return [(resource, child) for resource, items in lists for child in items]


async def was_changed(client: Client, resource: Resource, child: Object, path: Path) -> bool:
    """Changes one field by hand; False when the server refuses the value."""
    while True:
        live = await client.get(resource, meta.name_of(child), meta.namespace_of(child))
        try:
            await client.replace(resource, with_drift(live, path))
        except Conflict:
            continue
        except Invalid:
            return False
        return True


async def heals(client: Client, resource: Resource, child: Object, fields: list[Path]) -> int:
    """Changes one field after the other, each of them once the one before came back; how many were changed."""

    async def is_back() -> bool:
        live = await client.get(resource, meta.name_of(child), meta.namespace_of(child))
        return meta.spec_of(live) == meta.spec_of(child)

    changed = 0
    for path in fields:
        if await was_changed(client, resource, child, path):
            changed += 1
            await eventually(is_back)
    return changed


@pytest.mark.timeout(300)
async def test_every_written_field_comes_back(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """In all children at once, each field of one kind by its name. Nothing is deleted and created for it."""

    async def settled() -> bool:
        return (await conditions(client, "chat", namespace)).get("Initialized", ("", ""))[0] == "True"

    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(RICH, namespace))
        await eventually(settled)
        before = await children(client, namespace, dialect)
        seen: set[Path] = set()
        work = []
        for resource, child in before:
            fields = {
                (child["kind"], *(key for key in path if isinstance(key, str))): path
                for path in fields_to_heal(child, dialect, scaled=meta.name_of(child) == "chat-scaled")
            }
            work.append((resource, child, [path for name, path in fields.items() if name not in seen]))
            seen |= fields.keys()
        changed = await asyncio.gather(*(heals(client, *each) for each in work))
        assert sum(changed) > 100
        uids = {meta.uid_of(child) for _, child in before}
        assert {meta.uid_of(child) for _, child in await children(client, namespace, dialect)} == uids
