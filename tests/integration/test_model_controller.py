"""The Model controller against both control planes: what users see, and how little it writes for it."""

import contextlib

import pytest

from controller import meta
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import E4FB6663, Dialect
from controller.envtest import Environment
from controller.meta.errors import NotFound
from tests.support.factories import (
    a_backend,
    a_model,
    a_worker,
    child_names,
    conditions,
    eventually,
    make_available,
    unborn,
)
from tests.support.running import controlling

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}


async def until_condition(client: Client, namespace: str, name: str, **wanted: tuple[str, str]) -> None:
    async def check() -> bool:
        seen = await conditions(client, name, namespace)
        return all(seen.get(type_) == value for type_, value in wanted.items())

    await eventually(check)


async def test_a_new_model_becomes_active_with_three_creates_and_two_status_writes(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The least that is possible, without a single conflict."""
    async with controlling(environment, namespace, dialect) as counting:
        await client.create(MODEL, unborn(a_model(), namespace))
        await until_condition(
            client, namespace, "chat", Initialized=("True", "ModelCreating"), Active=("False", "ModelProcessing")
        )
        await make_available(client, "chat-main", namespace, dialect.workload)
        await until_condition(
            client, namespace, "chat", Active=("True", "ModelAvailable"), Failed=("False", "ModelHealthy")
        )
    model = await client.get(MODEL, "chat", namespace)
    replicas = {"replicas": 1, "readyReplicas": 1, "desiredReplicas": 1}
    assert model["status"]["backendStatuses"] == [{"name": "main", **replicas}]
    assert model["status"]["route"] == {"name": "chat", "modelName": "chat"}
    wanted = {f"{dialect.server.kind}/chat-main", f"{dialect.workload.kind}/chat-main", f"{dialect.route.kind}/chat"}
    assert await child_names(client, namespace, dialect) == wanted
    creates = [write for write in counting.writes if write == ("POST", 201)]
    patches = [write for write in counting.writes if write == ("PATCH", 200)]
    assert len(patches) == 2
    assert len(creates) - 3 in (0, 1, 2), "three children, and events in the background"
    assert len(counting.writes) == len(creates) + len(patches)


async def test_a_restart_over_settled_models_writes_nothing(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Everything a new process finds out, it finds unchanged."""
    two = a_model("chat", a_backend("a", autoscalingPolicy=POLICY, maxReplicas=3), a_backend("b"))
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(two, namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        for name in ("chat-a", "chat-b"):
            await make_available(client, name, namespace, dialect.workload)
        await until_condition(client, namespace, "chat", Active=("True", "ModelAvailable"))
    before = (await client.get(MODEL, "chat", namespace))["metadata"]["resourceVersion"]
    async with controlling(environment, namespace, dialect) as counting:
        await client.patch(MODEL, "chat", {"metadata": {"labels": {"poke": "1"}}}, namespace=namespace)
        marker = a_model("marker")
        await client.create(MODEL, unborn(marker, namespace))
        await until_condition(client, namespace, "marker", Initialized=("True", "ModelCreating"))
    after = await client.get(MODEL, "chat", namespace)
    assert meta.labels_of(after) == {"poke": "1"}
    assert int(meta.resource_version_of(after)) > int(before)
    assert sum(method == "PATCH" for method, _ in counting.writes) == 1, "only the marker's status"
    assert {code for _, code in counting.writes} <= {200, 201}


async def test_a_deleted_child_comes_back_and_what_others_added_stays(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Labels, annotations and the fields of a spec that the controller does not write belong to others."""
    foreign = {"metadata": {"labels": {"theirs": "yes"}, "annotations": {"theirs": "yes"}}}
    theirs = {
        dialect.server: {"trafficPolicy": {"timeout": "10m0s"}},
        dialect.workload: {"template": {"gangSchedule": {}} if dialect is E4FB6663 else {"networkTopology": {}}},
        dialect.route: {"rateLimit": {"unit": "second", "inputTokensPerUnit": 7}},
    }
    names = {dialect.route: "chat"}
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model(), namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        for resource, spec in theirs.items():
            await client.patch(
                resource, names.get(resource, "chat-main"), {**foreign, "spec": spec}, namespace=namespace
            )
        before = {
            resource: await client.get(resource, names.get(resource, "chat-main"), namespace) for resource in theirs
        }
        await client.delete(dialect.server, "chat-main", namespace=namespace)
        await client.patch(dialect.workload, "chat-main", {"spec": {"recoveryPolicy": "None"}}, namespace=namespace)

        async def repaired() -> bool:
            with contextlib.suppress(NotFound):
                await client.get(dialect.server, "chat-main", namespace)
                infer = await client.get(dialect.workload, "chat-main", namespace)
                return bool(infer["spec"] == before[dialect.workload]["spec"])
            return False

        await eventually(repaired)
    for resource in (dialect.workload, dialect.route):
        after = await client.get(resource, names.get(resource, "chat-main"), namespace)
        assert after["spec"] == before[resource]["spec"]
        assert meta.labels_of(after)["theirs"] == meta.annotations_of(after)["theirs"] == "yes"


async def test_removed_backends_and_policies_are_pruned(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The route stops naming them first; nothing is left behind."""
    first = a_model("chat", a_backend("a", autoscalingPolicy=POLICY, maxReplicas=2), a_backend("b"))
    async with controlling(environment, namespace, dialect):
        created = await client.create(MODEL, unborn(first, namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        scaling = {f"{resource.kind}/chat-a" for resource in dialect.scaling}
        assert scaling | {f"{dialect.workload.kind}/chat-b"} <= await child_names(client, namespace, dialect)
        await client.replace(
            MODEL, {**await client.get(MODEL, "chat", namespace), "spec": a_model("chat", a_backend("a"))["spec"]}
        )

        async def pruned() -> bool:
            left = {f"{dialect.server.kind}/chat-a", f"{dialect.workload.kind}/chat-a", f"{dialect.route.kind}/chat"}
            return await child_names(client, namespace, dialect) == left

        await eventually(pruned)
    assert created["metadata"]["name"] == "chat"


async def test_an_invalid_spec_stops_nothing_and_clears_by_itself(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Children stay as they are, Failed says what is wrong with its path, and goes when it is corrected."""
    wrong = a_worker(config={"model": "mine"})
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model(), namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        await client.patch(MODEL, "chat", {"spec": {"backends": [a_backend(workers=[wrong])]}}, namespace=namespace)
        await until_condition(
            client, namespace, "chat", Failed=("True", "InvalidSpec"), Initialized=("False", "InvalidSpec")
        )
        model = await client.get(MODEL, "chat", namespace)
        failed = meta.find_condition(meta.conditions_of(model), "Failed")
        assert failed is not None
        assert "spec.backends[0].workers[0].config.model" in failed["message"]
        assert len(await child_names(client, namespace, dialect)) == 3
        await client.patch(MODEL, "chat", {"spec": {"backends": [a_backend()]}}, namespace=namespace)
        await until_condition(
            client, namespace, "chat", Failed=("False", "ModelHealthy"), Initialized=("True", "ModelCreating")
        )


async def test_an_unsupported_backend_is_named_and_nothing_is_created(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """No child, no retry."""
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model("chat", a_backend(type="MindIE")), namespace))
        await until_condition(
            client, namespace, "chat", Failed=("True", "UnsupportedBackend"), Active=("False", "ModelProcessing")
        )
    assert await child_names(client, namespace, dialect) == set()


async def test_an_object_of_somebody_else_is_never_touched(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The Model says which name is taken; the other children are created; it heals when the name is free."""
    rival = {
        "apiVersion": dialect.server.api_version,
        "kind": "ModelServer",
        "metadata": {"name": "chat-b", "namespace": namespace},
        "spec": {"inferenceEngine": "SGLang", "workloadSelector": {}},
    }
    taken = await client.create(dialect.server, rival)
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model("chat", a_backend("a"), a_backend("b")), namespace))
        await until_condition(client, namespace, "chat", Failed=("True", "ChildConflict"))
        assert f"{dialect.workload.kind}/chat-a" in await child_names(client, namespace, dialect)
        assert await client.get(dialect.server, "chat-b", namespace) == taken
        await client.delete(dialect.server, "chat-b", namespace=namespace)
        await until_condition(
            client, namespace, "chat", Failed=("False", "ModelHealthy"), Initialized=("True", "ModelCreating")
        )


async def test_another_request_name_recreates_the_route(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The name of a route cannot be changed, so it becomes another object."""
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model(), namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        before = await client.get(dialect.route, "chat", namespace)
        await client.patch(MODEL, "chat", {"spec": {"name": "assistant"}}, namespace=namespace)

        async def renamed() -> bool:
            with contextlib.suppress(NotFound):
                route = await client.get(dialect.route, "chat", namespace)
                return bool(route["spec"]["modelName"] == "assistant" and meta.uid_of(route) != meta.uid_of(before))
            return False

        await eventually(renamed)


async def test_the_autoscalers_replicas_are_left_alone(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """While it scales they are not ours; when it stops they go back to minReplicas and its objects are gone."""
    scaled = a_model("chat", a_backend(autoscalingPolicy=POLICY, maxReplicas=5))
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(scaled, namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        await client.patch(dialect.workload, "chat-main", {"spec": {"replicas": 4}}, namespace=namespace)
        await client.patch(MODEL, "chat", {"metadata": {"labels": {"poke": "1"}}}, namespace=namespace)
        await client.create(MODEL, unborn(a_model("marker"), namespace))
        await until_condition(client, namespace, "marker", Initialized=("True", "ModelCreating"))
        assert (await client.get(dialect.workload, "chat-main", namespace))["spec"]["replicas"] == 4
        model = await client.get(MODEL, "chat", namespace)
        await client.replace(MODEL, {**model, "spec": a_model("chat", a_backend(minReplicas=2, maxReplicas=2))["spec"]})

        async def back() -> bool:
            infer = await client.get(dialect.workload, "chat-main", namespace)
            scaling = [(await client.list(resource, namespace)).items for resource in dialect.scaling]
            return infer["spec"]["replicas"] == 2 and not any(scaling)

        await eventually(back)


async def test_a_child_without_our_labels_is_taken_back_as_it_is(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The watch shows it no more; it gets its labels again, and the autoscaler's replicas stay."""
    scaled = a_model("chat", a_backend(autoscalingPolicy=POLICY, maxReplicas=5))
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(scaled, namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        before = await client.patch(dialect.workload, "chat-main", {"spec": {"replicas": 4}}, namespace=namespace)
        stripped = {"metadata": {"labels": dict.fromkeys(meta.labels_of(before))}}
        await client.patch(dialect.workload, "chat-main", stripped, namespace=namespace)

        async def labelled() -> bool:
            return meta.labels_of(await client.get(dialect.workload, "chat-main", namespace)) == meta.labels_of(before)

        await eventually(labelled)
    after = await client.get(dialect.workload, "chat-main", namespace)
    assert meta.uid_of(after) == meta.uid_of(before)
    assert after["spec"] == before["spec"]


async def test_children_that_outlived_their_model_serve_the_next_of_its_name(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """As after an orphaning deletion: the same objects, and pods that the ModelServer selects."""
    scaled = a_model("chat", a_backend(autoscalingPolicy=POLICY, maxReplicas=5))
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(scaled, namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
    orphans = {}
    for resource in dialect.children:
        for child in (await client.list(resource, namespace)).items:
            orphans[resource, meta.name_of(child)] = meta.uid_of(child)
            alone = {"metadata": {"ownerReferences": None}}
            await client.patch(resource, meta.name_of(child), alone, namespace=namespace)
    await client.delete(MODEL, "chat", namespace=namespace)
    async with controlling(environment, namespace, dialect):
        model = await client.create(MODEL, unborn(scaled, namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
    for (resource, name), uid in orphans.items():
        child = await client.get(resource, name, namespace)
        assert meta.uid_of(child) == uid
        assert meta.is_controlled_by(child, meta.uid_of(model))
    server = meta.spec_of(await client.get(dialect.server, "chat-main", namespace))
    selector = server["workloadSelector"]["matchLabels"].items() - dialect.server_labels.items()
    (role,) = meta.spec_of(await client.get(dialect.workload, "chat-main", namespace))["template"]["roles"]
    assert selector <= role["entryTemplate"]["metadata"]["labels"].items()


async def test_another_operator_image_restarts_nothing(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The template is held until the Model's owner changes something that it depends on."""
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model("chat", a_backend("a"), a_backend("b")), namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
    before = {name: await client.get(dialect.workload, name, namespace) for name in ("chat-a", "chat-b")}
    async with controlling(environment, namespace, dialect, runtime_image="other/runtime:2"):
        backends = [a_backend("a", routeWeight=10), a_backend("b", workers=[a_worker(config={"seed": 1})])]
        await client.patch(MODEL, "chat", {"spec": {"backends": backends}}, namespace=namespace)

        async def rolled() -> bool:
            infer = await client.get(dialect.workload, "chat-b", namespace)
            return bool(infer["spec"]["template"] != before["chat-b"]["spec"]["template"])

        await eventually(rolled)
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
    held = await client.get(dialect.workload, "chat-a", namespace)
    assert held["spec"]["template"] == before["chat-a"]["spec"]["template"]


async def test_deleting_a_model_takes_its_children_along(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """By owner reference: nobody recreates what the garbage collector removes."""
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model(), namespace))
        await until_condition(client, namespace, "chat", Initialized=("True", "ModelCreating"))
        await client.delete(MODEL, "chat", namespace=namespace)

        async def gone() -> bool:
            return not await child_names(client, namespace, dialect)

        await eventually(gone)


@pytest.mark.parametrize("annotation", ["true"])
async def test_a_paused_model_is_observed_and_not_written_to(
    environment: Environment, client: Client, dialect: Dialect, namespace: str, annotation: str
) -> None:
    """Its status says so; its children stay as somebody left them."""
    async with controlling(environment, namespace, dialect):
        model = unborn(a_model(), namespace)
        model["metadata"]["annotations"] = {"registry.volcano.sh/paused": annotation}
        await client.create(MODEL, model)

        async def told() -> bool:
            found = meta.find_condition(meta.conditions_of(await client.get(MODEL, "chat", namespace)), "Active")
            return found is not None and "reconciliation is paused" in found["message"]

        await eventually(told)
        assert await child_names(client, namespace, dialect) == set()
