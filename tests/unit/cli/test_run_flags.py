"""A flag of ``run`` is declared once, has a type, and reaches the part that it is for."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from controller.cli.run import controller_options, manager_options, run
from controller.cli.run_flags import RunFlags

SOURCE = (Path(__file__).resolve().parents[3] / "controller" / "cli" / "run.py").read_text(encoding="utf-8")
DECLARED = {parameter.name: parameter for parameter in run.params if parameter.expose_value}


def defaults() -> RunFlags:
    """The flags of a command line without any."""
    return RunFlags(**run.make_context("run", []).params)


def test_every_declared_flag_is_a_field() -> None:
    """And the other way round: a field without a flag would have no value."""
    assert set(DECLARED) == {field.name for field in fields(RunFlags)}


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_every_flag_is_used(name: str) -> None:
    """A flag that is declared and not passed on does nothing, and nobody notices."""
    assert re.search(rf"flags\.{name}\b", SOURCE)


def test_defaults_are_those_of_the_options() -> None:
    """Of a command line without flags: no election, all namespaces, every family, no shard."""
    flags = defaults()
    options = controller_options(flags)
    assert (options.families, options.shard, options.workers) == (None, None, 16)
    manager = manager_options(flags, "me")
    assert (manager.leader_election, list(manager.namespaces or ())) == (None, [])
    assert manager.metrics_cert_path is None
