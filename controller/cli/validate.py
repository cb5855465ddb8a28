"""``validate``: the controller's own rules over files, without a cluster."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import click

from controller import meta
from controller.api.findings import tolerated
from controller.api.rules import Rule
from controller.cli.inputs import Input, Inputs, read_models
from controller.cli.options import dialect_option, hostpath_option, option, version_option
from controller.cli.progress import progress
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
    """Check Models and ModelBoosters against every rule of the API and the controller.

    FILE is a file, a directory or "-" for standard input. Findings go to standard output, a summary of what was checked to standard error.

    \b
    Exit codes:
      0  everything that was checked is valid; there may be warnings
      1  at least one error
      2  an input cannot be used, or holds nothing to check

    \b
    Examples:
      model-controller validate model.yaml
      model-controller validate models/ -o json
      kubectl get models -A -o yaml | model-controller validate -
    """
    inputs = read_models(files)
    found = [
        (file, document, finding)
        for file, document, front in progress(inputs.models, "checked")
        for finding in validate(document, ValidationOptions(hostpath_prefixes, front.dialect or dialect), front)
    ]
    found += duplicates(inputs.models)
    if output == "json":
        click.echo(json.dumps([record(*row) for row in found], indent=2))
    else:
        for row in found:
            click.echo(line(*row))
    errors = sum(finding.level == "error" for _, _, finding in found)
    if inputs.models or not inputs.unusable:
        click.echo(summary(inputs, errors, len(found) - errors), err=True)
    raise SystemExit(2 if inputs.unusable or not inputs.models else 1 if errors else 0)


def duplicates(inputs: Iterable[Input]) -> list[tuple[str, Object, Finding]]:
    """An error for each object whose kind, namespace and name an earlier one has: applied together, only the last would remain."""
    first: dict[tuple[str, str, str], str] = {}
    found = []
    for file, document, front in inputs:
        key = (front.resource.kind, meta.namespace_of(document) or "", meta.name_of(document))
        if (earlier := first.get(key)) is not None and key[-1]:
            where = "earlier in this file" if earlier == file else f"in {earlier}"
            found.append(
                (file, document, tolerated("metadata.name", f"the same {key[0]} is {where}", Rule.DUPLICATE_OBJECT))
            )
        first.setdefault(key, file)
    return found


def summary(inputs: Inputs, errors: int, warnings: int) -> str:
    """A summary of the check, in one line."""
    if not inputs.models:
        return inputs.nothing("checked")
    kinds = Counter(model.front.resource.kind for model in inputs.models)
    what = " and ".join(_count(number, kind) for kind, number in kinds.items())
    return f"checked {what} in {_count(inputs.files, 'file')}: {_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def record(file: str, model: Object, finding: Finding) -> dict[str, Any]:
    """One finding for tools."""
    return {
        "file": file,
        "name": meta.name_of(model),
        "path": finding.path,
        "message": finding.message,
        "level": finding.level,
        "rule": finding.rule,
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
