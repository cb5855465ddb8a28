"""The import contracts cover what they are for: every module that calls itself pure, and every package of the framework."""

import ast
import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
PRODUCT = (
    "api",
    "cli",
    "convert",
    "demo",
    "dialects",
    "fronts",
    "lora",
    "reconcilers",
    "render",
    "validation",
    "views",
)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_pure(path: Path) -> bool:
    """Whether the module's docstring says so, as a word that begins a sentence."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return any(sentence.lstrip().startswith("Pure") for sentence in text.replace("\n", " ").split(". "))


PURE = sorted(module_name(path) for path in (ROOT / "controller").rglob("*.py") if is_pure(path))


@pytest.mark.parametrize("module", PURE)
def test_a_module_that_calls_itself_pure_stands_in_a_contract(module: str):
    """Itself or a package that it lies in."""
    covered = [
        name for contract in CONTRACTS if "ure" in contract["name"] for name in contract.get("source_modules", ())
    ]
    assert any(module == name or module.startswith(f"{name}.") for name in covered)


def test_every_package_of_the_framework_is_blind_to_models():
    """A package is the product's, or stands in the contract; a new one has to choose."""
    (contract,) = (each for each in CONTRACTS if each["name"] == "The framework does not know what a Model is")
    packages = {path.parent.name for path in (ROOT / "controller").glob("*/__init__.py")}
    assert {name.removeprefix("controller.") for name in contract["source_modules"]} == packages - set(PRODUCT)
    assert {name.removeprefix("controller.") for name in contract["forbidden_modules"]} == set(PRODUCT)


def test_contracts_name_modules_that_exist():
    """A renamed module does not fall out of its contract unseen."""
    for contract in CONTRACTS:
        for key in ("source_modules", "modules", "layers"):
            names = [part.strip() for entry in contract.get(key, ()) for part in entry.split("|")]
            assert [name for name in names if importlib.util.find_spec(name) is None] == []
