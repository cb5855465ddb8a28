"""Where tests lie: unit tests beside the name of what they test, helpers in ``tests/support``."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.partition(".")[0] == "tests"}


def test_no_test_module_imports_another() -> None:
    """What two tests need is a helper in tests/support."""
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "tests").rglob("*.py")
        for name in _imports(path)
        if not name.startswith(("tests.support", "tests.examples"))
    }
    assert not wrong


def test_no_file_name_repeats_its_folder() -> None:
    """A unit test of ``controller/informers/store.py`` is ``tests/unit/informers/test_store.py``."""
    wrong = [
        path
        for path in (ROOT / "tests" / "unit").rglob("test_*.py")
        if path.name.startswith(f"test_{path.parent.name}_")
    ]
    assert not wrong


def test_every_module_of_the_reconciler_has_unit_tests_of_its_own() -> None:
    """A part that is only tested through a running controller fails far from its fault."""
    package, tests = ROOT / "controller" / "reconcilers", ROOT / "tests" / "unit" / "reconcilers"
    modules = {path.relative_to(package) for path in package.rglob("*.py") if path.name != "__init__.py"}
    expected = {path.with_name(f"test_{path.name}") for path in modules}
    assert expected - {path.relative_to(tests) for path in tests.rglob("test_*.py")} == set()
