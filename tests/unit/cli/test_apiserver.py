"""``apiserver``: what cannot work is refused before anything is served."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.cli.app import cli


@pytest.mark.parametrize("place", ["missing/data", "file/data"])
def test_data_that_could_not_be_saved_is_refused_at_the_start(tmp_path: Path, place: str) -> None:
    """Otherwise it would be lost in the end."""
    (tmp_path / "file").touch()
    file = tmp_path / place
    result = CliRunner().invoke(cli, ["apiserver", "--persist", str(file)])
    assert result.exit_code == 2
    assert result.stderr == f"model-controller: {file} cannot be written: {file.parent} is not a directory\n"
