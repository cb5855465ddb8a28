"""Nothing outside of the package of dialects knows the words of a family, or asks which one it has."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.api.kinds import MODEL
from controller.dialects import DIALECTS, Dialect, Recovery, Workload

PACKAGE = Path(__file__).resolve().parents[3] / "controller"
EXCEPTIONS = {
    "api/kinds.py": "the Model's own group, and the kinds of the first family, which the benches and tests share",
    "api/model.py": "recoveryPolicy is a field of the Model, whose values and texts users have in their files",
    "api/annotations.py": "the Model's own group is the prefix of its annotations",
    "cli/options.py": "the help of --dialect says by which kind users know the family of their cluster",
    "fronts/booster.py": "the group of ModelBooster, which is a front's and of one family alone",
    "render/pods.py": "from the values of the Model's recoveryPolicy to neutral ones",
}
"""Files with such words, and why they have them."""


def words() -> set[str]:
    """Groups, prefixes of labels, kinds that not every family has, and words of specs, as the dialects themselves give them."""
    found: set[str] = set()
    shared = set.intersection(*({each.kind for each in dialect.children} for dialect in DIALECTS.values()))
    for dialect in DIALECTS.values():
        found |= {each.group for each in dialect.children}
        found |= {key.partition("/")[0] for key in (dialect.keys.model_uid, dialect.pod_keys.name)}
        found |= {each.kind for each in dialect.children} - shared
        found |= set(spec_words(dialect))
    return found


def spec_words(dialect: Dialect) -> Iterator[str]:
    """The texts that a dialect writes for recovery and rollout."""
    for recovery in (Recovery.GROUP, Recovery.ROLE):
        spec = dialect.workload_spec(Workload("w", 1, "", (), recovery=recovery))
        yield spec["recoveryPolicy"]
        yield spec["rolloutStrategy"]["type"]


def literals(tree: ast.AST) -> Iterator[str]:
    """Every text in the code, but docstrings and comments."""
    documents = {
        id(statement.value)
        for node in ast.walk(tree)
        for statement in (getattr(node, "body", None) if isinstance(getattr(node, "body", None), list) else ())
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def comparisons(tree: ast.AST) -> Iterator[str]:
    """Where a dialect is compared with one that the code names."""
    constants = {value.name.upper() for value in DIALECTS.values()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            asked = any("dialect" in ast.unparse(side).lower() for side in sides)
            named = any(isinstance(side, ast.Constant) and side.value in DIALECTS for side in sides)
            if (asked and named) or any(isinstance(side, ast.Name) and side.id in constants for side in sides):
                yield ast.unparse(node)
        elif isinstance(node, ast.Match) and "dialect" in ast.unparse(node.subject).lower():
            yield ast.unparse(node.subject)


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).parts[0] != "dialects"]


def has_words(path: Path) -> bool:
    found = words()
    return any(word in text for text in literals(ast.parse(path.read_text(encoding="utf-8"))) for word in found)


def test_only_the_named_files_have_words_of_a_family() -> None:
    """And each of them still has."""
    assert {path.relative_to(PACKAGE).as_posix() for path in FILES if has_words(path)} == set(EXCEPTIONS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nobody_asks_which_dialect_it_is(path: Path) -> None:
    """What differs is data of the dialect."""
    assert list(comparisons(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_what_is_forbidden_is_found() -> None:
    """The words of both families, and every form of the question."""
    for word in ("ModelInfer", "ModelServing", "ServingGroupRecreate", "modelserving.volcano.sh", MODEL.group):
        assert word in words()
    assert "ModelRoute" not in words()
    code = ast.parse('"""Of ModelInfer."""\nx = f"{y} ModelInfer"')
    assert list(literals(code)) == [" ModelInfer"]
    asked = ["dialect == V1", "V1 is family", "dialect.name == 'v1'", "options.dialect.name in ('a', 'b')"]
    assert [len(list(comparisons(ast.parse(text)))) for text in asked] == [1, 1, 1, 0]
    assert list(comparisons(ast.parse("match dialect.name:\n case 'v1': pass"))) == ["dialect.name"]
    assert list(comparisons(ast.parse("version == 'v1'"))) == []
