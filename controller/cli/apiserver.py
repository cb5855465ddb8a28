"""``apiserver``: the embedded API server alone, for trying things out with stock kubectl."""

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from controller.api.documents import DocumentError, load_documents
from controller.cli.app import Failure, Unusable
from controller.cli.options import option, version_option
from controller.meta import Object
from controller.meta.errors import ApiError


@click.command()
@version_option
@option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; 0 picks a free one.")
@option(
    "--crds",
    type=click.Path(),
    default=(),
    multiple=True,
    help="File or directory of CustomResourceDefinitions to install; repeatable.",
)
@option(
    "--kubeconfig-out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write a kubeconfig for it here.",
)
@option(
    "--persist",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Load the data from this file and save them to it.",
)
@option("--skip-rules", is_flag=True, help="Do not evaluate the CEL rules of CRDs.")
def apiserver(
    port: int, crds: tuple[str, ...], kubeconfig_out: Path | None, persist: Path | None, skip_rules: bool
) -> None:
    """Run the embedded API server until it is stopped.

    It keeps everything in memory; without --persist all data is lost when it exits.

    \b
    Examples:
      model-controller apiserver --crds config/crd/bases --kubeconfig-out /tmp/kubeconfig
      kubectl --kubeconfig /tmp/kubeconfig get models
    """
    definitions = list(read_crds(crds))
    if kubeconfig_out is not None:
        _spare(kubeconfig_out)
    if persist is not None:
        _check_writable(persist)
    try:
        asyncio.run(_serve(port, definitions, kubeconfig_out, persist=persist, skip_rules=skip_rules))
    except ApiError as error:
        raise Unusable(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot listen on 127.0.0.1:{port}: {os.strerror(error.errno or 0).lower()}") from None


def read_crds(paths: Sequence[str]) -> Iterator[Object]:
    """The CustomResourceDefinitions in these files and directories; other kinds are skipped with a note, kustomizations silently."""
    for path in map(Path, paths):
        files = sorted(p for p in path.iterdir() if p.suffix in {".yaml", ".yml", ".json"}) if path.is_dir() else [path]
        for file in files:
            try:
                documents = load_documents(file.read_bytes(), str(file))
            except OSError as error:
                raise Unusable(f"{file}: {(error.strerror or str(error)).lower()}") from None
            except DocumentError as error:
                raise Unusable(str(error)) from None
            for document in documents:
                if document.get("kind") == "CustomResourceDefinition":
                    yield document
                elif document.get("kind") != "Kustomization":
                    click.echo(f"{file}: skipped {document.get('kind')}: not a CustomResourceDefinition", err=True)


def _spare(kubeconfig: Path) -> None:
    """Raises Unusable when something else than an earlier kubeconfig of this command lies where one is to be written."""
    try:
        documents = load_documents(kubeconfig.read_bytes(), str(kubeconfig)) if kubeconfig.exists() else []
        ours = all(document.get("current-context") == "envtest" for document in documents)
    except (OSError, DocumentError):
        ours = False
    if not ours:
        raise Unusable(f"{kubeconfig} is not replaced: another command wrote it; give another path")


def _check_writable(file: Path) -> None:
    """Raises Unusable when the data could not be saved in the end."""
    if not file.parent.is_dir():
        raise Unusable(f"{file} cannot be written: {file.parent} is not a directory")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise Unusable(f"{file} cannot be written: permission denied")


async def _serve(
    port: int, crds: Sequence[Object], kubeconfig_out: Path | None, *, persist: Path | None, skip_rules: bool
) -> None:
    from controller.envtest import can_evaluate_rules, write_kubeconfig
    from controller.envtest.embedded.persistence import PersistenceError
    from controller.envtest.embedded.server import EmbeddedServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if not skip_rules and not can_evaluate_rules():
        skip_rules = True
        click.echo("CEL rules of CRDs are not evaluated: common-expression-language is not installed", err=True)
    try:
        server = EmbeddedServer(crds=crds, port=port, skip_rules=skip_rules, persist=persist)
    except PersistenceError as error:
        raise Unusable(str(error)) from None
    await server.start()
    try:
        click.echo(f"serving on {server.url}")
        if kubeconfig_out is not None:
            try:
                write_kubeconfig(kubeconfig_out, server.url)
            except OSError as error:
                raise Unusable(
                    f"{kubeconfig_out} cannot be written: {(error.strerror or str(error)).lower()}"
                ) from None
            click.echo(f"try: kubectl --kubeconfig {kubeconfig_out} api-resources")
        await stop.wait()
    finally:
        await server.stop()
