"""What came of applying a plan, as values."""

from controller.meta.errors import status_error
from controller.reconcilers.outcome import Outcome, Problem
from controller.reconcilers.steps import Reason, Wait


def test_the_identity_of_a_problem_has_no_words_of_a_server() -> None:
    """Request ids and counters in them are no news; another code is."""
    first, again = (Problem.from_error("X", "x", "apply", status_error(422, f"no, request {n}")) for n in (1, 2))
    assert first.identity == again.identity
    assert first.error != again.error
    assert Problem.from_error("X", "x", "apply", status_error(403, "no")).identity != first.identity
    assert (first.code, first.transient) == ("422 Invalid", False)
    assert Problem.from_error("X", "x", "apply", status_error(503, "later")).transient


def test_an_outcome_is_complete_without_problems_and_waits() -> None:
    """For all children, and for those of a role."""
    wait = Wait(kind="ModelRoute", name="chat", reason=Reason.DELETING, live=None)
    assert Outcome().is_complete
    outcome = Outcome(waiting=[wait])
    assert not outcome.is_complete
    assert not outcome.is_kind_complete("ModelRoute")
    assert outcome.is_kind_complete("ModelServer")
    assert Outcome(problems=[Problem("Model", "chat", "spec")]).is_kind_complete("ModelRoute")
