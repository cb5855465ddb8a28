"""Options shared by the commands. Every flag can also be given as ``MODEL_CONTROLLER_<FLAG>``; the flag wins."""

import math
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
PROGRAM = "model-controller"
DIALECT_NAMES = ("e4fb6663", "v1")
"""Those of ``controller.dialects``, which takes longer to import than a help text may."""
DISTRIBUTION = "kthena-model-controller"
VARIABLE_PREFIX = "MODEL_CONTROLLER_"


def version() -> str:
    """The installed version, or ``0.0.0+source`` when running from sources that were never installed."""
    try:
        return installed_version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0.0.0+source"


class _Number(click.FloatRange):
    """A finite number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


class Whole(click.IntRange):
    """A whole number in a range; the message says the range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number. Raises BadParameter with one sentence."""
        try:
            number = int(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        converted: int = super().convert(number, param, ctx)
        return converted


class _Matching(click.ParamType):  # type: ignore[type-arg] # generic for type checkers only
    """A text of one form; ``what`` says in the message which one."""

    def __init__(self, pattern: str, what: str) -> None:
        self.name = "text"
        self._pattern, self._what = re.compile(pattern), what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._pattern.fullmatch(value):
            self.fail(f"{value!r} is not {self._what}.", param, ctx)
        return str(value)


class _DialectName(click.ParamType):  # type: ignore[type-arg] # generic for type checkers only
    """The name of a dialect, as the dialect. The types behind it are imported only by commands that are run with one."""

    name = "dialect"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return f"[{'|'.join(DIALECT_NAMES)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from controller.dialects import DIALECTS, Dialect

        if isinstance(value, Dialect):
            return value
        if value not in DIALECTS:
            self.fail(f"{value!r} is not one of {', '.join(DIALECTS)}.", param, ctx)
        return DIALECTS[value]


class FamilyName(click.ParamType):  # type: ignore[type-arg] # generic for type checkers only
    """``auto`` or the name of a dialect."""

    name = "family"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The choices."""
        return f"[auto|{'|'.join(DIALECT_NAMES)}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        if value not in ("auto", *DIALECT_NAMES):
            self.fail(f"{value!r} is not auto or one of {', '.join(DIALECT_NAMES)}.", param, ctx)
        return str(value)


class _Shard(click.ParamType):  # type: ignore[type-arg] # generic for type checkers only
    """``INDEX/COUNT``."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from controller.meta.shards import Shard

        try:
            return value if isinstance(value, Shard) else Shard.parse(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


SHARD = _Shard()
_LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
SECONDS = _Number(min=0, min_open=True)
NOT_NEGATIVE = _Number(min=0)
NAMESPACE = _Matching(_LABEL, "the name of a namespace")
OBJECT_NAME = _Matching(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", "the name of an object")
IMAGE = _Matching(r"\S+", "the name of an image")
_DIRECTORY = _Matching(r"(?!.*/\.\.(/|$))/.*", "an absolute path without '..'")


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """``click.option`` with the flag's environment variable, named after the first long name and shown in the help."""
    flag = next(name for name in names if name.startswith("--")).split("/")[0]
    settings.setdefault("envvar", VARIABLE_PREFIX + flag.removeprefix("--").replace("-", "_").upper())
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
        type=click.Path(),
        default=None,
        help="Path of a kubeconfig file. [default: $KUBECONFIG, ~/.kube/config, in-cluster]",
    ),
    option("--context", default=None, help="Context of the kubeconfig to use. [default: its current one]"),
)


def dialect_option_with(default: str) -> Callable[[F], F]:
    """``--dialect``, where this one is meant when it is left out."""
    return option(
        "--dialect",
        "dialect",
        type=_DialectName(),
        default=default,
        help="Family of Kthena's API: of September 2025 (ModelInfer), or v1 as released today (ModelServing).",
    )


dialect_option = dialect_option_with("e4fb6663")

image_options = combined(
    option(
        "--downloader-image",
        type=IMAGE,
        default=None,
        help="Image of the download init containers. [default: the dialect's]",
    ),
    option("--runtime-image", type=IMAGE, default=None, help="Image of the runtime sidecar. [default: the dialect's]"),
)

documents_option = option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    help="A YAML stream, or one JSON List for kubectl.",
)
"""``--output`` of commands that print documents."""

hostpath_option = option(
    "--hostpath-prefix",
    "hostpath_prefixes",
    type=_DIRECTORY,
    multiple=True,
    help="Host directory that hostpath:// caches must be under; repeatable. [default: anywhere]",
)

log_options = combined(
    option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        help="Lowest level that is logged.",
    ),
    option(
        "--log-format",
        type=click.Choice(["json", "console"]),
        default="json",
        help="One JSON object a line, or text for people.",
    ),
)
