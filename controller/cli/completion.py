"""``completion``: the script that makes a shell complete commands and flags."""

import click
from click.shell_completion import get_completion_class

from controller.cli.options import PROGRAM, version_option


@click.command()
@version_option
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL: bash, zsh or fish.

    \b
    Examples:
      source <(model-controller completion bash)
      model-controller completion zsh > "${fpath[1]}/_model-controller"
      model-controller completion fish > ~/.config/fish/completions/model-controller.fish
    """
    from controller.cli.app import cli

    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(cli, {}, PROGRAM, "_MODEL_CONTROLLER_COMPLETE").source())
