"""``status``: the Models of a cluster at a glance."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.live import Live
from rich.measure import Measurement

from controller import meta
from controller.api.kinds import MODEL, MODEL_INFER
from controller.cli.app import Failure, Unusable
from controller.cli.options import NAMESPACE, cluster_options, option, version_option
from controller.client import Client, ConfigError, load_config
from controller.meta.errors import ApiError, NotFound
from controller.views.models import Row, model_rows, render_table

_REFRESH_SECONDS = 2.0
_WIDEST = 10_000


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
    """Show Models with their conditions, replicas and reasons.

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
        known = error.status.get("reason") == "NotFound" and name
        raise Failure(
            f"there is no Model {name!r}" if known else "the Model CRD is not installed in this cluster"
        ) from None
    except ApiError as error:
        raise Failure(f"the API server did not answer as hoped: {error}") from None
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
                rows = await _fetch(client, where, name)
                if live is not None:
                    live.update(render_table(rows, with_namespace=all_namespaces), refresh=True)
                elif shown != (shown := [replace(row, age=None) for row in rows]):
                    _show(console, rows, output, all_namespaces)
                if not watch:
                    return
                await asyncio.sleep(_REFRESH_SECONDS)


async def _fetch(client: Client, namespace: str | None, name: str | None) -> list[Row]:
    if name:
        models: Sequence[meta.Object] = [await client.get(MODEL, name, namespace)]
    else:
        models = (await client.list_all(MODEL, namespace)).items
    infers = (await client.list_all(MODEL_INFER, namespace)).items
    return model_rows(models, infers, datetime.now(UTC))


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
