"""The list of commands: quick, and true to the commands."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from controller.cli.app import cli

_LONGEST = 100


def loaded_by(*words: str) -> set[str]:
    """The modules that a call of the program imports."""
    script = (
        "import sys\nfrom controller.cli.app import cli\n"
        f"cli.main({list(words)!r}, prog_name='p', standalone_mode=False)\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr.split()
    )


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("run", "--help")])
def test_help_and_version_import_nothing_that_only_a_run_needs(words: tuple[str, ...]) -> None:
    """That is what makes them quick."""
    heavy = {"aiohttp", "pydantic", "prometheus_client", "structlog", "kubernetes", "rich", "yaml", "controller.client"}
    assert not heavy & loaded_by(*words)


def test_the_summaries_are_those_of_the_commands() -> None:
    """Each is the first sentence of the command's own help."""
    shown = " ".join(CliRunner().invoke(cli, ["--help"], terminal_width=200).stdout.split())
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert f" {name} {' '.join(command.get_short_help_str(_LONGEST).split())}" in shown
