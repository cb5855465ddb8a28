"""``render``: the children of Models, without a cluster."""

import json
from typing import Any, cast

import click

from controller import meta
from controller.api.documents import dump_documents
from controller.api.model import Model
from controller.cli.app import Unusable
from controller.cli.inputs import read_models
from controller.cli.options import (
    NAMESPACE,
    dialect_option,
    documents_option,
    hostpath_option,
    image_options,
    option,
    version_option,
)
from controller.cli.progress import progress
from controller.cli.validate import line
from controller.dialects import Dialect
from controller.fronts import Front
from controller.meta import Object, schema
from controller.render import RenderOptions, render
from controller.validation import ValidationOptions, validate

NO_UID = "00000000-0000-0000-0000-000000000000"


@click.command("render")
@version_option
@click.argument("files", type=click.Path(allow_dash=True), metavar="FILE...", nargs=-1, required=True)
@documents_option
@option("-n", "--namespace", type=NAMESPACE, default="default", help="Namespace of Models that name none.")
@dialect_option
@image_options
@hostpath_option
def render_command(
    files: tuple[str, ...],
    output: str,
    namespace: str,
    dialect: Dialect,
    downloader_image: str | None,
    runtime_image: str | None,
    hostpath_prefixes: tuple[str, ...],
) -> None:
    """Print the children of Models and ModelBoosters, without a cluster.

    FILE is a file, a directory or "-" for standard input. Children of a ModelBooster are always in the dialect v1.

    \b
    Exit codes:
      0  all rendered
      1  some Model is invalid; the valid ones are printed
      2  an input cannot be used, or holds nothing to render

    \b
    Examples:
      model-controller render model.yaml
      model-controller render models/ --dialect v1 -o json
      model-controller render model.yaml | kubectl diff -f -
    """
    inputs = read_models(files)
    children: list[dict[str, Any]] = []
    invalid = False
    for file, document, front in progress(inputs.models, "rendered"):
        findings = validate(document, ValidationOptions(hostpath_prefixes, front.dialect or dialect), front)
        for finding in findings:
            click.echo(line(file, document, finding), err=True)
        if any(finding.terminal for finding in findings):
            invalid = True
        else:
            model = front.model(placed(document, namespace, front))
            options = RenderOptions.of(front.dialect or dialect, downloader_image, runtime_image)
            children.extend(render(Model.from_object(model, front.resource), options))
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": children}, indent=2))
    elif children:
        click.echo(dump_documents(children), nl=False)
    if not inputs.models and not inputs.unusable:
        raise Unusable(inputs.nothing("rendered"))
    raise SystemExit(2 if inputs.unusable else 1 if invalid else 0)


def placed(document: Object, namespace: str, front: Front) -> Object:
    """The object as it would be in a cluster: in a namespace, with a uid, and without fields that its CRD does not know."""
    metadata = dict(meta.metadata_of(document))
    metadata["namespace"] = meta.namespace_of(document) or namespace
    metadata["uid"] = meta.uid_of(document) or NO_UID
    known, _ = schema.prune({**document, "metadata": metadata}, front.schema())
    return cast("Object", known)
