"""A server calls its old pods until new ones are ready, and for no longer than it helps."""

from typing import Any

import pytest

from controller import meta
from controller.api.annotations import HANDOVER_TIMEOUT
from controller.dialects import DIALECTS, ChildKey, Dialect
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.handover import DEFAULT_SECONDS
from controller.reconcilers.plan import Plan
from controller.reconcilers.result import PassResult
from controller.reconcilers.status import compose_status
from controller.reconcilers.steps import Keep, Patch, Reason, Step, Wait
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.worlds import World

SERVER = ChildKey("ModelServer", "chat-main")
PAIR = ("prefill", "decode")


def on_port(port: int, **spec: Any) -> dict[str, Any]:
    """Two replicas whose engines listen on this port."""
    workers = [a_worker(config={"port": port, "served-model-name": spec.pop("served", "chat")})]
    return a_model("chat", a_backend(minReplicas=2, maxReplicas=2, workers=workers), **spec)


def disaggregated(port: int) -> dict[str, Any]:
    workers = [a_worker(type=role, config={"port": port}) for role in PAIR]
    return a_model("chat", a_backend(type="vLLMDisaggregated", workers=workers))


@pytest.fixture(params=DIALECTS.values(), ids=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


def serving(model: dict[str, Any], dialect: Dialect, replicas: int = 2) -> World:
    """A world in which the pods of all replicas are ready."""
    world = World(model, dialect)
    world.settle()
    for ordinal in range(replicas):
        world.start_pod("chat-main", ordinal)
    return world


def edited(world: World, model: dict[str, Any]) -> World:
    world.model = {**model, "metadata": {**model["metadata"], "generation": 2}}
    return world


def of_server(planned: Plan) -> Step:
    return planned.steps[SERVER]


@pytest.mark.parametrize("after", [on_port(9000), on_port(8000, served="new")], ids=["port", "served name"])
def test_the_old_pods_are_called_until_a_new_one_is_ready(dialect: Dialect, after: dict[str, Any]) -> None:
    """The workload is changed at once, the server when the first pod of the new kind is ready; then nothing is left."""
    world = edited(serving(on_port(8000), dialect), after)
    planned = world.plan(now=1000.0)
    step = of_server(planned)
    assert isinstance(step, Wait)
    assert (step.reason, step.until) == (Reason.OLD_PODS, 1000.0 + DEFAULT_SECONDS)
    assert step.needs == (ChildKey(dialect.workload.kind, "chat-main"),)
    assert isinstance(planned.steps[step.needs[0]], Patch)
    assert not isinstance(planned.steps[ChildKey("ModelRoute", "chat")], Wait)
    world.obey(planned)
    world.start_pod("chat-main", 1, ready=False)
    assert isinstance(of_server(world.plan()), Wait)
    world.start_pod("chat-main", 1)
    assert isinstance(of_server(world.plan()), Patch)
    world.settle()
    assert all(isinstance(step, Keep) for step in world.plan().steps.values())


def test_every_role_needs_a_new_pod(dialect: Dialect) -> None:
    """A prefill pod of the new kind serves nobody without a decode pod."""
    world = edited(serving(disaggregated(8000), dialect, replicas=1), disaggregated(9000))
    world.settle()
    old = dict(world.pods)
    world.start_pod("chat-main")
    world.pods |= {name: pod for name, pod in old.items() if "decode" in name}
    assert isinstance(of_server(world.plan()), Wait)
    world.start_pod("chat-main")
    assert isinstance(of_server(world.plan()), Patch)


def test_no_pod_to_call_is_no_reason_to_wait(dialect: Dialect) -> None:
    """None at all, none that is ready, none that the live server selects."""
    world = edited(serving(on_port(8000), dialect, replicas=0), on_port(9000))
    assert isinstance(of_server(world.plan()), Patch)
    world.start_pod("chat-main", ready=False)
    assert isinstance(of_server(world.plan()), Patch)
    world.start_pod("chat-main")
    assert isinstance(of_server(world.plan()), Wait)
    world.children[SERVER]["spec"]["workloadSelector"]["matchLabels"]["foreign"] = "key"
    assert isinstance(of_server(world.plan()), Patch)


def test_an_edit_by_somebody_else_is_healed_at_once(dialect: Dialect) -> None:
    """The spec did not ask for it, so every pod is of the right kind."""
    world = serving(on_port(8000), dialect)
    world.children[SERVER]["spec"]["workloadPort"]["port"] = 1
    assert isinstance(of_server(world.plan()), Patch)


def test_how_often_the_router_tries_changes_at_once(dialect: Dialect) -> None:
    """No pod has to restart for that."""
    world = serving(on_port(8000), dialect)
    server = world.children[SERVER]
    server["spec"]["trafficPolicy"]["retry"]["attempts"] = 1
    server["metadata"]["labels"][dialect.keys.revision] = "old"
    assert isinstance(of_server(world.plan()), Patch)


def test_the_wait_ends_at_the_owners_bound(dialect: Dialect) -> None:
    """Counted from the first pass that found the generation incomplete, also by another process; 0s does not wait at all."""
    world = edited(serving(on_port(8000), dialect), on_port(9000))
    incomplete = {"type": "Initialized", "status": "False", "observedGeneration": 2}
    world.model["status"] = {"conditions": [{**incomplete, "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    began = meta.parse_time("2026-01-01T00:00:00Z").timestamp()
    world.model["metadata"]["annotations"] = {HANDOVER_TIMEOUT: "10m"}
    waiting = of_server(world.plan(now=began + 599))
    assert isinstance(waiting, Wait)
    assert waiting.until == began + 600
    assert isinstance(of_server(world.plan(now=began + 600)), Patch)
    world.model["status"]["conditions"][0]["lastTransitionTime"] = "nonsense"
    assert isinstance(of_server(world.plan(now=began + 600)), Wait)
    world.model["metadata"]["annotations"] = {HANDOVER_TIMEOUT: "0s"}
    assert isinstance(of_server(world.plan()), Patch)


def test_the_wait_of_a_model_that_was_complete_ends_too(dialect: Dialect) -> None:
    """With the status that each pass leaves: Initialized stays True, of the older generation."""
    world = serving(on_port(8000), dialect)
    views = (BackendView("main", "chat-main", BackendState.AVAILABLE, ready=2, desired=2),)
    told = compose_status(world.model, PassResult(views), meta.format_time(1000.0)).status
    world = edited(world, on_port(9000))
    world.model["metadata"]["annotations"] = {HANDOVER_TIMEOUT: "10m"}
    ends = []
    for now in (2000.0, 2300.0, 2599.0, 2600.0):
        world.model["status"] = told
        planned = world.plan(now=now)
        waiting = tuple(step for step in planned.steps.values() if isinstance(step, Wait))
        ends.append([step.until for step in waiting])
        world.obey(planned)
        result = PassResult(views, applied=not waiting, waiting=waiting)
        told = compose_status(world.model, result, meta.format_time(now)).status
    assert ends == [[2600.0], [2600.0], [2600.0], []]


def test_pods_that_stay_as_they_are_are_not_waited_for(dialect: Dialect) -> None:
    """The template is held: the Model did not ask for other pods."""
    world = serving(on_port(8000), dialect)
    workload = world.children[ChildKey(dialect.workload.kind, "chat-main")]
    workload["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]["containers"][0]["image"] = "old"
    workload["metadata"]["labels"][dialect.keys.revision] = "old"
    server = world.children[SERVER]
    server["spec"]["workloadPort"]["port"] = 1
    server["metadata"]["labels"][dialect.keys.revision] = "old"
    assert isinstance(of_server(world.plan()), Patch)
