"""What the repository promises to contributors: recipes whose files and checks exist, decisions that are listed, forms that parse."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPE = re.compile(r"^### (Add .*?)$(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([^`]+)` \| .* \| (.*) \|$", re.MULTILINE)
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
DECISIONS = ROOT / "docs" / "decisions"
CHECK = "hack/check-commit-message"


@pytest.mark.parametrize(("name", "text"), [pytest.param(*found, id=found[0]) for found in RECIPE.findall(GUIDE)])
def test_a_recipe_names_files_and_checks_that_exist(name: str, text: str) -> None:
    """Each row has a file or folder of the repository and, unless a reviewer checks it, a test or a target of make."""
    rows = ROW.findall(text)
    assert rows, name
    for path, check in rows:
        assert (ROOT / path).exists(), path
        named = check.strip("`").removeprefix("make ")
        assert named == "review" or named in TARGETS or (ROOT / named).is_file(), check


def test_the_guide_has_the_recipes_that_are_asked_for_most() -> None:
    """A condition reason, a flag, a backend type, a dialect, a second controller."""
    wanted = ("a condition reason", "a flag", "a backend type", "a dialect", "a second controller")
    assert {f"Add {what}" for what in wanted} <= {name for name, _ in RECIPE.findall(GUIDE)}


@pytest.mark.parametrize(
    ("recipe", "folder", "example"),
    [("Add a backend type", "controller/render/engines", "sglang"), ("Add a dialect", "controller/dialects", "v1")],
)
def test_an_example_that_a_recipe_names_is_registered_where_it_says(recipe: str, folder: str, example: str) -> None:
    """And no module outside of the recipe's files imports it by its name, so that a new one needs no change elsewhere."""
    text = dict(RECIPE.findall(GUIDE))[recipe]
    assert f"`{folder}/{example}.py`" in text
    module = f"{folder}/{example}".replace("/", ".")
    importing = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "controller").rglob("*.py")
        if re.search(rf"^(?:from|import) {re.escape(module)}\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert importing == {f"{folder}/__init__.py"}


def test_each_target_that_the_guide_names_exists() -> None:
    """``make`` alone is the list of them."""
    assert set(re.findall(r"`?make ([a-z0-9-]+)(?:`|  )", GUIDE)) <= TARGETS


def test_every_decision_is_listed_and_has_the_same_parts() -> None:
    """A page without its consequences is an opinion."""
    pages = {page.name for page in DECISIONS.glob("*.md")} - {"README.md"}
    listed = re.findall(r"\]\(([a-z0-9-]+\.md)\)", (DECISIONS / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(pages)
    for page in pages:
        headings = re.findall(r"^## (.*)$", (DECISIONS / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert headings == ["Situation", "Decision", "Consequences", "Reconsider when"], page


@pytest.mark.parametrize("form", ["bug", "feature"])
def test_an_issue_form_is_one(form: str) -> None:
    """Each field of it has a type, and an id that no other has."""
    parsed = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{form}.yml").read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= parsed.keys()
    fields = [field for field in parsed["body"] if field["type"] != "markdown"]
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields) > 0


def steps() -> list[tuple[str, dict[str, Any]]]:
    """Every step of every workflow, with the name of its file."""
    return [
        (path.name, step)
        for path in sorted((ROOT / ".github/workflows").glob("*.yaml"))
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
        for step in job["steps"]
    ]


def test_workflows_run_what_anybody_can_run_at_home() -> None:
    """Scripts of the repository and targets of make; and the continuous integration is ``.ci/run``."""
    runs = [(name, line) for name, step in steps() for line in step.get("run", "").splitlines()]
    for name, line in runs:
        for script in re.findall(r"(?:^|\s)((?:hack|\.ci)/[\w-]+)", line):
            assert (ROOT / script).is_file(), f"{name}: {script}"
        for target in re.findall(r"\bmake ([a-z0-9-]+)", line):
            assert target in TARGETS, f"{name}: make {target}"
    assert ("ci.yaml", ".ci/run") in runs


def test_pre_commit_calls_the_tools_of_the_environment() -> None:
    """Local hooks only: the versions are those of the lock file."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (local,) = config["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        program = hook["entry"].split()[0]
        assert program == "make" or program.startswith(".venv/bin/") or (ROOT / program).is_file(), hook["id"]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("Say which flag sets a port\n", ""),
        ("Say which flag sets a port\n\nThe error named only the port.\n# a comment of git\n", ""),
        ("x" * 73, "73 characters"),
        ("Say which flag sets a port.\n", "full stop"),
        ("Say which flag\nsets a port\n", "must be blank"),
        ("\n", "subject is empty"),
        ("Merge branch 'main' into a very long name that nobody chose but the code host itself.\n", ""),
    ],
)
def test_the_form_of_a_commit_message_is_checked(tmp_path: Path, message: str, complaint: str) -> None:
    """As git's commit-msg hook calls it."""
    (tmp_path / "message").write_text(message, encoding="utf-8")
    result = subprocess.run([ROOT / CHECK, tmp_path / "message"], capture_output=True, text=True, check=False)
    assert result.returncode == (1 if complaint else 0)
    assert complaint in result.stderr
