"""``status``: the Models of a cluster at a glance."""

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

import click
from rich.console import Console, Group
from rich.live import Live
from rich.measure import Measurement
from rich.text import Text

from controller import meta
from controller.api.annotations import DIALECT
from controller.api.kinds import MODEL, POD
from controller.cli.app import Failure, Unusable
from controller.cli.options import NAMESPACE, cluster_options, option, version_option
from controller.client import Client, ConfigError, load_config
from controller.dialects import DIALECTS, Dialect
from controller.fronts import FRONTS, Front, front_of
from controller.meta import Object, Resource
from controller.meta.errors import ApiError, Forbidden, NotFound
from controller.views.details import detail_lines, starts
from controller.views.models import Row, model_rows, render_table
from controller.views.warnings import last_warnings

_REFRESH_SECONDS = 2.0
_WIDEST = 10_000
Children = dict[Resource, Sequence[Object] | None]
_EVENT = Resource("", "v1", "events", "Event")
"""The core group's view of Events, which can be selected by what they are about."""


@click.command()
@version_option
@click.argument("name", required=False)
@option("-n", "--namespace", type=NAMESPACE, default=None, help="Namespace to look in. [default: the context's]")
@option("-A", "--all-namespaces", is_flag=True, help="Show the Models of all namespaces.")
@option(
    "-w",
    "--watch",
    is_flag=True,
    help="Keep showing until interrupted; without a terminal, whenever something has changed.",
)
@option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="A table, or JSON records.")
@cluster_options
def status(
    name: str | None,
    namespace: str | None,
    all_namespaces: bool,
    watch: bool,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show Models and ModelBoosters with their conditions, replicas and reasons.

    With a NAME also its backends, children and pods, and why a pod is stuck.

    \b
    Examples:
      model-controller status
      model-controller status chat -n team-a
      model-controller status --all-namespaces --watch
    """
    if name and all_namespaces:
        raise click.UsageError("a NAME cannot be looked up in all namespaces; give -n instead of -A")
    try:
        asyncio.run(_status(name, namespace, all_namespaces, watch, output, kubeconfig, context))
    except ConfigError as error:
        raise Unusable(str(error)) from None
    except NotFound as error:
        missing = not name or error.is_unknown_resource
        raise Failure(
            "the Model CRD is not installed in this cluster" if missing else f"there is no Model {name!r}"
        ) from None
    except ApiError as error:
        raise Failure(f"the API server returned an error: {error}") from None
    except KeyboardInterrupt:
        if not watch:
            raise


async def _status(
    name: str | None,
    namespace: str | None,
    all_namespaces: bool,
    watch: bool,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    config = await load_config(kubeconfig, context)
    where = None if all_namespaces else namespace or config.namespace or "default"
    console = Console(highlight=False)
    in_place = watch and output == "table" and console.is_terminal
    shown = None
    async with await Client.connect(config) as client:
        with Live(console=console, auto_refresh=False) if in_place else contextlib.nullcontext() as live:
            while True:
                models = await _models(client, where, name)
                rows = model_rows(models, datetime.now(UTC))
                details = await _details(client, models[0]) if name and output == "table" else []
                if live is not None:
                    live.update(_table(rows, details, all_namespaces), refresh=True)
                elif shown != (shown := ([replace(row, age=None) for row in rows], details)):
                    _show(console, rows, output, all_namespaces)
                    for line in details:
                        click.echo(line)
                if not watch:
                    return
                await asyncio.sleep(_REFRESH_SECONDS)


async def _models(client: Client, namespace: str | None, name: str | None) -> Sequence[Object]:
    found = await asyncio.gather(*(_of_front(client, front, namespace, name) for front in FRONTS))
    models = [model for part in found for model in part or ()]
    if not models and (name or all(part is None for part in found)):
        await (client.get(MODEL, name, namespace) if name else client.list_all(MODEL, namespace))
    return models


async def _of_front(client: Client, front: Front, namespace: str | None, name: str | None) -> list[Object] | None:
    """The objects of one front, as Models; None where the kind does not exist or may not be read."""
    objects = await _optional(client, front.resource, namespace)
    return None if objects is None else [front.model(obj) for obj in objects if name in (None, meta.name_of(obj))]


async def _optional(client: Client, resource: Resource, namespace: str | None) -> Sequence[Object] | None:
    """All objects of a kind; None where it does not exist or may not be read: a cluster has one family or several."""
    try:
        return (await client.list_all(resource, namespace)).items
    except (NotFound, Forbidden):
        return None


async def _details(client: Client, model: Object) -> list[str]:
    """The children and pods of one Model, in the family of its children; while it moves to another one, in both."""
    found = {dialect: await _children(client, model, dialect) for dialect in DIALECTS.values()}
    dialect = _family(model, found)
    children, where = found[dialect], meta.namespace_of(model)
    pods = await _pods(client, where, dialect, children)
    for other, left in found.items():
        if other is not dialect and left[other.workload]:
            children |= {kind: objects for kind, objects in left.items() if objects and kind not in children}
            pods += await _pods(client, where, other, left)
    warnings = await _warnings(client, where) if any(map(starts, pods)) else {}
    return list(detail_lines(model, children, pods, warnings))


def _family(model: Object, found: Mapping[Dialect, Children]) -> Dialect:
    """The one that the Model's front or annotation prescribes, else that of its workloads, else the oldest that is installed."""
    front = front_of(model, FRONTS)
    named = front.dialect if front and front.dialect else DIALECTS.get(meta.annotations_of(model).get(DIALECT, ""))
    if named is not None:
        return named
    of_workloads = (dialect for dialect, children in found.items() if children[dialect.workload])
    installed = (dialect for dialect, children in found.items() if children[dialect.workload] is not None)
    return next(chain(of_workloads, installed, found))


async def _pods(client: Client, namespace: str, dialect: Dialect, children: Children) -> list[Object]:
    """The pods of the workloads."""
    names = ",".join(map(meta.name_of, children[dialect.workload] or ()))
    selector = f"{dialect.pod_keys.name} in ({names})"
    return list((await client.list_all(POD, namespace, label_selector=selector)).items) if names else []


async def _warnings(client: Client, namespace: str) -> dict[str, str]:
    """The last warning about each pod of a namespace; none where Events may not be read."""
    try:
        page = await client.list_all(_EVENT, namespace, field_selector="involvedObject.kind=Pod,type=Warning")
    except Forbidden:
        return {}
    return last_warnings(page.items)


async def _children(client: Client, model: Object, dialect: Dialect) -> Children:
    """The Model's children in a dialect by kind; None for a kind that is not installed."""
    children: Children = {}
    for resource in dialect.children:
        try:
            objects = (await client.list_all(resource, meta.namespace_of(model))).items
        except NotFound:
            children[resource] = None
        else:
            children[resource] = [obj for obj in objects if meta.is_controlled_by(obj, meta.uid_of(model))]
    return children


def _table(rows: list[Row], details: list[str], with_namespace: bool) -> Group:
    return Group(render_table(rows, with_namespace=with_namespace), *map(Text, details))


def _show(console: Console, rows: list[Row], output: str, with_namespace: bool) -> None:
    if output == "json":
        click.echo(json.dumps([row.as_json() for row in rows], indent=2))
    elif rows:
        table = render_table(rows, with_namespace=with_namespace)
        whole = Measurement.get(console, console.options.update(width=_WIDEST), table).maximum
        console.width = max(console.width, whole)
        console.print(table, soft_wrap=True)
    else:
        click.echo("No Models found.", err=True)
