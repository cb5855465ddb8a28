"""Changes that interrupt requests are told before they are made, and only those."""

from typing import Any

import pytest

from controller.dialects import DIALECTS, Dialect
from controller.views.interruptions import interruption_lines
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.worlds import World


def changed(before: dict[str, Any], after: dict[str, Any], dialect: Dialect) -> list[str]:
    """What is told about a Model that is applied and then replaced."""
    world = World(before, dialect)
    world.settle()
    world.model = after
    return interruption_lines(world.plan())


def of_config(**config: Any) -> dict[str, Any]:
    return a_model("chat", a_backend(workers=[a_worker(config=config)]))


def called(name: str, *backends: dict[str, Any]) -> dict[str, Any]:
    """A Model that clients ask for by this name."""
    model = a_model("chat", *backends)
    return {**model, "spec": {**model["spec"], "name": name}}


@pytest.fixture(params=DIALECTS.values(), ids=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


def test_a_new_model_interrupts_nothing(dialect: Dialect) -> None:
    assert interruption_lines(World(a_model("chat"), dialect).plan()) == []


def test_a_port_is_told_with_both_values(dialect: Dialect) -> None:
    (line,) = changed(of_config(port=8000), of_config(port=9000), dialect)
    assert line == (
        "interruption: requests to ModelServer chat-main fail until its pods have restarted with workloadPort.port 9000 (now 8000); "
        "to avoid it, add a backend with the new settings and then remove this one"
    )


def test_a_served_name_is_told_with_both_values(dialect: Dialect) -> None:
    served = {"served-model-name": "a"}, {"served-model-name": "b"}
    (line,) = changed(of_config(**served[0]), of_config(**served[1]), dialect)
    assert "model 'b' (now 'a')" in line


def test_a_name_loses_the_requests_for_the_old_one(dialect: Dialect) -> None:
    """And the pods restart, because they serve by that name."""
    renamed, restarted = changed(called("old"), called("new"), dialect)
    assert renamed == "interruption: requests for the model 'old' fail once ModelRoute chat answers 'new' instead"
    assert "model 'new' (now 'old')" in restarted


def test_a_name_alone_restarts_no_pods_that_have_a_served_name(dialect: Dialect) -> None:
    backend = a_backend(workers=[a_worker(config={"served-model-name": "x"})])
    (line,) = changed(called("old", backend), called("new", backend), dialect)
    assert "requests for the model 'old' fail" in line


@pytest.mark.parametrize(
    "after",
    [of_config(seed=7), a_model("chat", a_backend(), a_backend("other")), a_model("chat", a_backend("other"))],
    ids=["other argument", "another backend", "replaced backend"],
)
def test_what_the_controller_does_without_interruption_is_not_told(after: dict[str, Any], dialect: Dialect) -> None:
    assert changed(of_config(), after, dialect) == []


def test_nothing_is_told_of_a_backend_that_is_scaled_to_zero(dialect: Dialect) -> None:
    def idle(port: int) -> dict[str, Any]:
        return a_model("chat", a_backend(minReplicas=0, maxReplicas=0, workers=[a_worker(config={"port": port})]))

    assert changed(idle(8000), idle(9000), dialect) == []
