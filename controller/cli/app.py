"""The ``model-controller`` command and the one place where errors become sentences and exit codes.

Exit codes: 0 fine, 1 a finding or a failure that the message explains, 2 wrong usage or unusable input.
"""

import os
import sys
import traceback
from importlib import import_module
from typing import Any

import click

from controller.cli.options import PROGRAM, version_option

_COMMANDS = {
    "run": "controller.cli.run:run",
    "render": "controller.cli.render:render_command",
    "validate": "controller.cli.validate:validate_command",
    "convert": "controller.cli.convert:convert_command",
    "diff": "controller.cli.diff:diff_command",
    "status": "controller.cli.status:status",
    "crds": "controller.cli.crds:crds",
    "demo": "controller.cli.demo:demo",
    "apiserver": "controller.cli.apiserver:apiserver",
    "completion": "controller.cli.completion:completion",
}


class Failure(click.ClickException):
    """A failure that one sentence explains; exit code 1."""

    def show(self, file: Any = None) -> None:
        """Writes ``model-controller: SENTENCE`` to standard error."""
        click.echo(f"{PROGRAM}: {self.format_message()}", file=file, err=file is None)


class Unusable(Failure):
    """Input or settings that cannot be used; exit code 2."""

    exit_code = 2


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = _COMMANDS.get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@version_option
def cli() -> None:
    """Turns one Model resource into everything that serves it on Kubernetes."""


def main() -> None:
    """Runs the command line and exits the process.

    What no command foresaw is one sentence too; with ``MODEL_CONTROLLER_LOG_LEVEL=debug`` its traceback comes first.
    """
    try:
        cli.main(prog_name=PROGRAM, standalone_mode=True)
    except (BrokenPipeError, KeyboardInterrupt):
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last door before the user
        if os.environ.get("MODEL_CONTROLLER_LOG_LEVEL") == "debug":
            traceback.print_exc()
        what = (error.strerror or str(error)).lower() if isinstance(error, OSError) else repr(error)
        click.echo(f"{PROGRAM}: {what}", err=True)
        sys.exit(1)
