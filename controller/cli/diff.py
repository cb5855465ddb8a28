"""``diff``: what the controller would do to the children in a cluster, and why."""

import asyncio
import difflib
from collections.abc import Mapping
from typing import Any

import click

from controller import meta
from controller.api.documents import dump_documents
from controller.api.kinds import MODEL
from controller.api.model import Model
from controller.cli.app import Unusable
from controller.cli.inputs import Inputs, read_models
from controller.cli.options import NAMESPACE, cluster_options, hostpath_option, image_options, option, version_option
from controller.cli.render import placed
from controller.cli.validate import line
from controller.client import Client, ConfigError, load_config
from controller.dialects import E4FB6663
from controller.meta import Object
from controller.meta.errors import ApiError, NotFound
from controller.reconcilers.live import read_children
from controller.reconcilers.plan import Create, Delete, Keep, Patch, Plan, Recreate, Refuse, Step, Wait, plan
from controller.reconcilers.reconciler import is_paused
from controller.render import RenderOptions, render
from controller.validation import ValidationOptions, validate

_NOISE = ("managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink")
_COLORS = {"+": "green", "-": "red", "@": "cyan"}


@click.command("diff")
@version_option
@click.argument("files", type=click.Path(allow_dash=True), metavar="FILE...", nargs=-1, required=True)
@option(
    "-n",
    "--namespace",
    type=NAMESPACE,
    default=None,
    help="Namespace of Models that name none. [default: the context's]",
)
@image_options
@hostpath_option
@cluster_options
def diff_command(
    files: tuple[str, ...],
    namespace: str | None,
    downloader_image: str | None,
    runtime_image: str | None,
    hostpath_prefixes: tuple[str, ...],
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show what the controller would do to the children of Models, and why.

    FILE is a file, a directory or "-" for standard input. Nothing is written.

    \b
    Exit codes:
      0  nothing to do
      1  differences
      2  an input cannot be used, or the cluster cannot be read

    \b
    Examples:
      model-controller diff model.yaml
      model-controller diff models/ --context staging
    """
    inputs = read_models(files)
    for file, document, front in inputs.models:
        for finding in validate(document, ValidationOptions(hostpath_prefixes=hostpath_prefixes), front):
            click.echo(line(file, document, finding), err=True)
            inputs.unusable = inputs.unusable or finding.terminal
    if inputs.unusable:
        raise SystemExit(2)
    try:
        different = asyncio.run(
            _diff(inputs, namespace, RenderOptions.of(E4FB6663, downloader_image, runtime_image), kubeconfig, context)
        )
    except ConfigError as error:
        raise Unusable(str(error)) from None
    except ApiError as error:
        raise Unusable(f"the API server returned an error: {error}") from None
    raise SystemExit(1 if different else 0)


async def _diff(
    inputs: Inputs, namespace: str | None, options: RenderOptions, kubeconfig: str | None, context: str | None
) -> bool:
    config = await load_config(kubeconfig, context)
    different = False
    async with await Client.connect(config) as client:
        for _, document, front in inputs.models:
            model = await _as_if_applied(client, placed(document, namespace or config.namespace or "default", front))
            different |= await _diff_one(client, model, options)
    return different


async def _diff_one(client: Client, model: Object, options: RenderOptions) -> bool:
    """Prints what a pass would do for this Model; whether that is anything."""
    namespace, where = meta.namespace_of(model), f"Model {meta.key_of(model)}"
    if is_paused(model):
        click.secho(f"keep {where}: it is paused; nothing is written", bold=True)
        return False
    live = await read_children(client, namespace)
    for resource in live.missing:
        click.echo(f"{resource.kind} ({resource.api_version}) is not installed in this cluster", err=True)
    parsed = Model.from_object(model)
    children = render(parsed, options)
    planned = plan(parsed, children, live.observer.snapshot(model, children))
    for step in shown_steps(planned):
        _show(namespace, step)
    return any(not isinstance(step, Keep) for step in planned.steps.values())


async def _as_if_applied(client: Client, document: Object) -> Object:
    """The Model as it would be after this document was applied.

    It has the identity and status of the live one, its labels and annotations where the document does not set them, and the next
    generation if its spec differs.
    """
    try:
        live = await client.get(MODEL, meta.name_of(document), meta.namespace_of(document))
    except NotFound:
        return document
    generation = meta.generation_of(live) + (not meta.covers(meta.spec_of(live), meta.spec_of(document)))
    metadata = {
        **meta.metadata_of(document),
        "labels": {**meta.labels_of(live), **meta.labels_of(document)},
        "annotations": {**meta.annotations_of(live), **meta.annotations_of(document)},
        "uid": meta.uid_of(live),
        "generation": generation,
    }
    return {**document, "metadata": metadata, "status": meta.status_of(live)}


def shown_steps(planned: Plan) -> list[Step]:
    """The steps worth printing: everything but children that are as desired; deletions last."""
    steps = [step for step in planned.steps.values() if not isinstance(step, Keep) or step.held]
    return sorted(steps, key=lambda step: isinstance(step, Delete))


_VERBS = {
    Create: "create",
    Patch: "update",
    Recreate: "recreate",
    Delete: "delete",
    Keep: "keep",
    Wait: "wait",
    Refuse: "conflict",
}


def _show(namespace: str, step: Step) -> None:
    where = f"{step.kind} {namespace}/{step.name}"
    fields = ", ".join(step.fields) if isinstance(step, Patch | Recreate) else ""
    needs = ", ".join(map(str, step.needs)) if isinstance(step, Wait) else ""
    why = fields if isinstance(step, Patch) else ": ".join(part for part in (step.reason, fields or needs) if part)
    click.secho(f"{_VERBS[type(step)]} {where}: {why}", bold=True)
    before, after = _sides(step)
    for text in difflib.unified_diff(_lines(before), _lines(after), f"live {where}", f"wanted {where}", lineterm=""):
        click.secho(text, fg=_COLORS.get(text[:1]))


def _sides(step: Step) -> tuple[Object | None, Object | None]:
    """The object before and after a step."""
    match step:
        case Create():
            return None, step.desired
        case Patch():
            return step.live, meta.merge_patch(dict(step.live), step.patch)
        case Recreate():
            return step.live, step.desired
        case Delete():
            return step.live, None
        case Keep() | Wait() | Refuse():
            return step.live, step.live


def _lines(obj: Object | None) -> list[str]:
    if obj is None:
        return []
    metadata = {key: value for key, value in meta.metadata_of(obj).items() if key not in _NOISE}
    shown: Mapping[str, Any] = {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}
    return dump_documents([dict(shown)]).splitlines()
