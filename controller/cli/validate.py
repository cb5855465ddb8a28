"""``validate``: the controller's own rules over files, without a cluster."""

import json
from typing import Any

import click

from controller import meta
from controller.cli.inputs import read_models
from controller.cli.options import dialect_option, hostpath_option, option, version_option
from controller.dialects import Dialect
from controller.meta import Object
from controller.validation import Finding, ValidationOptions, validate


@click.command("validate")
@version_option
@click.argument("files", type=click.Path(allow_dash=True), metavar="FILE...", nargs=-1, required=True)
@option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="A line or a JSON record per finding."
)
@dialect_option
@hostpath_option
def validate_command(files: tuple[str, ...], output: str, dialect: Dialect, hostpath_prefixes: tuple[str, ...]) -> None:
    """Check the Models and ModelBoosters in FILE... ("-" is standard input) against every rule of the API and the controller.

    Exit code 0: valid; 1: at least one error; 2: some input is unusable, or there is nothing to check.
    """
    inputs = read_models(files)
    found = [
        (file, document, finding)
        for file, document, front in inputs.models
        for finding in validate(document, ValidationOptions(hostpath_prefixes, front.dialect or dialect), front)
    ]
    if not inputs.models and not inputs.unusable:
        click.echo("nothing was checked: there is no Model or ModelBooster in the given files", err=True)
        inputs.unusable = True
    if output == "json":
        click.echo(json.dumps([record(*row) for row in found], indent=2))
    else:
        for row in found:
            click.echo(line(*row))
    errors = any(finding.level == "error" for _, _, finding in found)
    raise SystemExit(2 if inputs.unusable else 1 if errors else 0)


def record(file: str, model: Object, finding: Finding) -> dict[str, Any]:
    """One finding for tools."""
    return {
        "file": file,
        "name": meta.name_of(model),
        "path": finding.path,
        "message": finding.message,
        "level": finding.level,
    }


def line(file: str, model: Object, finding: Finding) -> str:
    """One finding for people: ``FILE: KIND NAME: PATH: MESSAGE``, always a single line of printable text."""
    mark = "" if finding.level == "error" else f"{finding.level}: "
    text = f"{file}: {model['kind']} {meta.name_of(model) or '<unnamed>'}: {finding.path}: {mark}{finding.message}"
    return printable(text)


def printable(text: str) -> str:
    """The text on one line, with everything that is not printable written as an escape."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
