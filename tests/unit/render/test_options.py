"""The tables of engine options: which one an image gets, and the script that writes them."""

import argparse
import importlib.util
import json
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from controller.render.options import image_version, option_table, versions_with

ROOT = Path(__file__).parents[3]
TABLES = sorted((ROOT / "controller/render/tables").glob("*.json"))


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("vllm/vllm-openai:v0.10.2", (0, 10, 2)),
        ("registry.example.com:5000/vllm:0.33.0-cu129@sha256:0a", (0, 33, 0)),
        ("quay.io/ascend/vllm-ascend:v0.10.0rc1", (0, 10, 0)),
        ("lmsysorg/sglang:v0.5", (0, 5, 0)),
        ("vllm/vllm-openai:latest", None),
        ("vllm/vllm-openai", None),
        ("registry.example.com:5000/vllm", None),
        ("vllm@sha256:0123", None),
        ("", None),
    ],
)
def test_the_version_of_an_image_is_that_of_its_tag(image: str, version: tuple[int, ...] | None) -> None:
    """A port is not a tag, and a digest says nothing."""
    assert image_version(image) == version


@pytest.mark.parametrize(
    ("tag", "swap_space", "nnodes", "named"),
    [
        ("v0.9.0", True, False, "0.9.0"),
        ("v0.10.2", True, False, "0.10.2"),
        ("v0.12.0", True, True, "0.12.0"),
        ("v0.19.1", False, True, "0.19.1"),
        ("v0.99.0", False, True, "0.99.0"),
        ("latest", False, True, ""),
    ],
)
def test_the_table_of_an_image(tag: str, swap_space: bool, nnodes: bool, named: str) -> None:
    """Below the oldest the oldest, above the newest the newest, between two everything that one of both knows."""
    table = option_table("vllm", f"vllm/vllm-openai:{tag}")
    assert (table.find("nnodes") is not None) == nnodes
    assert (table.find("swap-space") is not None) == swap_space
    assert table.version == named


def test_a_name_that_no_table_has_is_near_to_one_that_it_has() -> None:
    """And an abbreviation is the only name with that beginning."""
    table = option_table("vllm", "vllm:v0.33.0")
    assert table.nearest("max-model-length") == "max-model-len"
    assert table.nearest("qqqqqqqqqq") is None
    assert table.nearest("tp") == "tensor-parallel-size"
    option = table.abbreviated("tensor-parallel")
    assert option is not None
    assert option.name == "tensor-parallel-size"
    assert table.abbreviated("max") is None
    assert table.meanings("max-lo") == (
        "max-log-len",
        "max-logprobs",
        "max-lora-cls-labels",
        "max-lora-rank",
        "max-loras",
    )
    assert versions_with("vllm", "swap-space") == ("0.10.2", "0.11.2", "0.12.0", "0.15.1")


def test_what_only_one_neighbour_of_a_version_knows_is_doubtful() -> None:
    """A version with a table, or beyond all of them, has nothing doubtful."""
    between = option_table("vllm", "vllm:v0.17.0")
    assert "renderer-num-workers" in between.doubtful
    assert "max-model-len" not in between.doubtful
    assert between.find("renderer-num-workers") is not None
    for tag in ("v0.15.1", "v0.9.0", "v0.99.0", "latest"):
        assert option_table("vllm", f"vllm:{tag}").doubtful == frozenset()


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_is_well_formed(path: Path) -> None:
    """Named by engine and version, sorted, of known kinds and types, no name twice."""
    raw = json.loads(path.read_bytes())
    assert path.stem == f"{raw['engine']}-{raw['version']}"
    assert [row["names"] for row in raw["options"]] == sorted(row["names"] for row in raw["options"])
    assert {row["kind"] for row in raw["options"]} <= {"switch", "flag", "value", "optional", "list", "many", "repeat"}
    assert {row.get("type") for row in raw["options"]} <= {None, "int", "float", "size", "text", "json", "any"}
    names = [name for row in raw["options"] for name in (*row["names"], *row.get("off", ()))]
    assert len(names) == len(set(names))


@pytest.fixture(name="generator", scope="module")
def the_generator() -> ModuleType:
    loader = SourceFileLoader("generate_engine_table", str(ROOT / "hack/generate-engine-table"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_generator_reads_a_parser(generator: ModuleType) -> None:
    """Every kind of option and type, as argparse holds them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--enable-x", "-x", action=argparse.BooleanOptionalAction)
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--size", "--length", type=int, choices=[2, 1])
    parser.add_argument("--config", type=json.loads)
    parser.add_argument("--names", nargs="+")
    parser.add_argument("--hook", action="append", type=str)
    parser.add_argument("--token", nargs="?", const=True)
    parser.add_argument("--other", type=lambda text: text)
    rows = [generator.row(action) for action in parser._actions if action.dest != "help"]
    assert rows == [
        {"names": ["--enable-x", "-x"], "kind": "switch", "off": ["--no-enable-x"]},
        {"names": ["--alone"], "kind": "flag"},
        {"names": ["--size", "--length"], "kind": "value", "type": "int", "choices": ["1", "2"]},
        {"names": ["--config"], "kind": "value", "type": "json"},
        {"names": ["--names"], "kind": "list", "type": "text"},
        {"names": ["--hook"], "kind": "repeat", "type": "text"},
        {"names": ["--token"], "kind": "optional", "type": "text"},
        {"names": ["--other"], "kind": "value", "type": "any"},
    ]
    written = json.loads(generator.written("vllm", "1.2.3", rows))
    assert (written["engine"], written["version"], len(written["options"])) == ("vllm", "1.2.3", len(rows))
