"""A plan is obeyed: in its order, one more plan after a 409 or 404, every other error collected."""

import asyncio
from typing import Any

import pytest

from controller.dialects import E4FB6663, ChildKey
from controller.meta import Object
from controller.meta.errors import AlreadyExists, Conflict, NotFound, status_error
from controller.reconcilers.apply import Applier
from controller.reconcilers.outcome import Operation, Outcome
from controller.reconcilers.rivals import LIMIT
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.servers import Server, Store
from tests.support.worlds import World

SERVER, WORKLOAD = ChildKey("ModelServer", "chat-main"), ChildKey("ModelInfer", "chat-main")
ROUTE = ChildKey("ModelRoute", "chat")


def a_settled_server() -> tuple[Server, Applier]:
    """A server with every child as desired, and what writes them in one process."""
    server = Server(settled())
    informers: Any = {resource: Store() for resource in E4FB6663.children}
    client: Any = server
    return server, Applier(client, informers, E4FB6663)


async def apply(server: Server, planned_from: World | None = None) -> Outcome:
    """Applies the plan of a world, perhaps an older one, to the server."""
    informers: Any = {resource: Store() for resource in E4FB6663.children}
    client: Any = server
    return await Applier(client, informers, E4FB6663).apply((planned_from or server.world).plan())


def settled(*backends: dict[str, Any]) -> World:
    """A world in which everything is as desired."""
    world = World(a_model("chat", *backends))
    world.settle()
    return world


def test_errors_of_the_api_have_their_classes() -> None:
    """What the double raises is what the client raises."""
    assert isinstance(status_error(409, {"reason": "AlreadyExists"}), AlreadyExists)
    assert isinstance(status_error(409, {"reason": "Conflict"}), Conflict)
    assert isinstance(status_error(404, "x"), NotFound)


async def test_everything_is_created_after_what_it_needs() -> None:
    """And a second application writes nothing."""
    server = Server(World(a_model("chat")))
    outcome = await apply(server)
    assert (
        server.calls == [("create", *key) for key in (SERVER, WORKLOAD, ROUTE)] or server.calls[0][1] == "ModelServer"
    )
    assert [(write.operation, write.kind) for write in outcome.writes] == [
        (Operation.CREATE, "ModelInfer"),
        (Operation.CREATE, "ModelRoute"),
        (Operation.CREATE, "ModelServer"),
    ]
    assert outcome.is_complete
    server.calls.clear()
    assert (await apply(server)).is_complete
    assert server.calls == []


async def test_a_refusal_stops_only_what_needs_the_child() -> None:
    """The problem has its code; the route goes on with the other backend."""
    server = Server(World(a_model("chat", a_backend("a"), a_backend("b"))))
    server.refusals["create", "ModelServer", "chat-a"] = status_error(422, "no")
    outcome = await apply(server)
    (problem,) = outcome.problems
    assert (problem.kind, problem.name, problem.code, problem.transient) == (
        "ModelServer",
        "chat-a",
        "422 Invalid",
        False,
    )
    assert [str(step.key) for step in outcome.waiting] == ["ModelInfer chat-a"]
    assert "chat-a" not in str(server.world.children[ROUTE]["spec"])
    assert not outcome.is_kind_complete("ModelServer")
    assert outcome.is_kind_complete("ModelRoute")


async def test_a_server_may_wait_for_the_workload_that_needs_it() -> None:
    """Its live object is good enough, so the workload is changed, whose new pods end the wait."""
    world = settled(a_backend(workers=[a_worker(config={"port": 8000})]))
    world.start_pod("chat-main")
    world.model = a_model("chat", a_backend(workers=[a_worker(config={"port": 9000})]))
    server = Server(world)
    async with asyncio.timeout(60):
        outcome = await apply(server)
    assert [str(step.key) for step in outcome.waiting] == ["ModelServer chat-main"]
    assert [(write.operation, write.kind) for write in outcome.writes] == [(Operation.UPDATE, "ModelInfer")]


async def test_a_plan_from_an_old_object_is_made_once_more() -> None:
    """Changed, deleted and created by somebody meanwhile: the live object decides."""
    world = settled()
    world.children[SERVER]["spec"]["workloadPort"]["port"] = 1
    server = Server(world)

    def touch(call: tuple[str, str, str]) -> None:
        if call[0] == "patch" and not server.calls:
            world.put(world.children[SERVER])

    server.before = touch
    outcome = await apply(server)
    assert outcome.is_complete
    assert server.calls == [("patch", *SERVER), ("get", *SERVER), ("patch", *SERVER)]
    old = settled()
    old.children[SERVER]["spec"]["workloadPort"]["port"] = 1
    empty = Server(World(a_model("chat")))
    outcome = await apply(empty, planned_from=old)
    assert ("create", *SERVER) in empty.calls


async def test_a_name_that_was_taken_unseen_is_a_conflict_and_not_touched() -> None:
    """An object without our label is in no cache: the creation is refused, and the live object decides."""
    server = Server(World(a_model("chat")))
    server.world.put({"kind": "ModelServer", "metadata": {"name": "chat-main", "namespace": "default"}, "spec": {}})
    outcome = await apply(server, planned_from=World(a_model("chat")))
    (problem,) = outcome.problems
    assert (problem.kind, problem.reason) == ("ModelServer", "ChildConflict")
    assert server.world.children[SERVER]["spec"] == {}


async def test_a_server_that_drops_a_field_is_a_problem_that_backs_off() -> None:
    """Otherwise the same patch would be sent in every pass."""
    server = Server(World(a_model("chat")))
    put = server.world.put

    def dropping(child: Object) -> dict[str, Any]:
        stored = put(child)
        stored["spec"].pop("recoveryPolicy", None)
        return stored

    server.world.put = dropping  # type: ignore[method-assign] # an older CRD
    (problem,) = (await apply(server)).problems
    assert (problem.error, problem.transient) == ("the server does not keep spec.recoveryPolicy", True)


@pytest.mark.parametrize("refuses", [False, True], ids=["a webhook changes each", "the server refuses each"])
async def test_only_writes_that_were_kept_count_against_a_rival(refuses: bool) -> None:
    """Neither is somebody who undoes it."""
    server, applier = a_settled_server()
    put = server.world.put
    if refuses:
        server.refusals["patch", *SERVER] = status_error(403, "no")
    else:
        server.world.put = lambda child: put({**child, "spec": {**child["spec"], "model": "theirs"}})  # type: ignore[method-assign] # a webhook
    server.world.children[SERVER]["spec"]["model"] = "theirs"
    for _ in range(2 * LIMIT):
        (problem,) = (await applier.apply(server.world.plan())).problems
        assert problem.reason == "ChildApplyFailed"


async def test_a_child_that_is_left_to_a_rival_holds_up_no_other() -> None:
    """The workload, which needs its server, goes on being written; the server gets no more than the limit."""
    server, applier = a_settled_server()
    for _ in range(LIMIT + 3):
        server.world.children[SERVER]["spec"]["model"] = "theirs"
        outcome = await applier.apply(server.world.plan())
    assert server.calls.count(("patch", *SERVER)) == LIMIT
    assert [problem.reason for problem in outcome.problems] == ["RivalController"]
    assert [step.until for step in outcome.waiting] == [60.0]
    server.world.children[WORKLOAD]["spec"]["recoveryPolicy"] = "None"
    await applier.apply(server.world.plan())
    assert server.world.children[WORKLOAD]["spec"]["recoveryPolicy"] != "None"


async def test_a_terminating_namespace_is_no_problem_of_the_model() -> None:
    """Nothing can be created in it any more."""
    server = Server(World(a_model("chat")))
    causes = {"causes": [{"reason": "NamespaceTerminating", "message": "x"}]}
    refusal = status_error(403, {"reason": "Forbidden", "details": causes})
    server.refusals = {("create", kind, name): refusal for kind, name in (SERVER, WORKLOAD, ROUTE)}
    outcome = await apply(server)
    assert outcome.namespace_terminating
    assert outcome.problems == []
