"""``render`` byte for byte: the diff of a golden file is the review of a change.

After a change that is meant, write the files anew: ``model-controller render MODEL >CHILDREN``. Their templates are what runs in clusters, so
the CHANGELOG says when they change.
"""

from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.api.samples import sample_paths
from controller.cli.app import cli

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = [(model, model.with_name("children.yaml")) for model in sorted(GOLDEN.glob("*/model.yaml"))]
CASES += [(Path(str(sample)), GOLDEN / "samples" / sample.name) for sample in sample_paths()]


@pytest.mark.parametrize(("model", "children"), CASES, ids=[str(children.relative_to(GOLDEN)) for _, children in CASES])
def test_the_children_are_the_golden_ones(model: Path, children: Path) -> None:
    """Every field, in its place, with its hashes."""
    result = CliRunner().invoke(cli, ["render", str(model)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == children.read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_case() -> None:
    """A forgotten file would look like a promise and hold nothing."""
    known = {path for case in CASES for path in case}
    assert set(GOLDEN.rglob("*.yaml")) - known == set()
