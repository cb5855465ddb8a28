"""The golden files: what becomes of every golden Model and every sample, in every dialect."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.api.samples import sample_paths
from controller.dialects import E4FB6663, Dialect

GOLDEN = Path(__file__).parents[1] / "golden"


@dataclass(frozen=True, slots=True)
class Golden:
    """A file with a Model, the name of a dialect, and the file with the children of that Model in it."""

    model: Path
    dialect: str
    children: Path


def golden_files(dialects: Iterable[Dialect]) -> list[Golden]:
    """Every case. The files of the first dialect have no mark; those of another end in its name."""
    return [case for dialect in dialects for case in _of(dialect)]


def _of(dialect: Dialect) -> list[Golden]:
    mark = "" if dialect is E4FB6663 else f".{dialect.name}"
    own = [
        Golden(model, dialect.name, model.with_name(f"children{mark}.yaml"))
        for model in sorted(GOLDEN.glob("*/model.yaml"))
    ]
    samples = [
        Golden(Path(str(sample)), dialect.name, GOLDEN / f"samples{mark}" / sample.name) for sample in sample_paths()
    ]
    return own + samples
