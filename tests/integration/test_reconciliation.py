"""What stays true while Models, pods, autoscalers and releases change, on both control planes."""

import asyncio
import copy
import re
import uuid
from collections import defaultdict
from typing import Any

import pytest

from controller import meta
from controller.api.annotations import DIALECT
from controller.api.crds import model_crd
from controller.api.kinds import MODEL, MODEL_ROUTE, POD
from controller.api.model import Model
from controller.client import Client
from controller.dialects import DIALECTS, E4FB6663, Dialect, Role
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.meta import Object, Resource
from controller.meta.errors import NotFound
from controller.reconcilers import rendered
from controller.render import RenderOptions, render
from controller.testing import FaultProxy, matching
from tests.support.factories import a_backend, a_model, a_worker, conditions, eventually, make_available, unborn
from tests.support.processes import running
from tests.support.rights import NAMESPACES
from tests.support.running import controlling

EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}


async def message(client: Client, namespace: str, type_: str) -> str:
    """The message of a condition of the Model ``chat``."""
    model = await client.get(MODEL, "chat", namespace)
    return str((meta.find_condition(meta.conditions_of(model), type_) or {}).get("message", ""))


async def initialized(client: Client, namespace: str) -> bool:
    """Whether the current generation of the Model ``chat`` is applied."""
    model = await client.get(MODEL, "chat", namespace)
    found = meta.find_condition(meta.conditions_of(model), "Initialized") or {}
    return (found.get("status"), found.get("observedGeneration")) == ("True", meta.generation_of(model))


async def events(client: Client, namespace: str, reason: str) -> list[str]:
    """The notes of all events with this reason."""
    found = (await client.list(EVENTS, namespace)).items
    return [str(event.get("note")) for event in found if event.get("reason") == reason]


def a_pod(workload: Object, dialect: Dialect, name: str) -> dict[str, Any]:
    """A pod as the controller of the workloads makes it."""
    labels = {dialect.pod_keys.name: meta.name_of(workload), dialect.keys.model_name: "chat"}
    reference = meta.controller_reference(workload, dialect.workload)
    namespace = meta.namespace_of(workload)
    metadata = {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [reference]}
    spec = {"containers": [{"name": "engine", "image": "nowhere/vllm:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def test_a_stuck_pod_is_named_with_its_reason(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """In the condition and as an event, once; a pull that changes its name is no news; all gone when it runs."""
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model(), namespace))
        await eventually(lambda: initialized(client, namespace))
        workload = await client.get(dialect.workload, "chat-main", namespace)
        await client.create(POD, a_pod(workload, dialect, "chat-main-0-leader-0-0"))
        for reason in ("ErrImagePull", "ImagePullBackOff"):
            waiting = {"name": "engine", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
            waiting["state"] = {"waiting": {"reason": reason, "message": "words of today"}}
            status = {"phase": "Pending", "containerStatuses": [waiting]}
            name = "chat-main-0-leader-0-0"
            await client.patch(POD, name, {"status": status}, namespace=namespace, subresource="status")
            stuck = "pod chat-main-0-leader-0-0: ErrImagePull in container engine: words of today"
            told = f"waiting for {dialect.workload.kind} chat-main ({stuck})"
            await eventually(lambda: _is(message(client, namespace, "Active"), told))  # noqa: B023 - called at once
        noted = ["pod chat-main-0-leader-0-0: ErrImagePull in container engine: words of today"]
        await eventually(lambda: _is(events(client, namespace, "BackendPodFailure"), noted))
        await make_available(client, "chat-main", namespace, dialect.workload)
        await eventually(lambda: _is(message(client, namespace, "Active"), "Model is ready"))


async def test_never_two_scalers_on_one_target(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Autoscaling off, on, on the other level, off: at every moment at most one object scales a workload."""
    (scaler,) = dialect.resources(Role.SCALER)
    live: dict[str, Object] = {}
    most: dict[str, int] = defaultdict(int)
    opened = asyncio.Event()

    async def follow() -> None:
        watch = client.watch(scaler, namespace, resource_version="", timeout_seconds=300, idle_timeout=300)
        async with watch as stream:
            opened.set()
            async for event in stream:
                live.pop(meta.name_of(event.object), None)
                if event.type != "DELETED":
                    live[meta.name_of(event.object)] = event.object
                scales = dialect.kind(scaler.kind).scales
                targets = [each.workload for scaling in live.values() for each in scales(scaling)]
                for target in targets:
                    most[target] = max(most[target], targets.count(target))

    own = a_backend(maxReplicas=3, autoscalingPolicy=POLICY)
    steps: list[tuple[dict[str, Any], set[str]]] = [
        ({"backends": [own], "autoscalingPolicy": None}, {"chat-main"}),
        ({"backends": [a_backend(maxReplicas=3, scalingCost=1)], "autoscalingPolicy": POLICY}, {"chat"}),
        ({"backends": [own], "autoscalingPolicy": None}, {"chat-main"}),
        ({"backends": [a_backend()], "autoscalingPolicy": None}, set()),
    ]
    following = asyncio.create_task(follow())
    await opened.wait()
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model(), namespace))
        await eventually(lambda: initialized(client, namespace))
        for spec, wanted in steps:
            await client.patch(MODEL, "chat", {"spec": spec}, namespace=namespace)
            await eventually(lambda: initialized(client, namespace))
            await eventually(lambda: _is(_names(client, scaler, namespace), wanted))  # noqa: B023 - called at once
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert most == {"chat-main": 1}


async def test_another_release_restarts_nothing(
    environment: Environment, client: Client, dialect: Dialect, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renderer that makes other templates keeps them back, says so once, and not again after a restart."""

    def newer(*arguments: Any) -> tuple[dict[str, Any], ...]:
        children = copy.deepcopy(render(*arguments))
        for child in children:
            if child["kind"] == dialect.workload.kind:
                child["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]["priority"] = 7
                child["metadata"]["labels"][dialect.keys.revision] = "newer"
        return tuple(children)

    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model(), namespace))
        await eventually(lambda: initialized(client, namespace))
    before = await client.get(dialect.workload, "chat-main", namespace)
    monkeypatch.setattr(rendered, "render", newer)
    async with controlling(environment, namespace, dialect):
        await eventually(lambda: _count(events(client, namespace, "TemplateHeld"), 1))
    async with controlling(environment, namespace, dialect) as restarted:
        await client.patch(MODEL, "chat", {"spec": {"owner": "me"}}, namespace=namespace)
        await eventually(lambda: initialized(client, namespace))
    after = await client.get(dialect.workload, "chat-main", namespace)
    assert after["spec"] == before["spec"]
    assert meta.labels_of(after) == meta.labels_of(before)
    assert len(await events(client, namespace, "TemplateHeld")) == 1
    assert len(restarted.writes) == 1, "one status for the new generation"


async def failures(client: Client, namespace: str) -> list[str]:
    """What ``Failed`` ever said, as its Events show it."""
    found = [await events(client, namespace, reason) for reason in ("Failed", "ChildConflict", "LoraSyncFailed")]
    return [note for notes in found for note in notes]


async def test_a_child_that_was_deleted_unseen_is_created_in_the_same_pass(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """Its watch stands still, so that the controller changes an object that is not there any more: no failure."""
    async with (
        FaultProxy(environment.config) as proxy,
        controlling(environment, namespace, dialect, through=proxy.config),
    ):
        await client.create(MODEL, unborn(a_model(), namespace))
        await eventually(lambda: initialized(client, namespace))
        with proxy.freezing(matching("WATCH", "/modelroutes")):
            before = await client.get(dialect.route, "chat", namespace)
            await client.delete(dialect.route, "chat", namespace=namespace)
            matched = {"spec": {"modelMatch": {"body": {"model": "chat"}}}}
            await client.patch(MODEL, "chat", matched, namespace=namespace)
            await eventually(lambda: initialized(client, namespace))
            after = await client.get(dialect.route, "chat", namespace)
        assert meta.uid_of(after) != meta.uid_of(before)
        assert meta.spec_of(after)["rules"][0]["modelMatch"] == matched["spec"]["modelMatch"]
        assert await failures(client, namespace) == []


async def test_a_refused_child_does_not_keep_a_removed_backend(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """The route goes on with the old ModelServer, so that nothing names the removed backend any more."""
    other = a_backend("a", workers=[a_worker(config={"served-model-name": "other"})])
    refusal = b'{"kind":"Status","reason":"Invalid","message":"not this one","code":422}'
    async with (
        FaultProxy(environment.config) as proxy,
        controlling(environment, namespace, dialect, through=proxy.config),
    ):
        await client.create(MODEL, unborn(a_model("chat", a_backend("a"), a_backend("z")), namespace))
        await eventually(lambda: initialized(client, namespace))
        with proxy.answering(matching("PATCH", "/modelservers/chat-a"), 422, body=refusal):
            await client.patch(MODEL, "chat", {"spec": {"backends": [other]}}, namespace=namespace)
            await eventually(lambda: _is(_workloads(client, namespace, dialect), {"chat-a"}))
            told = "ModelServer chat-a: apply: 422 Invalid: not this one"
            await eventually(lambda: _is(message(client, namespace, "Failed"), told))
        await eventually(lambda: initialized(client, namespace))


async def test_a_renamed_backend_serves_until_its_successor_does(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """One edit from blue to green: requests go to blue until green is available, and the status says so."""

    async def targets() -> set[str]:
        route = await client.get(dialect.route, "chat", namespace)
        return {str(target["modelServerName"]) for target in meta.spec_of(route)["rules"][0]["targetModels"]}

    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model("chat", a_backend("blue")), namespace))
        await eventually(lambda: _available(client, dialect, "chat-blue", namespace))
        await eventually(lambda: _active(client, "chat", namespace))
        await client.patch(MODEL, "chat", {"spec": {"backends": [a_backend("green")]}}, namespace=namespace)
        await eventually(lambda: _says(client, namespace, "Ready", "the old backends serve until a new one does"))
        assert await targets() == {"chat-blue"}
        assert await _workloads(client, namespace, dialect) == {"chat-blue", "chat-green"}
        await make_available(client, "chat-green", namespace, dialect.workload)
        await eventually(lambda: _is(_workloads(client, namespace, dialect), {"chat-green"}))
        assert await targets() == {"chat-green"}
        await eventually(lambda: initialized(client, namespace))


async def _says(client: Client, namespace: str, type_: str, words: str) -> bool:
    return words in await message(client, namespace, type_)


async def test_a_namespace_that_ends_is_left_alone(environment: Environment, client: Client) -> None:
    """Twenty Models in it, and not one creation each time that one of their children goes."""
    name = f"ending-{uuid.uuid4().hex[:10]}"
    models = [f"m{index:02}" for index in range(20)]
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    async with controlling(environment, name) as counting:
        for model in models:
            await client.create(MODEL, unborn(a_model(model), name))
        for model in models:
            await eventually(lambda: _told(client, model, name))  # noqa: B023 - called at once
        counting.writes.clear()
        await client.delete(NAMESPACES, name)
        await eventually(lambda: _is_gone(client, name))
        creations = [write for write in counting.writes if write[0] == "POST"]
        assert len(creations) <= 3 * 16, "the children of as many Models as there are workers"


async def test_a_server_that_does_not_keep_what_is_written_is_told_of_and_not_fought() -> None:
    """The CRD of another release lacks a field: patches back off, and the condition names it."""
    older = copy.deepcopy(child_crds(E4FB6663))
    for crd in older:
        if crd["spec"]["names"]["kind"] == "ModelInfer":
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
            schema["properties"].pop("recoveryPolicy")
    async with Environment("embedded", crds=[model_crd(), *older]) as other, other.client() as client:
        async with controlling(other, "default") as counting:
            await client.create(MODEL, unborn(a_model(), "default"))
            told = "ModelInfer chat-main: apply: the server does not keep spec.recoveryPolicy"
            await eventually(lambda: _is(message(client, "default", "Failed"), told))
        assert counting.writes.count(("PATCH", 200)) <= 6, "three attempts, and a status now and then"


async def test_a_name_that_another_route_answers_is_told(
    environment: Environment, client: Client, dialect: Dialect, namespace: str
) -> None:
    """A model name or an adapter's: the router has one index for the whole cluster."""
    adapter = {"name": "legal", "artifactURL": "hf://acme/legal"}
    async with controlling(environment, namespace, dialect):
        await client.create(MODEL, unborn(a_model("first", a_backend(loraAdapters=[adapter])), namespace))
        await eventually(lambda: _route(client, namespace, "first"))
        await client.create(MODEL, unborn(a_model("second", a_backend(loraAdapters=[adapter])), namespace))
        told = f"the routes {namespace}/first answer the same model or adapter name; the router keeps only one of them"
        await eventually(lambda: _is(events(client, namespace, "ModelNameConflict"), [told]))
        for name, other in (("first", "second"), ("second", "first")):
            await eventually(lambda: _is(_rivals(client, namespace, name), [f"{namespace}/{other}"]))  # noqa: B023 - called at once
        await client.delete(MODEL, "second", namespace=namespace)
        await eventually(lambda: _is(_rivals(client, namespace, "first"), []))


async def _rivals(client: Client, namespace: str, name: str) -> list[str]:
    model = await client.get(MODEL, name, namespace)
    return list((meta.status_of(model).get("route") or {}).get("conflictsWith") or ())


async def test_a_fault_of_our_own_is_told_and_clears(
    environment: Environment, client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing else explains it, the condition names the class of the fault; other Models do not notice."""

    def faulty(model: Model, options: RenderOptions, *rest: Any) -> tuple[dict[str, Any], ...]:
        if model.name == "chat" and model.spec.owner != "me":
            raise LookupError("with a secret in it")
        return tuple(render(model, options, *rest))

    monkeypatch.setattr(rendered, "render", faulty)
    async with controlling(environment, namespace):
        for name in ("chat", "talk"):
            await client.create(MODEL, unborn(a_model(name), namespace))
        await eventually(lambda: _failed(client, namespace, ("True", "ModelAbnormal")))
        told = await message(client, namespace, "Failed")
        assert re.fullmatch(
            r"Model chat: reconcile: LookupError: internal error, logged with reconcileID [-0-9a-f]{36}", told
        )
        await eventually(lambda: _failed(client, namespace, ("False", "ModelHealthy"), name="talk"))
        await client.patch(MODEL, "chat", {"spec": {"owner": "me"}}, namespace=namespace)
        await eventually(lambda: _failed(client, namespace, ("False", "ModelHealthy")))


async def test_at_rest_the_audit_log_shows_renewals_alone(
    environment: Environment, client: Client, namespace: str
) -> None:
    """For a minute after a Model of every family settled, and after a restart over settled Models."""
    if environment.plane == "embedded":
        pytest.skip("the embedded API server keeps no audit log")
    options = ["--namespace", namespace, "--leader-elect", "--leader-elect-namespace", namespace]
    options += ["--health-probe-bind-address", "0"]
    models = {name.replace(".", "-"): dialect for name, dialect in DIALECTS.items()}
    for name, dialect in models.items():
        scaled = a_backend("a", maxReplicas=3, autoscalingPolicy=POLICY)
        pair = a_backend("c", type="vLLMDisaggregated", workers=[a_worker(type="prefill"), a_worker(type="decode")])
        model = unborn(a_model(name, scaled, a_backend("b"), pair), namespace)
        model["metadata"]["annotations"] = {DIALECT: dialect.name}
        await client.create(MODEL, model)
    async with running(environment.kubeconfig, *options):
        for name, dialect in models.items():
            for backend in "abc":
                await eventually(lambda: _available(client, dialect, f"{name}-{backend}", namespace))  # noqa: B023 - called at once
            await eventually(lambda: _active(client, name, namespace))  # noqa: B023 - called at once
        await eventually(lambda: _quiet(environment, 5.0))
        settled = len(_writes(environment))
        await asyncio.sleep(60)
        assert _writes(environment)[settled:] == []
    async with running(environment.kubeconfig, *options):
        await eventually(lambda: _taken_over(client, namespace))
        await asyncio.sleep(10)
        assert _writes(environment)[settled:] == []


def _writes(environment: Environment) -> list[str]:
    """What controllers wrote so far, refused writes included, without their leases."""
    return [
        f"{record['verb']} {record['requestURI']} {record['responseStatus']['code']}"
        for record in environment.audit_records()
        if record["userAgent"].startswith("model-controller/")
        and record["verb"] not in ("get", "list", "watch")
        and record["objectRef"]["resource"] != "leases"
    ]


async def _quiet(environment: Environment, seconds: float) -> bool:
    before = len(_writes(environment))
    await asyncio.sleep(seconds)
    return len(_writes(environment)) == before > 0


async def _taken_over(client: Client, namespace: str) -> bool:
    leases = Resource("coordination.k8s.io", "v1", "leases", "Lease")
    return any(
        meta.spec_of(lease).get("leaseTransitions", 0) > 0 for lease in (await client.list(leases, namespace)).items
    )


async def _failed(client: Client, namespace: str, wanted: tuple[str, str], name: str = "chat") -> bool:
    return (await conditions(client, name, namespace)).get("Failed") == wanted


async def _route(client: Client, namespace: str, name: str) -> bool:
    return name in await _names(client, MODEL_ROUTE, namespace)


async def _available(client: Client, dialect: Dialect, name: str, namespace: str) -> bool:
    if name not in await _workloads(client, namespace, dialect):
        return False
    await make_available(client, name, namespace, dialect.workload)
    return True


async def _active(client: Client, name: str, namespace: str) -> bool:
    return (await conditions(client, name, namespace)).get("Active") == ("True", "ModelAvailable")


async def _told(client: Client, name: str, namespace: str) -> bool:
    return (await conditions(client, name, namespace)).get("Initialized") == ("True", "ModelCreating")


async def _is_gone(client: Client, name: str) -> bool:
    try:
        await client.get(NAMESPACES, name)
    except NotFound:
        return True
    return False


async def _names(client: Client, resource: Resource, namespace: str) -> set[str]:
    return {meta.name_of(obj) for obj in (await client.list(resource, namespace)).items}


async def _workloads(client: Client, namespace: str, dialect: Dialect) -> set[str]:
    return await _names(client, dialect.workload, namespace)


async def _is(value: Any, wanted: object) -> bool:
    return bool(await value == wanted)


async def _count(value: Any, wanted: int) -> bool:
    return len(await value) == wanted
