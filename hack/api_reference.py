"""The reference of the framework's public names, from the packages themselves: signatures, and what their docstrings promise."""

import importlib
import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType
from typing import Any

PACKAGES = (
    "runtime",
    "client",
    "informers",
    "workqueue",
    "leaderelection",
    "metrics",
    "meta",
    "webhook",
    "envtest",
    "testing",
)
HEAD = """# Framework reference

The public names of the packages, generated from the code. A name that is not here is private and may change without notice. How to use
them: [the framework](../framework.md).
"""
ROLE = re.compile(r":\w+:`~?([^`]+)`|``([^`]+)``")


def page() -> str:
    """The whole page in Markdown."""
    packages = [f"controller.{name}" for name in PACKAGES if find_spec(f"controller.{name}") is not None]
    return "\n".join([HEAD, *(part for name in packages for part in package(name))])


def package(name: str) -> Iterator[str]:
    """A package with its public names, classes and functions first, constants last."""
    module = importlib.import_module(name)
    yield f"## `{name}`\n"
    yield f"{prose(module)}\n"
    for public in sorted(public_names(module), key=lambda found: (not callable(getattr(module, found)), found)):
        yield from entry(public, getattr(module, public))


def public_names(module: ModuleType) -> list[str]:
    """What ``__all__`` lists, or without it every name of the package that is not a module."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return list(listed)
    return [name for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)]


def entry(name: str, value: Any) -> Iterator[str]:
    """One name: a heading, its signature, its promise, and for a class its methods."""
    if not callable(value) or not hasattr(value, "__name__"):
        yield f"### `{name}`\n"
        return
    kind = "class" if inspect.isclass(value) else "async def" if inspect.iscoroutinefunction(value) else "def"
    yield f"### `{name}`\n"
    yield f"```python\n{kind} {name}{signature(value)}\n```\n"
    yield f"{prose(value)}\n"
    rows = list(methods(value)) if inspect.isclass(value) else []
    if rows:
        yield "| Member | Promise |\n|---|---|"
        yield from rows
        yield ""


def methods(cls: type) -> Iterator[str]:
    """A row for each public method and property that the class itself defines."""
    for name, member in vars(cls).items():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        shown = name if isinstance(member, property) else f"{name}{signature(function)}"
        cells = (f"`{shown}`", prose(function).partition("\n\n")[0])
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def signature(value: Any) -> str:
    """Parameters and result; short names of types, and no ``self``."""
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"
    text = re.sub(r"\bself, |\(self\)", lambda found: "()" if found[0] == "(self)" else "", text)
    text = re.sub(r"<(?:factory|object|function)[^>]*>", "...", text)
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])|'", "", text)


def prose(value: Any) -> str:
    """The docstring in Markdown."""
    return ROLE.sub(lambda found: f"`{found[1] or found[2]}`", inspect.cleandoc(value.__doc__ or ""))
