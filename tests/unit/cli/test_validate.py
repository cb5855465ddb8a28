"""``validate`` of what is no Model."""

from pathlib import Path

from click.testing import CliRunner

from controller.api.documents import dump_documents
from controller.cli.app import cli
from tests.support.boosters import a_booster


def test_a_file_in_which_nothing_was_checked_is_no_success(tmp_path: Path) -> None:
    """The sentence says so, and the exit code is that of unusable input."""
    file = tmp_path / "deployment.yaml"
    file.write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n")
    result = CliRunner().invoke(cli, ["validate", str(file)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing was checked: there is no Model or ModelBooster in the given files" in result.stderr


def test_modelboosters_are_checked_in_their_own_words(tmp_path: Path) -> None:
    """A template with the bounds of a Model lacks its replicas."""
    file = tmp_path / "booster.yaml"
    file.write_text(dump_documents([a_booster(replicas=None, minReplicas=1)]))
    result = CliRunner().invoke(cli, ["validate", str(file)])
    assert result.exit_code == 1
    assert f"{file}: ModelBooster chat: spec.backend.replicas: required value" in result.stdout
