"""What a pass found: the defaults are those of a pass that found everything as desired."""

from controller.reconcilers.result import PassResult, RouteView
from controller.reconcilers.status import compose_status
from tests.support.factories import a_model


def test_a_result_without_anything_is_one_of_a_pass_that_wrote_all() -> None:
    result = PassResult()
    assert (result.applied, result.valid, result.paused) == (True, True, False)
    assert (result.backends, result.problems, result.waiting, result.adapters.failures) == ((), (), (), ())
    assert result == PassResult()


def test_the_route_and_the_state_of_a_pass_reach_the_status() -> None:
    """A result is all that a status is composed of."""
    shown = compose_status(a_model(), PassResult(route=RouteView("chat", "talk", ("fr",))), "t", None).status
    assert (shown["route"]["name"], shown["route"]["modelName"]) == ("chat", "talk")
    assert "route" not in compose_status(a_model(), PassResult(), "t", None).status
