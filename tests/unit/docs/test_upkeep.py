"""What is generated for the documentation is current, and every target of make is listed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def output(*command: str) -> str:
    """What a command prints, whatever make may have started the tests: inside of another make it reports the directories it enters."""
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    result = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "generator", ["generate-conditions-reference", "generate-cli-reference", "generate-rules-reference"]
)
def test_a_generated_page_is_current(generator: str) -> None:
    """Run the generator again when a condition, an Event, a rule, a flag or a help text changes."""
    assert "all files are current" in output(f"hack/{generator}", "--check")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on the PATH")
def test_make_lists_its_targets() -> None:
    """All of them, each with what it is for."""
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert targets is not None
    listed = dict(line.split(maxsplit=1) for line in output("make", "help").splitlines())
    assert set(listed) == set(targets.group(1).split())
