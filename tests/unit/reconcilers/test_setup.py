"""What is watched, and which Models a change of it reconciles. No API server is asked for anything."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller import meta
from controller.api.annotations import PAUSED
from controller.api.kinds import CONFIG_MAP, MODEL, POD
from controller.client import Client, static_config
from controller.dialects import DIALECTS, E4FB6663, V1, ChildKey, Dialect, Role
from controller.fronts import BOOSTER, MODEL_FRONT
from controller.informers import Delta, DeltaType, SharedInformer
from controller.meta import Object, Resource, Shard
from controller.reconcilers.setup import ModelControllerOptions, ModelControllers, setup, setup_installed
from controller.runtime import InformerSource, Manager, ManagerOptions, Request
from tests.support.factories import a_backend, a_model
from tests.support.worlds import World

WORKLOAD, ROUTE, BINDING = E4FB6663.workload, E4FB6663.route, E4FB6663.resources(Role.SCALER)[0]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A client of an API server that does not exist."""
    async with await Client.connect(static_config("http://127.0.0.1:1")) as connected:
        yield connected


def a_manager(client: Client) -> Manager:
    return Manager(client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))


def informer(manager: Manager, resource: Resource) -> SharedInformer:
    (found,) = (each for each in manager.informers if each.resource == resource)
    return found


def reconciled(manager: Manager, resource: Resource, old: Object | None, new: Object | None) -> set[Request]:
    """The Models that a change of an object reconciles."""
    type_ = DeltaType.ADDED if old is None else DeltaType.DELETED if new is None else DeltaType.MODIFIED
    found: set[Request] = set()
    for source in manager.controllers["model"].sources:
        assert isinstance(source, InformerSource)
        delta = Delta(type_, old, new)
        if source.informer.resource == resource and all(passes(delta) for passes in source.predicates):
            found |= {each for each in source.handler(delta) if isinstance(each, Request)}
    return found


def running(client: Client, **options: Any) -> tuple[Manager, World]:
    """A manager whose caches hold the children of one Model, and those children."""
    manager = a_manager(client)
    setup_installed(manager, ModelControllerOptions(**options), E4FB6663)
    world = World(a_model("chat"))
    world.settle()
    for key, child in world.children.items():
        informer(manager, E4FB6663.kind(key.kind).resource).record(child)
    return manager, world


CHAT = {Request("default", "chat")}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
async def test_each_kind_of_a_family_has_one_cache(client: Client, dialect: Dialect) -> None:
    """Beside its pods and the fronts that it serves; only scalers are cached no matter who made them."""
    manager = a_manager(client)
    setup_installed(manager, ModelControllerOptions(), dialect)
    fronts = {MODEL, BOOSTER.resource} if dialect is V1 else {MODEL}
    assert {each.resource for each in manager.informers} == {*dialect.children, POD, *fronts}
    for kind in dialect.kinds:
        selector = informer(manager, kind.resource).options.label_selector
        assert (selector == "") is (kind.role is Role.SCALER)
    assert informer(manager, POD).options.label_selector == dialect.pod_keys.name


async def test_families_may_start_after_fronts(client: Client) -> None:
    """The sources are the same as in the other order."""

    def watched(first: bool) -> list[str]:
        manager = a_manager(client)
        controllers = ModelControllers(manager, ModelControllerOptions())
        steps = [lambda: controllers.start_family(E4FB6663), lambda: controllers.start_front(BOOSTER)]
        for step in steps if first else reversed(steps):
            step()
        (controller,) = manager.controllers.values()
        return sorted(each.informer.resource.key for each in controller.sources if isinstance(each, InformerSource))

    assert watched(True) == watched(False)


@pytest.mark.parametrize("families", [None, (V1.name,)], ids=["all", "one"])
async def test_families_are_found_out(client: Client, families: tuple[str, ...] | None) -> None:
    """Nothing is cached before, but the settings where the controller has a namespace of its own."""
    manager = a_manager(client)
    setup(manager, ModelControllerOptions(families=families))
    assert list(manager.informers) == []
    setup(other := a_manager(client), ModelControllerOptions(namespace="system", config_map="settings"))
    options = informer(other, CONFIG_MAP).options
    assert (options.namespaces, options.field_selector) == (("system",), "metadata.name=settings")


async def test_a_change_of_settings_reconciles_every_model(client: Client) -> None:
    manager, world = running(client, namespace="system")
    informer(manager, MODEL).record({**world.model, "metadata": {**world.model["metadata"], "resourceVersion": "1"}})
    assert reconciled(manager, CONFIG_MAP, None, {"metadata": {"name": "x", "namespace": "system"}}) == CHAT


async def test_a_change_of_a_model_reconciles_it_unless_nothing_concerns_us(client: Client) -> None:
    """The spec, labels, annotations, status and deletion do; a new resourceVersion and managed fields alone do not."""
    manager, world = running(client)
    old = world.model

    def changed(**metadata: Any) -> set[Request]:
        return reconciled(manager, MODEL, old, {**old, "metadata": {**old["metadata"], **metadata}})

    assert changed(resourceVersion="9", managedFields=[{}]) == set()
    assert changed(generation=2) == changed(labels={"a": "b"}) == changed(annotations={PAUSED: "true"}) == CHAT
    assert changed(deletionTimestamp="t") == CHAT
    assert reconciled(manager, MODEL, old, {**old, "status": {"a": "b"}}) == CHAT
    assert reconciled(manager, MODEL, None, old) == reconciled(manager, MODEL, old, None) == CHAT


async def test_a_change_of_a_child_reconciles_its_owner(client: Client) -> None:
    """Of any kind; the owner must be a Model."""
    manager, world = running(client)
    for key, child in world.children.items():
        resource = E4FB6663.kind(key.kind).resource
        assert reconciled(manager, resource, child, None) == CHAT
        (owner,) = meta.owner_references_of(child)
        stranger = {**child, "metadata": {**child["metadata"], "ownerReferences": [{**owner, "kind": "Deployment"}]}}
        assert reconciled(manager, resource, None, stranger) - CHAT == set()
        if resource != ROUTE:
            assert reconciled(manager, resource, None, stranger) == set()


async def test_a_scaler_of_others_reconciles_whose_workload_it_scales(client: Client) -> None:
    manager, _ = running(client)

    def a_binding(workload: str) -> dict[str, Any]:
        target = {"targetRef": {"name": workload, "kind": "ModelInfer"}}
        return {
            "kind": BINDING.kind,
            "metadata": {"name": "theirs", "namespace": "default"},
            "spec": {"scalingConfiguration": {"target": target}},
        }

    scaled = {each.workload for each in E4FB6663.kind(BINDING.kind).scales(a_binding("chat-main"))}
    assert scaled == {"chat-main"}
    assert reconciled(manager, BINDING, None, a_binding("chat-main")) == CHAT
    assert reconciled(manager, BINDING, a_binding("chat-main"), a_binding("talk-main")) == CHAT
    assert reconciled(manager, BINDING, None, a_binding("talk-main")) == set()


async def test_a_rival_route_reconciles_the_model_whose_name_it_answers(client: Client) -> None:
    """In whatever namespace it is; a route that answers another name does not."""
    manager, _ = running(client)

    def a_route(name: str) -> dict[str, Any]:
        return {"kind": "ModelRoute", "metadata": {"name": "r", "namespace": "other"}, "spec": {"modelName": name}}

    assert reconciled(manager, ROUTE, None, a_route("chat")) == CHAT
    assert reconciled(manager, ROUTE, a_route("chat"), a_route("talk")) == CHAT
    assert reconciled(manager, ROUTE, None, a_route("talk")) == set()


def a_pod(version: str = "1", *, ready: bool = False, label: str | None = "chat", **metadata: Any) -> dict[str, Any]:
    """An entry pod, or a worker of the same group without the Model's label."""
    labels = {E4FB6663.pod_keys.name: "chat-main"} | ({E4FB6663.keys.model_name: label} if label else {})
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"name": "p", "namespace": "default", "labels": labels, "resourceVersion": version, **metadata},
        "status": {"phase": "Running", "conditions": conditions},
    }


async def test_a_pod_reconciles_the_model_of_its_label_or_of_its_workload(client: Client) -> None:
    manager, _ = running(client)
    assert reconciled(manager, POD, None, a_pod()) == CHAT
    assert reconciled(manager, POD, None, a_pod(label=None)) == CHAT


async def test_a_pod_reconciles_only_when_something_that_matters_changes(client: Client) -> None:
    manager, _ = running(client)
    assert reconciled(manager, POD, a_pod(), a_pod("2", ready=True)) == CHAT
    assert reconciled(manager, POD, a_pod(), a_pod("2", annotations={"a": "b"})) == set()


async def test_a_shard_caches_its_part_but_all_that_decides_about_it(client: Client) -> None:
    """Routes show which names others answer, scalers which workloads they scale: those are whole in every shard."""
    names = ("chat", "talk", "write", "code")
    owning = {name: next(index for index in range(2) if Shard(index, 2).owns("default", name)) for name in names}
    assert set(owning.values()) == {0, 1}
    manager = a_manager(client)
    setup_installed(manager, ModelControllerOptions(shard=Shard(0, 2)), E4FB6663)
    for kind in E4FB6663.kinds:
        assert (informer(manager, kind.resource).options.keep is None) is (kind.role in (Role.ROUTE, Role.SCALER))
    for name, index in owning.items():
        world = World(a_model(name, a_backend()))
        world.settle()
        workload = world.children[ChildKey(WORKLOAD.kind, f"{name}-main")]
        informer(manager, WORKLOAD).record(workload)
        assert (informer(manager, WORKLOAD).lister.get(f"{name}-main", "default") is not None) is (index == 0)
        route = world.children[ChildKey("ModelRoute", name)]
        assert (reconciled(manager, ROUTE, None, route) != set()) is (index == 0)


async def test_what_is_missing_and_what_became_ready_reconcile_every_model(client: Client) -> None:
    manager = a_manager(client)
    controllers = ModelControllers(manager, ModelControllerOptions())
    controllers.note_missing(V1, V1.children)
    model = a_model("chat")
    controllers.start_front(MODEL_FRONT)
    informer(manager, MODEL).record({**model, "metadata": {**model["metadata"], "resourceVersion": "1"}})
    queue = manager.controllers["model"].queue
    controllers.note_missing(E4FB6663, (ROUTE,))
    assert len(queue) == 1
    assert await queue.get() == Request("default", "chat")
    queue.done(Request("default", "chat"))
    controllers.reconcile_all()
    assert len(queue) == 1
