"""``convert`` on the command line: what is printed where, and the exit codes."""

from pathlib import Path

from click.testing import CliRunner, Result

from controller.api.documents import dump_documents, load_documents
from controller.cli.app import cli
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}


def convert(tmp_path: Path, target: str, *documents: object) -> Result:
    file = tmp_path / "in.yaml"
    file.write_text(dump_documents([dict(document) for document in documents]))  # type: ignore[call-overload] # any document
    return CliRunner().invoke(cli, ["convert", "--to", target, str(file)])


def test_documents_go_to_stdout_in_their_order(tmp_path: Path) -> None:
    """What is not converted passes."""
    result = convert(tmp_path, "model", SECRET, a_booster())
    assert (result.exit_code, result.stderr) == (0, "")
    assert [document["kind"] for document in load_documents(result.stdout.encode(), "out")] == ["Secret", "Model"]


def test_a_loss_is_one_line_on_stderr_and_exit_code_1(tmp_path: Path) -> None:
    """The other documents are printed all the same."""
    lossy = a_model("two", a_backend("a"), a_backend("b"))
    result = convert(tmp_path, "booster", lossy, a_model("one"))
    assert result.exit_code == 1
    assert result.stderr == (
        f"{tmp_path / 'in.yaml'}: Model two: spec.backends: lost: a ModelBooster has exactly one backend, this Model 2\n"
    )
    (booster,) = load_documents(result.stdout.encode(), "out")
    assert (booster["kind"], booster["metadata"]["name"]) == ("ModelBooster", "one")


def test_nothing_to_convert_is_no_silent_success(tmp_path: Path) -> None:
    """The documents pass all the same. What is of the target already was converted before."""
    for target in ("model", "v1"):
        result = convert(tmp_path, target, SECRET)
        assert result.exit_code == 2
        assert result.stderr == f"nothing was converted: no object in the given files concerns --to {target}\n"
        assert load_documents(result.stdout.encode(), "out") == [SECRET]
    assert convert(tmp_path, "model", a_model()).exit_code == 0


def test_a_model_for_a_dialect_is_sent_to_the_right_command(tmp_path: Path) -> None:
    """Only children are converted between dialects."""
    result = convert(tmp_path, "v1", a_model())
    assert result.exit_code == 2
    assert "Models need no conversion: see `render --dialect v1`" in result.stderr


def test_a_file_that_cannot_be_read_is_the_only_cause_given(tmp_path: Path) -> None:
    """It may have held what was to be converted."""
    result = CliRunner().invoke(cli, ["convert", "--to", "v1", str(tmp_path / "missing.yaml")])
    assert result.exit_code == 2
    assert "nothing was converted" not in result.stderr


def test_unusable_input_is_exit_code_2(tmp_path: Path) -> None:
    """As of every command."""
    assert CliRunner().invoke(cli, ["convert", "--to", "v1", str(tmp_path / "missing.yaml")]).exit_code == 2
    assert CliRunner().invoke(cli, ["convert", str(tmp_path)]).exit_code == 2
