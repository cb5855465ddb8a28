"""The software bill of materials: complete, connected, and the same every time."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from hack.sbom import sbom

ROOT = Path(__file__).resolve().parents[3]
LOCK = (ROOT / "requirements/base.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def bom() -> dict[str, Any]:
    return sbom(LOCK, PROJECT)


def test_every_locked_package_is_a_component_with_its_hashes(bom: dict[str, Any]) -> None:
    """In the version that is installed."""
    locked = dict(re.findall(r"^([^\s=]+)==([^\s;\\]+)", LOCK, flags=re.MULTILINE))
    assert {component["name"]: component["version"] for component in bom["components"]} == locked
    for component in bom["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["hashes"]
        assert version(component["name"]) == component["version"]


def test_everything_is_there_because_something_needs_it(bom: dict[str, Any]) -> None:
    """Every component is reached from the project, whose own needs are those of pyproject.toml."""
    needs = {entry["ref"]: entry["dependsOn"] for entry in bom["dependencies"]}
    root = bom["metadata"]["component"]["bom-ref"]
    reached, ahead = set(), [root]
    while ahead:
        ref = ahead.pop()
        if ref not in reached:
            reached.add(ref)
            ahead += needs[ref]
    assert reached == {root} | {component["bom-ref"] for component in bom["components"]}
    declared = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in PROJECT["dependencies"]}
    assert {ref.removeprefix("pkg:pypi/").partition("@")[0] for ref in needs[root]} == declared


def test_the_same_lock_file_gives_the_same_bytes(bom: dict[str, Any]) -> None:
    """And another one another serial number."""
    assert sbom(LOCK, PROJECT) == bom
    assert sbom(LOCK.replace("2.7.1", "2.7.2"), PROJECT)["serialNumber"] != bom["serialNumber"]


def test_a_package_for_another_system_is_left_out() -> None:
    """The image runs Linux."""
    lock = "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:" + "0" * 64 + "\n    # via click\n"
    assert sbom(lock, PROJECT)["components"] == []
