"""The tutorial in ``docs/framework.md``: its code is the example's, and it does what the page says."""

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "framework.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The page's code blocks in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def lines(text: str) -> list[str]:
    """What is not blank."""
    return [line for line in text.splitlines() if line.strip()]


def test_the_blocks_are_the_example_file() -> None:
    """In their order, each line of it but the docstring of the module."""
    example = (ROOT / "examples" / "replicaset.py").read_text(encoding="utf-8")
    assert lines("".join(blocks("python"))) == lines(example)[1:]


def test_every_name_is_where_the_page_says() -> None:
    """A reader of this page alone can import what it speaks of."""
    rows = re.findall(r"^\| `(controller[\w.]+)` \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 10
    missing = [
        f"{package}.{name}"
        for package, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if not hasattr(importlib.import_module(package), name)
    ]
    assert missing == []


async def test_the_code_on_the_page_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Three Pods on the embedded plane."""
    module = ModuleType("tutorial")
    exec(compile("\n".join(blocks("python")), "docs/framework.md", "exec"), vars(module))  # the page's own code
    await module.main()
    assert blocks("text")[0].strip() in capsys.readouterr().out.splitlines()
