"""What an engine needs, from what it has."""

import pytest

from controller.lora.engine import LoadedAdapter
from controller.lora.steps import Step, WantedAdapter, steps_between

SQL = WantedAdapter("sql", "hf://acme/sql", "/cache/a")
LEGAL = WantedAdapter("legal", "hf://acme/legal", "/cache/b")


@pytest.mark.parametrize(
    ("wanted", "loaded", "steps"),
    [
        pytest.param([SQL, LEGAL], [], [Step("load", SQL), Step("load", LEGAL)], id="in list order"),
        pytest.param([SQL], [LoadedAdapter("sql", "/cache/a")], [], id="there"),
        pytest.param([SQL], [LoadedAdapter("sql", None)], [], id="an engine that tells no root is believed"),
        pytest.param(
            [SQL], [LoadedAdapter("sql", "/cache/z")], [Step("unload", SQL), Step("load", SQL)], id="another url"
        ),
        pytest.param([], [LoadedAdapter("x", "/elsewhere/x")], [], id="somebody else's"),
        pytest.param([], [LoadedAdapter("x", "/cache")], [], id="the mount itself is not below it"),
        pytest.param([], [LoadedAdapter("x", None)], [], id="unwanted and of unknown origin"),
    ],
)
def test_the_steps(wanted: list[WantedAdapter], loaded: list[LoadedAdapter], steps: list[Step]) -> None:
    """The difference and nothing else."""
    assert steps_between(wanted, loaded, unload_below="/cache") == steps


def test_what_may_still_be_routed_to_stays() -> None:
    """An unwanted adapter goes only when unloads are allowed; loads do not wait for that."""
    loaded = [LoadedAdapter("old", "/cache/old")]
    assert steps_between([SQL], loaded, unload_below=None) == [Step("load", SQL)]
    allowed = steps_between([SQL], loaded, unload_below="/cache")
    assert [(step.operation, step.adapter.name) for step in allowed] == [("load", "sql"), ("unload", "old")]


def test_an_adapter_of_the_engines_own_config_stays() -> None:
    """``lora-modules`` belong to the user, also when they lie in the cache."""
    loaded = [LoadedAdapter("x", "/cache/x"), LoadedAdapter("old", "/cache/old")]
    steps = steps_between([], loaded, unload_below="/cache", configured={"x"})
    assert [step.adapter.name for step in steps] == ["old"]
