"""``render`` byte for byte, in every dialect: the diff of a golden file is the review of a change.

After a change that is meant, write the files again: ``hack/generate-golden``. Their templates are what runs in clusters, so the CHANGELOG
says when they change.
"""

import pytest
from click.testing import CliRunner

from controller.cli.app import cli
from controller.dialects import DIALECTS
from tests.support.golden import GOLDEN, Golden, golden_files

CASES = golden_files(DIALECTS.values())


@pytest.mark.parametrize("case", CASES, ids=[str(case.children.relative_to(GOLDEN)) for case in CASES])
def test_the_children_are_the_golden_ones(case: Golden) -> None:
    """Every field, in its place, with its hashes."""
    result = CliRunner().invoke(cli, ["render", str(case.model), "--dialect", case.dialect])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == case.children.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_case() -> None:
    """A forgotten file would look like a promise and hold nothing."""
    known = {path for case in CASES for path in (case.model, case.children)}
    assert set(GOLDEN.rglob("*.yaml")) - known == set()
