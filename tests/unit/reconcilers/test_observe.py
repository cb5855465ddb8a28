"""One snapshot, in proportion to the Model and not to its namespace."""

from typing import Any

import pytest

from controller.api.model import Model
from controller.dialects import E4FB6663, ChildKey
from controller.informers import Lister
from controller.informers.store import Indexer
from controller.informers.table import Table
from controller.meta import NamespacedName, Object, Resource
from controller.reconcilers.children import key_of
from controller.reconcilers.observe import Observer, indexers
from controller.reconcilers.plan import plan
from controller.reconcilers.pods import BY_WORKLOAD, workload_of_pod
from controller.reconcilers.steps import Keep
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model
from tests.support.worlds import World

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}


class Decoding:
    """Counts how many objects compact stores are asked for; each is decoded unless it is among the last few."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        original = Table.read

        def counting(table: Table, key: NamespacedName) -> Object:
            self.count += 1
            return original(table, key)

        monkeypatch.setattr(Table, "read", counting)


@pytest.fixture
def decoding(monkeypatch: pytest.MonkeyPatch) -> Decoding:
    return Decoding(monkeypatch)


class Namespace:
    """Models with all their children in one namespace."""

    def __init__(self, count: int) -> None:
        self.stores: dict[Resource, Indexer] = {}
        for resource in E4FB6663.children:
            store = Indexer(compact=True)
            for name, function in indexers(resource, E4FB6663).items():
                store.add_index(name, function)
            self.stores[resource] = store
        self.models = [self._create(f"m{index:03}") for index in range(count)]
        pods = Indexer()
        pods.add_index(BY_WORKLOAD, workload_of_pod(E4FB6663))
        listers = {resource: Lister({"": store}) for resource, store in self.stores.items()}
        self.observer = Observer(E4FB6663, listers, Lister({"": pods}))

    def _create(self, name: str) -> dict[str, Any]:
        model = a_model(name, a_backend("a", maxReplicas=3, autoscalingPolicy=POLICY), a_backend("b"))
        model["metadata"]["uid"] = f"uid-of-{name}"
        world = World(model)
        world.settle()
        for child in world.children.values():
            self.stores[E4FB6663.kind(child["kind"]).resource].apply("ADDED", child)
        return model

    def observe(self) -> None:
        """A pass over one of the Models, as far as reading goes."""
        model = self.models[len(self.models) // 2]
        parsed = Model.from_object(model)
        desired = render(parsed, RenderOptions())
        planned = plan(parsed, desired, self.observer.snapshot(model, desired), E4FB6663, now=0.0)
        assert all(isinstance(step, Keep) for step in planned.steps.values())


def test_a_pass_decodes_the_children_of_its_model_alone(decoding: Decoding) -> None:
    """As many objects in a namespace of 500 Models as in one of 50, none more than twice."""
    counts = []
    for models in (50, 500):
        namespace = Namespace(models)
        decoding.count = 0
        namespace.observe()
        counts.append(decoding.count)
    assert counts[0] == counts[1]
    assert counts[0] <= 2 * 7


def test_versions_are_read_without_decoding(decoding: Decoding) -> None:
    """A pass over a Model at rest costs no object."""
    namespace = Namespace(3)
    decoding.count = 0
    assert len(namespace.observer.versions(namespace.models[0])) == 7
    assert decoding.count == 0


@pytest.mark.parametrize("owned", [True, False])
def test_the_snapshot_has_wanted_names_and_what_the_model_owns(owned: bool) -> None:
    """A name that somebody else has is seen; only what the Model controls is owned."""
    world = World(a_model("chat"))
    world.settle()
    key = ChildKey("ModelServer", "chat-main")
    if not owned:
        world.children[key]["metadata"]["ownerReferences"] = []
    desired = render(Model.from_object(world.model), RenderOptions())
    snapshot = world.snapshot(desired)
    assert set(snapshot.children) == {key_of(child) for child in desired}
    assert (key in snapshot.owned) is owned


def test_other_routes_that_answer_a_name_of_ours_are_found() -> None:
    """Model names and adapters share the router's index; our own route is not another one."""
    world = World(a_model("chat"))
    world.settle()
    other = {**world.children[ChildKey("ModelRoute", "chat")]}
    other["metadata"] = {**other["metadata"], "name": "talk", "ownerReferences": [], "labels": {}}
    world.put(other)
    desired = render(Model.from_object(world.model), RenderOptions())
    assert world.snapshot(desired).foreign_routes == (NamespacedName("default", "talk"),)


def test_changed_children_are_another_snapshot() -> None:
    """The first one stays as it is."""
    world = World(a_model("chat"))
    world.settle()
    snapshot = world.snapshot(render(Model.from_object(world.model), RenderOptions()))
    key = ChildKey("ModelServer", "chat-main")
    without = snapshot.with_child(key, None)
    assert key not in without.children
    assert key in snapshot.children
    assert without.with_child(key, {"kind": "ModelServer"}).children[key] == {"kind": "ModelServer"}
