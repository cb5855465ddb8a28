"""The tables of what conditions and Events say are complete, and hold nothing that is never said."""

import re
from itertools import combinations, product
from pathlib import Path

from controller.lora import AdapterFailure, AdapterReport
from controller.reconcilers import reasons
from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.outcome import Problem
from controller.reconcilers.result import PassResult
from controller.reconcilers.status import compose_status
from tests.support.factories import a_model

VIEWS = tuple(BackendView(state, f"chat-{state}", state, "why", 1) for state in BackendState)
AVAILABLE = VIEWS[list(BackendState).index(BackendState.AVAILABLE)]
ADAPTERS = (AdapterReport(), AdapterReport((AdapterFailure("p", "load", "sql", "no"),)))
PROBLEMS = tuple(Problem("ModelServer", "chat", "apply", "no", reason=failure.reason) for failure in reasons.FAILURES)


def results() -> list[PassResult]:
    """Every combination of backends, of up to two problems, and of what came of the pass."""
    views = [chosen for count in range(3) for chosen in combinations(VIEWS, count)]
    problems = [chosen for count in range(3) for chosen in combinations(PROBLEMS, count)]
    return [
        PassResult(seen, wrong, adapters, applied=applied, valid=valid, paused=paused)
        for seen, wrong, adapters, applied, valid, paused in product(views, problems, ADAPTERS, *[(True, False)] * 3)
    ]


def test_conditions_say_what_the_table_has_and_all_of_it() -> None:
    """Whatever was found, for a Model without conditions and for one that was Active."""
    active = a_model()
    active["status"] = compose_status(active, PassResult((AVAILABLE,)), "t").status
    said = {
        (condition["type"], condition["status"], condition["reason"])
        for model in (a_model(), active)
        for found in results()
        for condition in compose_status(model, found, "t").status["conditions"]
    }
    assert said == {(state.type, state.status, state.reason) for state in reasons.CONDITION_STATES}


def test_every_reason_is_in_its_table_once() -> None:
    """So that the reference page, which is made from the tables, has it."""
    defined = list(vars(reasons).values())
    events = [value for value in defined if isinstance(value, reasons.EventReason)]
    states = [value for value in defined if isinstance(value, reasons.ConditionState)]
    assert tuple(events) == reasons.EVENT_REASONS
    assert len({event.reason for event in events}) == len(events)
    assert set(states) < set(reasons.CONDITION_STATES)


def test_every_reason_is_reported_somewhere() -> None:
    """A reason that only its table names would be documented, and never seen by a user."""
    package = Path(reasons.__file__).parents[1]
    others = [path for path in package.rglob("*.py") if path != Path(reasons.__file__)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in others)
    names = [
        name for name, value in vars(reasons).items() if isinstance(value, reasons.ConditionState | reasons.EventReason)
    ]
    assert [name for name in names if not re.search(rf"\b{name}\b", text)] == []
