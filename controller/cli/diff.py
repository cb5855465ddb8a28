"""``diff``: what the controller would do to the children in a cluster, and why."""

import asyncio
import time
from typing import NamedTuple

import click

from controller import meta
from controller.api.annotations import DIALECT
from controller.api.kinds import CONFIG_MAP
from controller.api.model import Model
from controller.api.rules import Rule
from controller.cli.app import Unusable
from controller.cli.inputs import Inputs, read_models
from controller.cli.options import (
    NAMESPACE,
    cluster_options,
    dialect_option,
    hostpath_option,
    image_options,
    option,
    version_option,
)
from controller.cli.render import placed
from controller.cli.validate import line
from controller.client import Client, ConfigError, load_config
from controller.dialects import DIALECTS, Dialect
from controller.fronts import Front
from controller.meta import Object
from controller.meta.errors import ApiError, Forbidden, NotFound
from controller.reconcilers.discovery import cluster_version
from controller.reconcilers.live import read_children
from controller.reconcilers.plan import plan
from controller.reconcilers.reconciler import is_paused
from controller.reconcilers.settings import CONFIG_MAP_NAME, CONFIG_MAP_NAMESPACE, render_options
from controller.reconcilers.steps import Keep
from controller.render import RenderOptions, render
from controller.validation import ValidationOptions, validate
from controller.views.changes import changed_lines
from controller.views.interruptions import interruption_lines
from controller.views.steps import shown_steps, sides, step_line

_COLORS = {"+": "green", "-": "red"}


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
@option(
    "--config-map",
    default=f"{CONFIG_MAP_NAMESPACE}/{CONFIG_MAP_NAME}",
    metavar="NAMESPACE/NAME",
    help="ConfigMap with the settings of the controller that runs in the cluster.",
)
@dialect_option
@image_options
@hostpath_option
@cluster_options
def diff_command(
    files: tuple[str, ...],
    *,
    namespace: str | None,
    config_map: str,
    dialect: Dialect,
    downloader_image: str | None,
    runtime_image: str | None,
    hostpath_prefixes: tuple[str, ...],
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show what the controller would do to the children of Models and ModelBoosters, and why.

    FILE is a file, a directory or "-" for standard input. Nothing is written. A Model that names its
    dialect in an annotation is compared in that one, a ModelBooster in v1, every other Model in --dialect.
    A change that interrupts requests is announced on standard error.

    \b
    Exit codes:
      0  nothing to do
      1  differences
      2  an input cannot be used or holds nothing to compare, or the cluster cannot be read

    \b
    Examples:
      model-controller diff model.yaml
      model-controller diff models/ --context staging
    """
    inputs = read_models(files)
    for file, document, front in inputs.models:
        for finding in validate(document, ValidationOptions(hostpath_prefixes, front.dialect or dialect), front):
            click.echo(line(file, document, finding), err=True)
            inputs.unusable = inputs.unusable or finding.terminal
    if inputs.unusable:
        raise SystemExit(2)
    if not inputs.models:
        raise Unusable(inputs.nothing("compared"))
    try:
        settings = _Settings(dialect, config_map, downloader_image, runtime_image)
        different = asyncio.run(_diff(inputs, namespace, settings, kubeconfig, context))
    except ConfigError as error:
        raise Unusable(str(error)) from None
    except ApiError as error:
        raise Unusable(f"the API server returned an error: {error}") from None
    raise SystemExit(1 if different else 0)


class _Settings(NamedTuple):
    """The dialect of Models that name none, where the operator's settings are, and the images that win over them."""

    dialect: Dialect
    config_map: str
    downloader: str | None
    runtime: str | None


async def _diff(
    inputs: Inputs, namespace: str | None, settings: _Settings, kubeconfig: str | None, context: str | None
) -> bool:
    config = await load_config(kubeconfig, context)
    different = False
    async with await Client.connect(config) as client:
        config_map = await _config_map(client, settings.config_map)
        version = await cluster_version(client)
        for _, document, front in inputs.models:
            stored = placed(document, namespace or config.namespace or "default", front)
            model = front.model(await _as_if_applied(client, stored, front))
            named = DIALECTS.get(str(meta.annotations_of(model).get(DIALECT)))
            spoken = front.dialect or named or settings.dialect
            options = render_options(spoken, config_map, settings.downloader, settings.runtime)
            for finding in validate(document, ValidationOptions(dialect=spoken, kubernetes=version), front):
                if finding.rule is Rule.IMAGE_VOLUME:
                    click.echo(line("cluster", document, finding), err=True)
            different |= await _diff_one(client, model, front, options)
    return different


async def _diff_one(client: Client, model: Object, front: Front, options: RenderOptions) -> bool:
    """Prints what a pass would do for this Model; whether that is anything."""
    namespace, where = meta.namespace_of(model), f"{front.resource.kind} {meta.key_of(model)}"
    if is_paused(model):
        click.secho(f"keep {where}: reconciliation is paused", bold=True)
        return False
    live = await read_children(client, namespace, options.dialect)
    for resource in live.missing:
        what = f"{resource.kind} ({resource.api_version})"
        click.echo(f"{what} is not installed in this cluster: its objects cannot be created", err=True)
    if live.blind:
        click.echo(f"Pods of namespace {namespace} may not be read: they are taken to be none", err=True)
    parsed = Model.from_object(model, front.resource)
    children = render(parsed, options)
    snapshot = live.observer.snapshot(model, children)
    planned = plan(parsed, children, snapshot, options.dialect, now=time.time())
    for sentence in interruption_lines(planned):
        click.secho(sentence, fg="yellow", err=True)
    for step in shown_steps(planned):
        click.secho(step_line(step, namespace), bold=True)
        for text in changed_lines(*sides(step)):
            click.secho(text, fg=_COLORS.get(text[:1]))
    return any(not isinstance(step, Keep) for step in planned.steps.values())


async def _config_map(client: Client, where: str) -> Object | None:
    """The operator's settings; None where there are none, or none that may be read."""
    namespace, _, name = where.rpartition("/")
    try:
        return await client.get(CONFIG_MAP, name, namespace or CONFIG_MAP_NAMESPACE)
    except NotFound:
        return None
    except Forbidden:
        click.echo(f"ConfigMap {where} may not be read: the default images are compared", err=True)
        return None


async def _as_if_applied(client: Client, document: Object, front: Front) -> Object:
    """The Model as it would be after this document was applied.

    It has the identity and status of the live one, its labels and annotations where the document does not set them, and the next
    generation if its spec differs.
    """
    try:
        live = await client.get(front.resource, meta.name_of(document), meta.namespace_of(document))
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
