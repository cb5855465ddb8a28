"""The input of a plan, and which needs hold a child up."""

from controller.dialects import ChildKey, Role
from controller.reconcilers.planning.request import blocked
from controller.reconcilers.steps import Keep, Reason, Refuse, Wait
from tests.support.factories import a_model
from tests.support.worlds import World

SERVER, OTHER = ChildKey("ModelServer", "a"), ChildKey("ModelServer", "b")


def test_the_role_of_a_child_is_that_of_its_kind() -> None:
    """As the table of the dialect has it."""
    request = World(a_model()).plan().request
    roles = {key.kind: request.role(key) for key in request.desired}
    assert roles == {"ModelServer": Role.SERVER, "ModelInfer": Role.WORKLOAD, "ModelRoute": Role.ROUTE}
    assert request.kind(SERVER).resource.kind == "ModelServer"


def test_a_need_blocks_while_it_waits_is_refused_or_failed() -> None:
    """One that is kept, or that the plan does not know, does not."""
    live = {"kind": "ModelServer", "metadata": {"name": "a"}}
    wait = Wait(kind="ModelServer", name="a", reason=Reason.DELETING, live=live)
    refuse = Refuse(kind="ModelServer", name="a", reason=Reason.FOREIGN, live=live)
    keep = Keep(kind="ModelServer", name="a", reason=Reason.AS_DESIRED, live=live)
    assert blocked([SERVER], (), {SERVER: wait}) == {SERVER}
    assert blocked([SERVER], (), {SERVER: refuse}) == {SERVER}
    assert blocked([SERVER], (), {SERVER: keep}) == set()
    assert blocked([SERVER, OTHER], [OTHER], {SERVER: keep}) == {OTHER}
    assert blocked([SERVER], (), {}) == set()
