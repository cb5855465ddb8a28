"""``make verify`` runs the tests that concern a change, and not all of them."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def chosen(*files: str) -> list[str]:
    """The tests for these changed files."""
    result = subprocess.run([ROOT / "hack/changed-tests", *files], capture_output=True, text=True, check=True)
    return result.stdout.split()


@pytest.mark.parametrize(
    ("file", "included", "excluded"),
    [
        ("controller/workqueue/queue.py", "tests/unit/workqueue/test_queue.py", "tests/unit/render"),
        ("controller/cli/inputs.py", "tests/unit/cli/test_progress.py", "tests/unit/informers"),
        ("docs/limits.md", "tests/unit/docs", "tests/unit/cli"),
        ("README.md", "tests/unit/docs", "tests/unit/cli"),
        ("config/rbac/role.yaml", "tests/unit/config", "tests/unit/informers"),
        ("tests/unit/meta/test_patches.py", "tests/unit/meta/test_patches.py", "tests/unit/config"),
        ("pyproject.toml", "tests/unit", "tests/integration"),
    ],
)
def test_a_change_is_tested_by_what_concerns_it(file: str, included: str, excluded: str) -> None:
    """The chosen tests exist."""
    tests = chosen(file)
    assert included in tests
    assert not any(test.startswith(excluded) for test in tests)
    assert all((ROOT / test).exists() for test in tests)


def test_tests_that_use_a_package_elsewhere_are_chosen_too() -> None:
    """A property of the work queue lies outside of its folder."""
    assert "tests/properties/test_workqueue_model.py" in chosen("controller/workqueue/queue.py")


def test_every_package_has_tests_of_its_own() -> None:
    """So that a change in it is never verified by nothing."""
    packages = [path.parent.name for path in (ROOT / "controller").glob("*/__init__.py")]
    assert packages
    for package in packages:
        assert chosen(f"controller/{package}/__init__.py"), package
