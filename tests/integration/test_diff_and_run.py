"""``diff`` and ``run`` agree: what the one announces from any state is what the other writes."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller import meta
from controller.api.kinds import CONFIG_MAP, MODEL
from controller.cli.app import cli
from controller.client import Client
from controller.dialects import DIALECTS, Dialect
from controller.envtest import Environment
from controller.meta import Object
from controller.meta.errors import AlreadyExists
from controller.reconcilers.settings import CONFIG_MAP_NAME
from tests.support.factories import a_backend, a_model, a_worker, eventually, make_available, unborn
from tests.support.families import family_crds
from tests.support.running import controlling

POLICY = {"metrics": [{"metricName": "m", "targetValue": 8}]}
SPECS = [
    a_model("chat")["spec"],
    a_model("chat", a_backend(routeWeight=3), a_backend("other"))["spec"],
    a_model("chat", a_backend("other", workers=[a_worker(config={"seed": 1})]))["spec"],
    a_model("chat", a_backend(maxReplicas=3, autoscalingPolicy=POLICY))["spec"],
    a_model("chat", a_backend(maxReplicas=3, scalingCost=1), autoscalingPolicy=POLICY)["spec"],
    a_model("chat")["spec"] | {"name": "talk"},
]
MISCHIEF = ["nothing", "delete", "edit", "labels", "foreign", "finalizer", "pause", "refresh", "images", "serve"]
WALK = st.lists(st.tuples(st.sampled_from(SPECS), st.sampled_from(MISCHIEF), st.integers(0, 9)), min_size=1, max_size=3)


async def children(client: Client, dialect: Dialect) -> dict[tuple[str, str], dict[str, Any]]:
    """All children by kind and name."""
    found = {}
    for resource in dialect.children:
        for item in (await client.list(resource, "default")).items:
            found[resource.kind, meta.name_of(item)] = dict(item)
    return found


async def disturb(client: Client, dialect: Dialect, mischief: str, index: int) -> None:
    """Somebody changes a child, the Model's annotations or the operator's settings, or the backends begin to serve."""
    paused = "true" if mischief == "pause" else None
    patch: Any = {"metadata": {"annotations": {"registry.volcano.sh/paused": paused}}}
    await client.patch(MODEL, "chat", patch, namespace="default")
    live = await children(client, dialect)
    if mischief == "refresh":
        patch = {"metadata": {"annotations": {"registry.volcano.sh/refresh": str(index)}}}
        await client.patch(MODEL, "chat", patch, namespace="default")
    if mischief == "images":
        await set_images(client, dialect, f"registry.example.com/downloader:{index}")
    if mischief == "serve":
        for workload in (name for kind, name in live if kind == dialect.workload.kind):
            await make_available(client, workload, "default", dialect.workload)
    if not live or mischief in ("nothing", "pause", "refresh", "images", "serve"):
        return
    kind, name = sorted(live)[index % len(live)]
    resource = next(resource for resource in dialect.children if resource.kind == kind)
    patches: dict[str, Any] = {
        "edit": {"spec": {"replicas": 7}}
        if kind == dialect.workload.kind
        else {"metadata": {"labels": {"added": "x"}}},
        "labels": {"metadata": {"labels": {dialect.keys.model_name: "other"}}},
        "foreign": {
            "metadata": {"ownerReferences": [meta.controller_reference(await another_owner(client), CONFIG_MAP)]}
        },
        "finalizer": {"metadata": {"finalizers": ["example.com/held"]}},
    }
    if mischief in patches:
        await client.patch(resource, name, patches[mischief], namespace="default")
    if mischief in ("delete", "finalizer"):
        await client.delete(resource, name, namespace="default")


async def set_images(client: Client, dialect: Dialect, downloader: str) -> None:
    """The operator changes the ConfigMap."""
    metadata = {"name": CONFIG_MAP_NAME, "namespace": "default"}
    data = {dialect.image_keys.downloader: downloader}
    with contextlib.suppress(AlreadyExists):
        await client.create(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    await client.patch(CONFIG_MAP, CONFIG_MAP_NAME, {"data": data}, namespace="default")


async def another_owner(client: Client) -> Object:
    """An object that may own a child."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner", "namespace": "default"}}
    with contextlib.suppress(AlreadyExists):
        return await client.create(CONFIG_MAP, owner)
    return await client.get(CONFIG_MAP, "owner", "default")


async def announced(
    environment: Environment, dialect: Dialect, file: Path, spec: dict[str, Any]
) -> set[tuple[str, str, str]]:
    """(verb, kind, name) of every line of ``diff``."""
    file.write_text(yaml.safe_dump(unborn({**a_model("chat"), "spec": spec}, "default")))
    arguments = ["diff", str(file), "--kubeconfig", str(environment.kubeconfig), "--dialect", dialect.name]
    arguments += ["--config-map", f"default/{CONFIG_MAP_NAME}"]
    result = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
    assert result.exit_code in (0, 1), result.output
    lines = [line.split() for line in result.output.splitlines() if line[0] not in "+- "]
    return {(verb, kind, where.rstrip(":").partition("/")[2]) for verb, kind, where, *_ in lines}


def written(before: dict[Any, Any], after: dict[Any, Any]) -> set[tuple[str, str, str]]:
    """What happened to the children between two states."""
    found = set()
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old is None:
            found.add(("create", *key))
        elif new is None or (meta.is_deleting(new) and not meta.is_deleting(old)):
            found.add(("delete", *key))
        elif meta.uid_of(old) != meta.uid_of(new):
            found.add(("recreate", *key))
        elif meta.resource_version_of(old) != meta.resource_version_of(new):
            found.add(("update", *key))
    return found


async def tried(client: Client, generation: int) -> bool:
    """Whether a pass over this generation has ended; every step has a generation of its own."""
    model = await client.get(MODEL, "chat", "default")
    paused = meta.annotations_of(model).get("registry.volcano.sh/paused") == "true"
    active = meta.find_condition(meta.conditions_of(model), "Active") or {}
    if paused:
        return "paused" in str(active.get("message"))
    return bool(meta.status_of(model).get("observedGeneration") == generation)


async def walk(
    environment: Environment, dialect: Dialect, file: Path, steps: list[tuple[dict[str, Any], str, int]]
) -> None:
    async with environment.client() as client:
        await client.create(MODEL, unborn(a_model("chat"), "default"))
        async with controlling(environment, "default", dialect, settings_in="default"):
            await eventually(lambda: tried(client, 1))
        for number, (chosen, mischief, index) in enumerate(steps):
            spec = {**chosen, "owner": f"step {number}"}
            await disturb(client, dialect, mischief, index)
            said = await announced(environment, dialect, file, spec)
            before = await children(client, dialect)
            live = dict(await client.get(MODEL, "chat", "default"))
            replaced = await client.replace(MODEL, {**live, "spec": spec})
            async with controlling(environment, "default", dialect, settings_in="default"):
                await eventually(lambda: tried(client, meta.generation_of(replaced)))  # noqa: B023 - called at once
            did = written(before, await children(client, dialect))
            acts = {line for line in said if line[0] in ("create", "update", "recreate", "delete")}
            assert did == acts, (mischief, said, did)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=WALK)
def test_run_writes_what_diff_announces(
    tmp_path: Path, dialect: Dialect, steps: list[tuple[dict[str, Any], str, int]]
) -> None:
    """From random states, after edits, mischief, foreign owners, deletions that take long, and pauses."""

    async def go() -> None:
        async with Environment("embedded", crds=family_crds(dialect)) as environment:
            await walk(environment, dialect, tmp_path / "model.yaml", steps)

    asyncio.run(go())
