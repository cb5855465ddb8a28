"""What a pass does about each child, as values."""

import copy
from typing import Any

import pytest

from controller import meta
from controller.api.annotations import HANDOVER_TIMEOUT
from controller.dialects import E4FB6663, ChildKey
from controller.reconcilers.steps import Create, Delete, Keep, Patch, Reason, Recreate, Refuse, Wait
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.worlds import World

POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}
SERVER, WORKLOAD = ChildKey("ModelServer", "chat-main"), ChildKey("ModelInfer", "chat-main")
ROUTE = ChildKey("ModelRoute", "chat")


def settled(*backends: dict[str, Any], **spec: Any) -> World:
    """A world in which everything is as desired."""
    world = World(a_model("chat", *backends, **spec))
    world.settle()
    return world


def change(world: World, *backends: dict[str, Any], **spec: Any) -> None:
    """The owner edits the Model."""
    model = a_model("chat", *backends, **spec)
    model["metadata"]["generation"] = meta.generation_of(world.model) + 1
    world.model = model


def foreign(kind: str, name: str) -> dict[str, Any]:
    """An object of somebody else."""
    return {"kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": {}}


def test_a_new_model_creates_everything_in_order() -> None:
    """Each after those that it needs."""
    planned = World(a_model("chat", a_backend(maxReplicas=2, autoscalingPolicy=POLICY))).plan()
    assert all(isinstance(step, Create) for step in planned.steps.values())
    kinds = [key.kind for key in planned.steps]
    assert kinds == ["ModelServer", "AutoscalingPolicy", "ModelInfer", "AutoscalingPolicyBinding", "ModelRoute"]
    assert planned.steps[WORKLOAD].needs == (SERVER,)
    assert planned.steps[ROUTE].needs == (SERVER,)
    binding = planned.steps[ChildKey("AutoscalingPolicyBinding", "chat-main")]
    assert set(binding.needs) == {ChildKey("AutoscalingPolicy", "chat-main"), WORKLOAD}


def test_what_is_as_desired_is_kept() -> None:
    """No write at all."""
    assert set(settled(a_backend(), a_backend("other")).steps().values()) == {"Keep"}


def test_a_change_is_one_patch_with_its_fields() -> None:
    """And nothing else."""
    world = settled()
    change(world, a_backend(workers=[a_worker(config={"seed": 1})]))
    (step,) = [step for step in world.plan().steps.values() if not isinstance(step, Keep)]
    assert isinstance(step, Patch)
    assert step.key == WORKLOAD
    assert "spec.template.roles" in step.fields


def test_a_removed_backend_goes_after_the_route_stopped_naming_it() -> None:
    """Its deletions need the route's patch."""
    world = settled(a_backend(), a_backend("other"))
    change(world)
    steps = world.plan().steps
    assert isinstance(steps[ROUTE], Patch)
    for kind in ("ModelServer", "ModelInfer"):
        step = steps[ChildKey(kind, "chat-other")]
        assert isinstance(step, Delete)
        assert step.needs == (ROUTE,)
        assert list(steps).index(step.key) > list(steps).index(ROUTE)


def test_an_unwanted_binding_goes_first_and_its_policy_after_it() -> None:
    """Two bindings never scale one workload."""
    world = settled(a_backend(maxReplicas=3, autoscalingPolicy=POLICY))
    change(world, a_backend(maxReplicas=3, scalingCost=1), autoscalingPolicy=POLICY)
    steps = world.plan().steps
    old, new = (ChildKey("AutoscalingPolicyBinding", name) for name in ("chat-main", "chat"))
    assert isinstance(steps[old], Delete)
    assert next(iter(steps)) == old
    assert old in steps[new].needs
    policy = steps[ChildKey("AutoscalingPolicy", "chat-main")]
    assert isinstance(policy, Delete)
    assert policy.needs == (old,)


def test_a_child_that_is_being_deleted_is_waited_for() -> None:
    """And what needs it waits too, with a reason."""
    world = settled()
    world.children[SERVER]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    steps = world.plan().steps
    assert [(type(step), step.reason) for step in steps.values()] == [
        (Wait, Reason.DELETING),
        (Wait, Reason.NEEDS),
        (Wait, Reason.NO_TARGET),
    ]
    assert steps[WORKLOAD].needs == (SERVER,)


def test_a_name_that_is_taken_is_refused_and_the_others_go_on() -> None:
    """The route goes without the backend whose server belongs to somebody else."""
    world = settled()
    world.put(foreign("ModelServer", "chat-new"))
    change(world, a_backend(), a_backend("new"))
    steps = world.plan().steps
    assert isinstance(steps[ChildKey("ModelServer", "chat-new")], Refuse)
    assert isinstance(steps[ChildKey("ModelInfer", "chat-new")], Wait)
    world.obey(world.plan())
    (rule,) = world.children[ROUTE]["spec"]["rules"]
    assert [target["modelServerName"] for target in rule["targetModels"]] == ["chat-main"]
    assert isinstance(world.plan().steps[ROUTE], Keep)


def test_a_refused_sibling_keeps_no_removed_backend() -> None:
    """[main, old] becomes [main, new], and chat-new is taken: old goes all the same."""
    world = settled(a_backend(), a_backend("old"))
    world.put(foreign("ModelServer", "chat-new"))
    change(world, a_backend(), a_backend("new"))
    world.settle()
    assert ChildKey("ModelInfer", "chat-old") not in world.children
    assert ChildKey("ModelServer", "chat-old") not in world.children


def test_without_any_target_the_route_waits() -> None:
    """It is left as it is."""
    world = World(a_model("chat"))
    world.put(foreign("ModelServer", "chat-main"))
    step = world.plan().steps[ROUTE]
    assert isinstance(step, Wait)
    assert step.reason is Reason.NO_TARGET


def test_another_model_name_recreates_the_route() -> None:
    """The field cannot be changed."""
    world = settled()
    world.model["spec"]["name"] = "talk"
    step = world.plan().steps[ROUTE]
    assert isinstance(step, Recreate)
    assert step.fields == ("spec.modelName",)


def test_a_route_waits_for_adapters_that_pods_are_about_to_get() -> None:
    """Requests would fail; adapters that it named before hold up nothing."""
    hot = [{"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "true"}]
    world = settled(a_backend(env=hot))
    change(world, a_backend(env=hot, loraAdapters=[SQL]))
    step = world.plan(loading={("chat-main", "sql")}).steps[ROUTE]
    assert isinstance(step, Wait)
    assert step.reason is Reason.ADAPTERS
    assert isinstance(world.plan(loading={("chat-main", "legal")}).steps[ROUTE], Patch)


def test_a_failed_server_holds_up_only_what_needs_it() -> None:
    """The plan is revised for the child alone: the route goes on with the servers that exist."""
    planned = World(a_model("chat", a_backend("a"), a_backend("b"))).plan()
    failed = {ChildKey("ModelServer", "chat-a")}
    route = planned.revised(ROUTE, None, failed)
    assert isinstance(route, Create)
    assert "chat-a" not in str(route.desired["spec"])
    assert isinstance(planned.revised(ChildKey("ModelInfer", "chat-a"), None, failed), Wait)
    assert planned.revised(ROUTE, None, {ChildKey("ModelServer", f"chat-{name}") for name in "ab"}) is not None


def test_a_revised_step_follows_the_live_object() -> None:
    """Another owner's object, one that is gone, one that somebody changed meanwhile."""
    world = settled()
    live = world.children[SERVER]
    planned = World(a_model("chat")).plan()
    assert isinstance(planned.revised(SERVER, foreign("ModelServer", "chat-main")), Refuse)
    assert isinstance(planned.revised(SERVER, live), Keep)
    edited = copy.deepcopy(live)
    edited["spec"]["workloadPort"]["port"] = 1
    assert isinstance(planned.revised(SERVER, edited), Patch)
    assert isinstance(world.plan().revised(SERVER, None), Create)


def test_a_deletion_is_not_revised_into_one_of_another_owners_object() -> None:
    """The name was taken meanwhile."""
    world = settled(a_backend(), a_backend("other"))
    change(world)
    key = ChildKey("ModelServer", "chat-other")
    planned = world.plan()
    assert planned.revised(key, foreign("ModelServer", "chat-other")) is None
    assert planned.revised(key, None) is None
    still = planned.revised(key, world.children[key], {ROUTE})
    assert isinstance(still, Wait)
    assert still.reason is Reason.STILL_NAMED


@pytest.mark.parametrize(("live", "written"), [(9, 5), (3, None), (0, 1)])
def test_replicas_are_clamped_once_for_a_generation(live: int, written: int | None) -> None:
    """The workload remembers it, so that an autoscaler with old bounds is not fought while a sibling fails."""
    world = settled(a_backend(maxReplicas=9, autoscalingPolicy=POLICY))
    change(world, a_backend(minReplicas=1, maxReplicas=5, autoscalingPolicy=POLICY))
    world.children[WORKLOAD]["spec"]["replicas"] = live
    world.settle()
    assert world.children[WORKLOAD]["spec"]["replicas"] == (live if written is None else written)
    if written is not None:
        world.children[WORKLOAD]["spec"]["replicas"] = live
        assert isinstance(world.plan().steps[WORKLOAD], Keep)


def with_foreign_parts(world: World) -> None:
    """A user limits the rate of the route and labels it."""
    route = world.children[ROUTE]
    route["spec"] |= {"rateLimit": {"inputTokensPerUnit": 100, "unit": "minute"}, "parentRefs": [{"name": "gateway"}]}
    route["metadata"]["labels"]["team"] = "x"
    route["metadata"]["annotations"] = {"note": "ours to keep"}


def has_foreign_parts(world: World) -> bool:
    """Whether the route still has them."""
    route = world.children[ROUTE]
    spec, metadata = route["spec"], route["metadata"]
    limit = {"inputTokensPerUnit": 100, "unit": "minute"}
    kept = (spec.get("rateLimit"), spec.get("parentRefs"), metadata["labels"].get("team")) == (
        limit,
        [{"name": "gateway"}],
        "x",
    )
    return kept and metadata["annotations"] == {"note": "ours to keep"}


def test_a_recreated_route_keeps_what_others_put_there() -> None:
    """Rate limit, parents, labels and annotations; nothing is left to do afterwards."""
    world = settled()
    with_foreign_parts(world)
    world.model["spec"]["name"] = "talk"
    world.settle()
    assert world.children[ROUTE]["spec"]["modelName"] == "talk"
    assert has_foreign_parts(world)
    assert set(world.steps().values()) == {"Keep"}


@pytest.mark.parametrize("writes", [1, 2, 3])
def test_a_crash_between_the_writes_of_a_recreation_loses_nothing(writes: int) -> None:
    """Annotated; annotated and deleted; annotated, deleted and created: the next process ends in the same state."""
    world = settled(a_backend(), a_backend("other"))
    with_foreign_parts(world)
    world.model["spec"]["name"] = "talk"
    step = world.plan().steps[ROUTE]
    assert isinstance(step, Recreate)
    assert step.keeper in step.needs
    assert step.keeper is not None
    world.children[step.keeper]["metadata"].setdefault("annotations", {})[E4FB6663.keys.carried_over] = step.kept
    if writes >= 2:
        del world.children[ROUTE]
    if writes >= 3:
        world.put(step.desired)
    world.settle()
    assert has_foreign_parts(world)
    assert set(world.steps().values()) == {"Keep"}
    assert E4FB6663.keys.carried_over not in str(world.children)


def test_the_keeper_of_foreign_parts_may_be_removed_meanwhile() -> None:
    """The backend whose server keeps them is removed before the next process starts."""
    world = settled(a_backend("a"), a_backend("b"))
    with_foreign_parts(world)
    world.model["spec"]["name"] = "talk"
    step = world.plan().steps[ROUTE]
    assert isinstance(step, Recreate)
    assert step.keeper == ChildKey("ModelServer", "chat-a")
    world.children[step.keeper]["metadata"].setdefault("annotations", {})[E4FB6663.keys.carried_over] = step.kept
    del world.children[ROUTE]
    world.model["spec"]["backends"].pop(0)
    planned = world.plan()
    assert ROUTE in planned.steps[step.keeper].needs
    world.obey(planned)
    assert has_foreign_parts(world)
    assert ChildKey("ModelServer", "chat-a") not in world.children


def becomes_available(world: World, name: str, created: str = "2026-01-01T00:00:00Z") -> None:
    """The pods of a workload run."""
    workload = world.children[ChildKey("ModelInfer", name)]
    workload["metadata"] |= {"generation": 1, "creationTimestamp": created}
    workload["status"] = {
        "observedGeneration": 1,
        "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}],
    }


MIDNIGHT = meta.parse_time("2026-01-01T00:00:00Z").timestamp()


def replacing(**annotations: str) -> World:
    """A serving backend blue was replaced by green in one edit, and green's workload was created at midnight."""
    world = settled(a_backend("blue"))
    becomes_available(world, "chat-blue")
    world.model["spec"]["backends"] = [a_backend("green")]
    world.model["metadata"]["annotations"] = annotations
    world.obey(world.plan(MIDNIGHT))
    return world


def test_a_replaced_backend_serves_until_the_new_one_does() -> None:
    """The route waits, with a bound and the reason; then it changes, and the old backend goes."""
    world = replacing()
    route = world.plan(MIDNIGHT + 1).steps[ROUTE]
    assert isinstance(route, Wait)
    assert (route.reason, route.needs) == (Reason.HANDOVER, (ChildKey("ModelInfer", "chat-green"),))
    assert route.until == MIDNIGHT + 1800
    assert isinstance(world.plan(MIDNIGHT + 1).steps[ChildKey("ModelInfer", "chat-blue")], Wait)
    becomes_available(world, "chat-green")
    world.obey(world.plan(MIDNIGHT + 2))
    assert ChildKey("ModelInfer", "chat-blue") not in world.children
    assert "chat-green" in str(world.children[ROUTE]["spec"])


def test_the_wait_for_a_new_backend_is_bounded() -> None:
    """The old one may hold the devices that the new one needs."""
    world = replacing()
    world.obey(world.plan(MIDNIGHT + 1801))
    assert ChildKey("ModelInfer", "chat-blue") not in world.children


def test_the_owner_sets_the_bound() -> None:
    """Also to none at all; a text that is not a duration counts as absent."""
    now = replacing(**{HANDOVER_TIMEOUT: "0s"})
    assert ChildKey("ModelInfer", "chat-blue") not in now.children
    soon = replacing(**{HANDOVER_TIMEOUT: "10m"}).plan(MIDNIGHT + 1).steps[ROUTE]
    odd = replacing(**{HANDOVER_TIMEOUT: "soon"}).plan(MIDNIGHT + 1).steps[ROUTE]
    assert isinstance(soon, Wait)
    assert isinstance(odd, Wait)
    assert (soon.until, odd.until) == (MIDNIGHT + 600, MIDNIGHT + 1800)


def test_nothing_waits_where_another_backend_serves_or_the_old_one_does_not() -> None:
    """A removal beside a serving sibling, and the replacement of a backend that never served."""
    world = settled(a_backend("blue"), a_backend("main"))
    for name in ("chat-blue", "chat-main"):
        becomes_available(world, name)
    world.model["spec"]["backends"] = [a_backend("main")]
    world.obey(world.plan(MIDNIGHT))
    assert ChildKey("ModelInfer", "chat-blue") not in world.children
    never = settled(a_backend("blue"))
    never.model["spec"]["backends"] = [a_backend("green")]
    never.obey(never.plan(MIDNIGHT))
    assert ChildKey("ModelInfer", "chat-blue") not in never.children
