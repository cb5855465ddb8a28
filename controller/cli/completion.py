"""``completion``: the script that makes a shell complete commands and flags."""

import click
from click.shell_completion import get_completion_class

from controller.cli.options import PROGRAM, version_option


@click.command()
@version_option
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    For bash: source <(model-controller completion bash)
    """
    from controller.cli.app import cli

    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(cli, {}, PROGRAM, "_MODEL_CONTROLLER_COMPLETE").source())
