"""The ``model-controller`` command and the one place where errors become sentences and exit codes.

Exit codes: 0 fine, 1 a finding or a failure that the message explains, 2 wrong usage or unusable input.
"""

import difflib
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import click

from controller.cli.options import PROGRAM, VARIABLE_PREFIX, version_option

_COMMANDS = {
    "run": ("controller.cli.run:run", "Run the controller until it is stopped."),
    "render": (
        "controller.cli.render:render_command",
        "Print the children of Models and ModelBoosters, without a cluster.",
    ),
    "validate": (
        "controller.cli.validate:validate_command",
        "Check Models and ModelBoosters against every rule of the API and the controller.",
    ),
    "convert": (
        "controller.cli.convert:convert_command",
        "Convert ModelBoosters to Models and back, or children to another dialect.",
    ),
    "diff": (
        "controller.cli.diff:diff_command",
        "Show what the controller would do to the children of Models and ModelBoosters, and why.",
    ),
    "status": (
        "controller.cli.status:status",
        "Show Models and ModelBoosters with their conditions, replicas and reasons.",
    ),
    "crds": ("controller.cli.crds:crds", "Print the Model CRD."),
    "demo": ("controller.cli.demo:demo", "Show the controller at work, without a cluster."),
    "apiserver": ("controller.cli.apiserver:apiserver", "Run the embedded API server until it is stopped."),
    "completion": ("controller.cli.completion:completion", "Print the completion script of SHELL: bash, zsh or fish."),
}
"""Where each command is, and its summary: the list of commands imports none of them, because some import a lot."""


class Failure(click.ClickException):
    """A failure that one sentence explains; exit code 1."""

    def show(self, file: Any = None) -> None:
        """Writes ``model-controller: SENTENCE`` to standard error."""
        click.echo(f"{PROGRAM}: {self.format_message()}", file=file, err=file is None)


class Unusable(Failure):
    """Input or settings that cannot be used; exit code 2."""

    exit_code = 2


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for. A misspelt command gets a suggestion."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        target, _ = _COMMANDS[cmd_name]
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], _COMMANDS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the commands are {', '.join(_COMMANDS)}."
            raise click.UsageError(f"there is no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@version_option
def cli() -> None:
    """Turns one Model resource into everything that serves it on Kubernetes."""


def main() -> None:
    """Runs the command line and exits the process.

    What no command foresaw is one sentence too; with ``MODEL_CONTROLLER_LOG_LEVEL=debug`` its traceback comes first.
    """
    _main(PROGRAM)


def kubectl_plugin() -> None:
    """The same command line as ``kubectl model``: kubectl calls the program ``kubectl-model`` with the words that follow."""
    _main("kubectl model")


def _main(called: str) -> None:
    try:
        warn_of_unknown_variables()
        cli.main(prog_name=called, standalone_mode=True)
    except (BrokenPipeError, KeyboardInterrupt):
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last handler before the user
        if os.environ.get("MODEL_CONTROLLER_LOG_LEVEL") == "debug":
            traceback.print_exc()
        what = (error.strerror or str(error)).lower() if isinstance(error, OSError) else repr(error)
        click.echo(f"{PROGRAM}: {what}", err=True)
        sys.exit(1)


def warn_of_unknown_variables() -> None:
    """A sentence on standard error for each ``MODEL_CONTROLLER_`` variable that no flag has, with the closest one that exists."""
    given = sorted(name for name in os.environ if name.startswith(VARIABLE_PREFIX))
    if not given:
        return
    context = click.Context(cli)
    commands = [command for name in _COMMANDS if (command := cli.get_command(context, name)) is not None]
    known = {param.envvar for command in commands for param in command.params if isinstance(param.envvar, str)}
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            click.echo(f"{PROGRAM}: the variable {name} belongs to no flag and is ignored{hint}", err=True)
