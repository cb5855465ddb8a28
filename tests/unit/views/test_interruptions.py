"""Changes that interrupt requests are announced before they are made, and only those."""

from typing import Any

import pytest

from controller.api.annotations import HANDOVER_TIMEOUT
from controller.dialects import DIALECTS, Dialect
from controller.views.interruptions import interruption_lines
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.worlds import World

AVAILABLE = {"conditions": [{"type": "Available", "status": "True"}]}


def changed(before: dict[str, Any], after: dict[str, Any], dialect: Dialect, replicas: int | None = None) -> list[str]:
    """The announcements about a Model that is applied, serves, and is then replaced. ``replicas`` are available, if given."""
    world = World(before, dialect)
    world.settle()
    for key, child in world.children.items():
        if key.kind == dialect.workload.kind and child["spec"]["replicas"]:
            world.start_pod(key.name)
            child["status"] = AVAILABLE if replicas is None else {"availableReplicas": replicas}
    world.model = {**after, "metadata": {**after["metadata"], "generation": 2}}
    return interruption_lines(world.plan())


def of_config(replicas: int = 1, **config: Any) -> dict[str, Any]:
    workers = [a_worker(config=config)]
    return a_model("chat", a_backend(minReplicas=replicas, maxReplicas=replicas, workers=workers))


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


@pytest.mark.parametrize("field", ["port", "seed"])
def test_the_only_replica_is_missed_while_it_is_replaced(dialect: Dialect, field: str) -> None:
    """Whatever changes its pods: a rollout takes it away first."""
    (line,) = changed(of_config(**{field: 8000}), of_config(**{field: 9000}), dialect)
    assert line == (
        f"interruption: the rollout of {dialect.workload.kind} chat-main replaces its only replica at once, and its requests fail until "
        "the new pods are ready; to avoid it, add a replica first, or a backend with the new settings in place of this one"
    )


@pytest.mark.parametrize("field", ["port", "seed"])
def test_several_replicas_are_replaced_one_after_the_other(dialect: Dialect, field: str) -> None:
    """The server waits for the first new one, so there is nothing to tell."""
    assert changed(of_config(3, **{field: 8000}), of_config(3, **{field: 9000}), dialect) == []


def test_available_replicas_count_and_not_wanted_ones(dialect: Dialect) -> None:
    """Two are wanted and one serves."""
    (line,) = changed(of_config(2, seed=1), of_config(2, seed=2), dialect, replicas=1)
    assert "its only replica" in line
    assert changed(of_config(2, seed=1), of_config(2, seed=2), dialect, replicas=0) == []
    world = World(of_config(seed=1), dialect)
    world.settle()
    world.model = of_config(seed=2)
    assert interruption_lines(world.plan()) == [], "no status at all"


@pytest.mark.parametrize(("bound", "told"), [(1, False), (3, True), ("50%", False), ("100%", True), ("10%", False)])
def test_a_rollout_that_may_take_all_is_told(dialect: Dialect, bound: int | str, told: bool) -> None:
    """By number or by percentage of the replicas."""
    before, after = of_config(3, seed=1), of_config(3, seed=2)
    for model in (before, after):
        model["spec"]["backends"][0]["rollout"] = {"maxUnavailable": bound}
    assert any("replaces all 3 available replicas" in line for line in changed(before, after, dialect)) is told


def test_a_server_that_is_not_to_wait_is_told(dialect: Dialect) -> None:
    """The owner set the bound to nothing."""
    after = of_config(2, port=9000)
    after["metadata"]["annotations"] = {HANDOVER_TIMEOUT: "0s"}
    (line,) = changed(of_config(2, port=8000), after, dialect)
    assert line.startswith(
        "interruption: requests to ModelServer chat-main fail until its pods have restarted with another "
    )
    assert line.endswith("spec.workloadPort.port")


def test_a_name_loses_the_requests_for_the_old_one(dialect: Dialect) -> None:
    """And the pods restart, because they serve by that name."""
    renamed, restarted = changed(called("old"), called("new"), dialect)
    assert renamed == "interruption: requests for the model 'old' fail once ModelRoute chat answers 'new' instead"
    assert "replaces its only replica" in restarted


def test_a_name_restarts_pods_that_have_a_served_name_too(dialect: Dialect) -> None:
    """The sidecar is started with the Model's name."""
    backend = a_backend(workers=[a_worker(config={"served-model-name": "x"})])
    renamed, restarted = changed(called("old", backend), called("new", backend), dialect)
    assert "requests for the model 'old' fail" in renamed
    assert "replaces its only replica" in restarted


@pytest.mark.parametrize(
    "after",
    [a_model("chat", a_backend(), a_backend("other")), a_model("chat", a_backend("other"))],
    ids=["another backend", "replaced backend"],
)
def test_what_the_controller_does_without_interruption_is_not_told(after: dict[str, Any], dialect: Dialect) -> None:
    assert changed(a_model("chat"), after, dialect) == []


def test_nothing_is_told_of_a_backend_that_is_scaled_to_zero(dialect: Dialect) -> None:
    def idle(port: int) -> dict[str, Any]:
        return a_model("chat", a_backend(minReplicas=0, maxReplicas=0, workers=[a_worker(config={"port": port})]))

    assert changed(idle(8000), idle(9000), dialect) == []
