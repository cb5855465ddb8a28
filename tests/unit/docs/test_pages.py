"""The documentation's Models are valid, its commands exist, and its table of flags is complete."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from controller.api.documents import load_documents
from controller.cli.app import cli
from controller.validation import ValidationOptions, validate

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Page and text of each code block in this language."""
    for page in PAGES:
        for found, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if found == language:
                yield str(page.relative_to(ROOT)), text


def models() -> Iterator[Any]:
    for page, text in blocks("yaml"):
        for document in load_documents(text, page) if "kind: Model\n" in text else ():
            yield pytest.param(document, id=f"{page}:{document['metadata']['name']}")


def commands() -> Iterator[Any]:
    for page, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            for command in re.split(r"\|", line.partition(" #")[0]):
                words = shlex.split(command, comments=True) if "model-controller " in command else []
                if words and words[0].endswith("model-controller"):
                    yield pytest.param(words[1:], id=f"{page}: {' '.join(words)}")


@pytest.mark.parametrize("model", list(models()))
def test_a_model_in_the_documentation_is_valid(model: Any) -> None:
    """Nothing to correct, and nothing to warn about."""
    assert list(validate(model, ValidationOptions())) == []


@pytest.mark.parametrize("words", list(commands()))
def test_a_command_in_the_documentation_is_understood(words: list[str]) -> None:
    """Its flags and arguments are those of the program; it is not run."""
    name, *arguments = [word for word in words if word not in {">", "children.yaml", "&"}]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    command.make_context(name, arguments)


def test_every_flag_of_run_is_explained() -> None:
    """And no flag that does not exist."""
    listed = set(re.findall(r"`(--[a-z-]+)`", (ROOT / "docs/operations.md").read_text(encoding="utf-8")))
    shown = set(re.findall(r"--[a-z][a-z-]+", CliRunner().invoke(cli, ["run", "--help"]).stdout))
    assert listed - shown == set()
    assert shown - listed <= {"--help", "--version", "--no-leader-elect"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_path_of_the_repository_in_a_code_block_exists(page: Path) -> None:
    """Commands are meant to be run from its top."""
    text = "\n".join(block for _, block in BLOCK.findall(page.read_text(encoding="utf-8")))
    for path in re.findall(r"(?<![\w/.])(?:config|dist|hack|docs)/[\w./-]+", text):
        assert (ROOT / path).exists(), path


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    """Once; ``make docs`` refuses to build a site that hides a page. The reference of the framework exists on the site alone."""
    nav = re.findall(r"([\w./-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(nav) == sorted([*pages, "reference/framework.md"])


def test_the_architecture_names_every_package_and_no_other() -> None:
    """A new package gets a row."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition("| Package |")[2].partition("\n\n")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(path.parent.name for path in (ROOT / "controller").glob("*/__init__.py"))
