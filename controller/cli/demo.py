"""``demo``: an embedded API server, the controller and simulated workloads, live in the terminal."""

import asyncio

import click

from controller.cli.app import Failure, Unusable
from controller.cli.inputs import read_models
from controller.cli.options import NOT_NEGATIVE, SECONDS, dialect_option_with, option, version_option
from controller.dialects import Dialect


@click.command()
@version_option
@click.argument("files", type=click.Path(allow_dash=True), metavar="[FILE...]", nargs=-1)
@option("--exit", "leave", is_flag=True, help="Exit once all Models are Active.")
@option(
    "--timeout",
    type=SECONDS,
    default=120.0,
    help="Seconds that a step, or all Models, may take.",
)
@option("--delay", type=NOT_NEGATIVE, default=1.0, help="Seconds a simulated workload takes to start, and of a pause.")
@dialect_option_with("v1")
def demo(files: tuple[str, ...], leave: bool, timeout: float, delay: float, dialect: Dialect) -> None:
    """Show the controller at work, without a cluster.

    Without FILE: the story of one Model (a canary, an adapter, a deleted child, a failure), and then the shipped samples. With FILE, a file
    or a directory with Models: those. The children are those of today's Kthena. Uses only ports on 127.0.0.1.

    \b
    Exit codes:
      0  all Models became Active
      1  they did not, or not in time
      2  an input cannot be used

    \b
    Examples:
      model-controller demo
      model-controller demo --exit model.yaml
      model-controller demo --dialect e4fb6663
    """
    from rich.console import Console

    from controller.api.samples import sample_paths
    from controller.demo.session import DemoFailure, run_demo
    from controller.runtime import configure_logging

    configure_logging(level="error", format="console")
    inputs = read_models(files or [str(path) for path in sample_paths()])
    if inputs.unusable:
        raise SystemExit(2)
    if not inputs.models:
        raise Unusable("there is no Model in the given files")
    try:
        models = [entry.document for entry in inputs.models]
        console = Console(highlight=False)
        asyncio.run(
            run_demo(models, dialect, story=not files, console=console, leave=leave, timeout=timeout, delay=delay)
        )
    except DemoFailure as error:
        raise Failure(str(error)) from None
    except KeyboardInterrupt:
        pass
