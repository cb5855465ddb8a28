"""The public surface of every package: what its ``__init__`` re-exports, under the same name, as ``from … import X as X``."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import controller

ROOT = Path(controller.__file__).parent
PACKAGES = sorted(module.name for module in pkgutil.walk_packages(controller.__path__, "controller.") if module.ispkg)


def tree_of(package: str) -> ast.Module:
    path = ROOT.joinpath(*package.split(".")[1:], "__init__.py")
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(package: str) -> list[ast.alias]:
    return [alias for node in tree_of(package).body if isinstance(node, ast.ImportFrom) for alias in node.names]


def offered(package: str) -> dict[str, object]:
    """The public names of a package with their values."""
    module = importlib.import_module(package)
    names = [alias.asname for alias in imported(package) if alias.asname is not None]
    names += [node.name for node in tree_of(package).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return {name: getattr(module, name) for name in names if not name.startswith("_")}


@pytest.mark.parametrize("package", PACKAGES)
def test_an_init_has_one_list_of_public_names(package: str):
    """``X as X``, under the same name; an ``__all__`` would be a second list. An ``__init__`` without code imports nothing else."""
    body = tree_of(package).body
    assert not any(isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in body)
    assert all(alias.asname in (None, alias.name) for alias in imported(package))
    if not any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign) for node in body):
        assert all(alias.asname is not None for alias in imported(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_says_what_it_is(package: str):
    """A package and the classes and functions that it offers have docstrings."""
    assert importlib.import_module(package).__doc__
    for name, value in offered(package).items():
        if isinstance(value, type) or (inspect.isfunction(value) and "<locals>" not in value.__qualname__):
            assert value.__doc__, f"{package}.{name}"


def test_no_two_public_classes_share_a_name():
    """One name, one meaning, in all packages together."""
    homes: dict[str, set[str]] = {}
    for package in PACKAGES:
        for name, value in offered(package).items():
            if isinstance(value, type):
                homes.setdefault(name, set()).add(f"{value.__module__}.{value.__qualname__}")
    assert {name: sorted(found) for name, found in homes.items() if len(found) > 1} == {}
