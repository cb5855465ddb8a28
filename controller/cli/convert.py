"""``convert``: objects of one family as those of another, without a cluster."""

import json
from collections.abc import Callable

import click

from controller import meta
from controller.api.annotations import DIALECT
from controller.api.documents import dump_documents
from controller.cli.inputs import Inputs, read_documents
from controller.cli.options import documents_option, option, version_option
from controller.cli.validate import printable
from controller.convert import Converted, Note, to_booster, to_dialect, to_model
from controller.convert.boosters import is_model
from controller.dialects import DIALECTS
from controller.fronts import BOOSTER, FRONTS, front_of
from controller.meta import Object


@click.command("convert")
@version_option
@click.argument("files", type=click.Path(allow_dash=True), metavar="FILE...", nargs=-1, required=True)
@option(
    "--to",
    "target",
    type=click.Choice(["model", "booster", *DIALECTS]),
    required=True,
    help="Models, ModelBoosters, or the children of a dialect.",
)
@documents_option
def convert_command(files: tuple[str, ...], target: str, output: str) -> None:
    """Convert ModelBoosters to Models and back, or children to another dialect.

    FILE is a file, a directory or "-" for standard input. Documents go to standard output, notes to standard error. Objects that the target
    does not concern are printed unchanged. A document that would lose something is not printed.

    \b
    Exit codes:
      0  nothing is lost
      1  something would be lost; the notes say what
      2  an input cannot be used, or nothing concerns the target

    \b
    Examples:
      model-controller convert --to model booster.yaml
      kubectl get modelinfers -o yaml | model-controller convert --to v1 -
    """
    inputs = Inputs()
    given = [*read_documents(files, inputs)]
    sources = {id(document): file for file, document in given}
    converted = _convert([document for _, document in given], target)
    lossy = {id(note.document) for note in converted.notes if note.lost}
    for note in converted.notes:
        click.echo(_line(sources.get(id(note.document), ""), note), err=True)
    if lossy:
        converted = _convert([document for _, document in given if id(document) not in lossy], target)
    _print(converted.documents, output)
    idle = not any(_concerns(document, target) for _, document in given)
    if idle and not inputs.unusable:
        click.echo(_nothing([document for _, document in given], target), err=True)
    raise SystemExit(2 if inputs.unusable or idle else 1 if lossy else 0)


def _nothing(documents: list[Object], target: str) -> str:
    """Why nothing was converted, and what to do about a Model that is meant for a dialect."""
    said = f"nothing was converted: no object in the given files concerns --to {target}"
    if target in DIALECTS and any(_concerns(document, "model") for document in documents):
        said += (
            f"; Models need no conversion: see `render --dialect {target}`, or set the annotation {DIALECT}: {target}"
        )
    return said


def _concerns(document: Object, target: str) -> bool:
    """Whether it can be converted, or is already of the target."""
    kinds = [front.resource for front in FRONTS]
    if target in DIALECTS:
        kinds = [resource for dialect in DIALECTS.values() for resource in dialect.children]
    named = (document.get("apiVersion"), document.get("kind"))
    return named in {(resource.api_version, resource.kind) for resource in kinds}


def _convert(documents: list[Object], target: str) -> Converted:
    if target in DIALECTS:
        return to_dialect(documents, DIALECTS[target])
    convert, concerns = _FRONTS[target]
    result = Converted()
    for document in documents:
        one = convert(document) if concerns(document) else Converted([document])
        result.documents += one.documents
        result.notes += one.notes
    return result


def _is_booster(document: Object) -> bool:
    return front_of(document, (BOOSTER,)) is not None


_FRONTS: dict[str, tuple[Callable[[Object], Converted], Callable[[Object], bool]]] = {
    "model": (to_model, _is_booster),
    "booster": (to_booster, is_model),
}


def _line(file: str, note: Note) -> str:
    mark = "lost: " if note.lost else ""
    what = f"{note.document.get('kind')} {meta.name_of(note.document) or '<unnamed>'}"
    return printable(f"{file}: {what}: {note.path}: {mark}{note.message}")


def _print(documents: list[Object], output: str) -> None:
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}, indent=2))
    elif documents:
        click.echo(dump_documents(documents), nl=False)
