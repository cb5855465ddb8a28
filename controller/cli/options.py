"""Options shared by the commands. Every flag can also be given as ``MODEL_CONTROLLER_<FLAG>``; the flag wins."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
PROGRAM = "model-controller"


def version() -> str:
    """The installed version, or ``0.0.0+source`` when running from sources that were never installed."""
    try:
        return installed_version(PROGRAM)
    except PackageNotFoundError:
        return "0.0.0+source"


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """``click.option`` with the flag's environment variable, named after the first long name and shown in the help."""
    flag = next(name for name in names if name.startswith("--")).split("/")[0]
    settings.setdefault("envvar", "MODEL_CONTROLLER_" + flag.removeprefix("--").replace("-", "_").upper())
    settings.setdefault("show_default", settings.get("default") not in (None, (), ""))
    return click.option(*names, **settings)


def combined(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """One decorator that applies several, so that they show in the order written."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


version_option = click.version_option(version(), prog_name=PROGRAM)

cluster_options = combined(
    option(
        "--kubeconfig",
        default=None,
        help="Path of a kubeconfig file. [default: $KUBECONFIG, ~/.kube/config, in-cluster]",
    ),
    option("--context", default=None, help="Context of the kubeconfig to use. [default: its current one]"),
)

image_options = combined(
    option(
        "--downloader-image",
        default=None,
        help="Image of the download init containers. [default: kthena/downloader:latest]",
    ),
    option("--runtime-image", default=None, help="Image of the runtime sidecar. [default: kthena/runtime:latest]"),
)

hostpath_option = option(
    "--hostpath-prefix",
    "hostpath_prefixes",
    multiple=True,
    help="Host directory below which hostpath:// caches may lie; repeatable. [default: anywhere]",
)

log_options = combined(
    option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="Least severe level logged.",
    ),
    option(
        "--log-format",
        type=click.Choice(["json", "console"]),
        default="json",
        help="One JSON object a line, or text for people.",
    ),
)
