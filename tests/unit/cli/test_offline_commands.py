"""``render`` and ``validate`` as their users meet them: files in, text and exit codes out."""

import functools
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from controller.cli.app import cli, warn_of_unknown_variables

MODEL = """\
apiVersion: registry.volcano.sh/v1alpha1
kind: Model
metadata:
  name: tiny
spec:
  backends:
    - name: b1
      type: vLLM
      modelURI: hf://org/repo
      minReplicas: 1
      maxReplicas: 1
      workers:
        - type: server
          image: vllm/vllm-openai:v0.10.2
          config: {max-model-len: 8192.0, seed: 1e3}
"""
INVALID = MODEL.replace("name: tiny", "name: broken").replace("image: vllm/vllm-openai:v0.10.2", "image: 'a b'")
OTHER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


def run(*args: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, list(args), input=stdin)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with a valid and an invalid Model, another kind, and a file that is no YAML."""
    (tmp_path / "good.yaml").write_text(MODEL)
    (tmp_path / "invalid.yaml").write_text(INVALID)
    (tmp_path / "other.yaml").write_text(OTHER)
    (tmp_path / "broken.yaml").write_text("a: [1,\nb: {")
    return tmp_path


def test_render_prints_the_children_in_their_order(files: Path) -> None:
    """Server, infer, route; without a cluster the uid is zeros and the namespace the given one."""
    result = run("render", str(files / "good.yaml"), "-n", "team")
    assert result.exit_code == 0
    children = list(yaml.safe_load_all(result.stdout))
    assert [child["kind"] for child in children] == ["ModelServer", "ModelInfer", "ModelRoute"]
    assert {child["metadata"]["namespace"] for child in children} == {"team"}
    assert children[0]["metadata"]["ownerReferences"][0]["uid"] == "00000000-0000-0000-0000-000000000000"


def test_render_is_byte_identical_twice_and_json_says_the_same(files: Path) -> None:
    """Determinism, and one List that kubectl can apply."""
    first, second = (run("render", str(files / "good.yaml")).stdout_bytes for _ in range(2))
    assert first == second
    listed = json.loads(run("render", str(files / "good.yaml"), "-o", "json").stdout)
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    assert listed["items"] == list(yaml.safe_load_all(first))


def test_an_invalid_model_does_not_keep_the_valid_ones_from_being_rendered(files: Path) -> None:
    """Exit code 1, the reason on standard error, the others on standard output."""
    result = run("render", str(files / "invalid.yaml"), str(files / "good.yaml"))
    assert result.exit_code == 1
    assert {child["metadata"]["name"] for child in yaml.safe_load_all(result.stdout)} == {"tiny", "tiny-b1"}
    assert "Model broken: spec.backends[0].workers[0].image" in result.stderr


def test_unusable_input_is_one_sentence_and_exit_code_2(files: Path) -> None:
    """A broken or missing file hides nothing of the others and shows no traceback."""
    result = run("render", str(files / "broken.yaml"), str(files / "nowhere.yaml"), str(files / "good.yaml"))
    assert result.exit_code == 2
    assert "kind: ModelInfer" in result.stdout
    assert len(result.stderr.strip().splitlines()) == 2
    assert "Traceback" not in result.output


def test_other_kinds_are_skipped_with_a_note_and_lists_are_unpacked(files: Path) -> None:
    """Standard input and ``kind: List`` work like a file."""
    listed = {"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(OTHER), yaml.safe_load(MODEL)]}
    result = run("render", "-", stdin=json.dumps(listed))
    assert result.exit_code == 0
    assert "skipped v1 ConfigMap settings" in result.stderr
    assert "name: tiny-b1" in result.stdout


def test_validate_names_file_model_path_and_what_is_wrong(files: Path) -> None:
    """One line per finding; JSON carries the same in fields."""
    result = run("validate", str(files / "invalid.yaml"), str(files / "good.yaml"))
    assert result.exit_code == 1
    (line,) = result.stdout.strip().splitlines()
    assert line.startswith(f"{files / 'invalid.yaml'}: Model broken: spec.backends[0].workers[0].image: ")
    (record,) = json.loads(run("validate", str(files / "invalid.yaml"), "-o", "json").stdout)
    assert set(record) == {"file", "name", "path", "message", "level", "rule"}
    assert (record["name"], record["level"], record["rule"]) == ("broken", "error", "image")


def test_validate_exit_codes(files: Path) -> None:
    """0 valid, 1 findings, 2 unusable input, 2 wrong usage."""
    assert run("validate", str(files / "good.yaml")).exit_code == 0
    assert run("validate", str(files)).exit_code == 2
    assert run("validate").exit_code == 2
    assert run("validate", "--no-such-flag", "x").exit_code == 2


def test_validate_says_what_it_checked(files: Path) -> None:
    """On standard error, so that scripts read only findings."""
    (files / "broken.yaml").unlink()
    result = run("validate", str(files))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "checked 2 Models in 2 files: 1 error, 0 warnings"


@pytest.mark.parametrize(("command", "done"), [("validate", "checked"), ("render", "rendered"), ("diff", "compared")])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "contains no object"),
        ("---\n", "contains no object"),
        (OTHER, "it is not a Model or ModelBooster"),
        (MODEL.replace("kind: Model", "kind: Modell"), "did you mean Model?"),
        (MODEL.replace("v1alpha1", "v1"), "its apiVersion is not registry.volcano.sh/v1alpha1"),
    ],
)
def test_a_file_without_a_model_is_not_a_success(text: str, said: str, command: str, done: str) -> None:
    """A step of a pipeline that finds no Model is a mistake; no cluster is asked."""
    result = run(command, "-", stdin=text)
    assert result.exit_code == 2
    assert said in result.stderr
    assert f"nothing was {done}: there is no Model or ModelBooster in the given files" in result.stderr


def test_the_same_model_twice_is_a_finding(files: Path) -> None:
    """In one file or in two; in another namespace it is another Model."""
    (files / "again.yaml").write_text(MODEL + "---\n" + MODEL)
    (files / "elsewhere.yaml").write_text(MODEL.replace("name: tiny", "name: tiny\n  namespace: other"))
    result = run("validate", str(files / "good.yaml"), str(files / "again.yaml"), str(files / "elsewhere.yaml"))
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first == f"{files / 'again.yaml'}: Model tiny: metadata.name: the same Model is in {files / 'good.yaml'}"
    assert second == first


def test_render_drops_what_no_api_server_would_keep() -> None:
    """A misspelt field of a policy is a warning, and never reaches a child that would be refused for it."""
    model = yaml.safe_load(MODEL)
    policy = {"tolerancePercnt": 5, "metrics": [{"metricName": "waiting", "targetValue": 8, "unit": "s"}]}
    model["spec"]["backends"][0]["autoscalingPolicy"] = policy
    result = run("render", "-", stdin=json.dumps(model))
    assert result.exit_code == 0
    assert "did you mean tolerancePercent?" in result.stderr
    assert "tolerancePercnt" not in result.stdout
    assert "unit" not in result.stdout


def test_json_is_safe_for_every_terminal_and_pipe() -> None:
    """Any character a Model holds is escaped; a YAML stream holds the same."""
    model = yaml.safe_load(MODEL)
    model["spec"]["backends"][0]["modelURI"] = "hf://é\u202e\U0001f600"
    text = json.dumps(model)
    as_json, as_yaml = run("render", "-", "-o", "json", stdin=text), run("render", "-", stdin=text)
    assert as_json.stdout.isascii()
    sources = [
        child["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]["initContainers"][0]["args"][1]
        for child in (json.loads(as_json.stdout)["items"][1], list(yaml.safe_load_all(as_yaml.stdout))[1])
    ]
    assert sources == ["hf://é\u202e\U0001f600"] * 2


def test_a_directory_is_read_in_the_order_of_its_names(files: Path) -> None:
    """Its YAML and JSON files; everything else in it is left alone."""
    (files / "broken.yaml").unlink()
    (files / "a.json").write_text(json.dumps(yaml.safe_load(MODEL.replace("name: tiny", "name: first"))))
    (files / "notes.txt").write_text("no YAML: [")
    result = run("render", str(files))
    assert result.exit_code == 1
    names = [child["metadata"]["name"] for child in yaml.safe_load_all(result.stdout)]
    assert names == ["first-b1", "first-b1", "first", "tiny-b1", "tiny-b1", "tiny"]


def test_a_finding_is_one_line_whatever_the_model_is_called() -> None:
    """Control characters and bidi marks are escaped."""
    nasty = json.loads(json.dumps(yaml.safe_load(INVALID)))
    nasty["metadata"]["name"] = "a\nb\u202e"
    result = run("validate", "-", stdin=json.dumps(nasty))
    assert "\u202e" not in result.stdout
    assert all(line.startswith("-: Model a\\nb") for line in result.stdout.strip().splitlines())


COMMANDS = list(cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_version(command: str) -> None:
    """Without touching a cluster. An example is a command line that the command understands."""
    helped = run(command, "--help").stdout
    examples = helped.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    called = [line for line in examples if f"model-controller {command}" in line]
    assert called
    for line in called:
        words = shlex.split(
            line.partition(f"model-controller {command}")[2].strip("<()").partition("    (")[0].rstrip(")")
        )
        cut = next((at for at, word in enumerate(words) if word in {"|", ">"}), len(words))
        found = cli.get_command(click.Context(cli), command)
        assert found is not None
        found.make_context(command, words[:cut])
    assert run(command, "--version").stdout.startswith("model-controller, version ")


def test_the_list_of_commands_is_not_cut() -> None:
    """Each summary is a whole sentence."""
    commands = run("--help").stdout.partition("Commands:\n")[2]
    assert "..." not in commands
    assert commands.count(".\n") == len(COMMANDS)


@pytest.mark.parametrize(
    ("word", "hint"), [("rendr", "'render'"), ("validat", "'validate'"), ("xyz", "render, validate")]
)
def test_a_misspelt_command_gets_a_suggestion(word: str, hint: str) -> None:
    """Or the list of all."""
    result = run(word)
    assert result.exit_code == 2
    assert hint in result.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MODEL_CONTROLLER_LOG_LVL", "did you mean MODEL_CONTROLLER_LOG_LEVEL?"),
        ("MODEL_CONTROLLER_LOG_LEVEL", ""),
        ("MODEL_CONTROLLER_QZ", "is ignored"),
    ],
)
def test_a_variable_that_belongs_to_no_flag_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    """A setting that somebody believes to be in force."""
    monkeypatch.setenv(name, "debug")
    warn_of_unknown_variables()
    warned = capsys.readouterr().err
    assert (name in warned) == bool(said)
    assert said in warned


def test_the_plugin_of_kubectl_is_the_same_program() -> None:
    """Usage says what the user typed."""
    code = "from controller.cli import kubectl_plugin; kubectl_plugin()"
    shown = subprocess.run([sys.executable, "-c", code, "render", "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("Usage: kubectl model render ")


def test_every_flag_can_come_from_the_environment(files: Path) -> None:
    """One name per flag, without the command in it; the flag itself wins."""
    env = {"MODEL_CONTROLLER_DOWNLOADER_IMAGE": "env/downloader:1"}
    path = str(files / "good.yaml")
    assert "image: env/downloader:1" in CliRunner(env=env).invoke(cli, ["render", path]).stdout
    flagged = CliRunner(env=env).invoke(cli, ["render", path, "--downloader-image", "flag/downloader:2"]).stdout
    assert "image: flag/downloader:2" in flagged


def test_each_flag_has_its_variable() -> None:
    """Whatever it is a flag of; help and version are none."""
    context = click.Context(cli)
    for command in map(functools.partial(cli.get_command, context), cli.list_commands(context)):
        assert command is not None
        for flag in (param for param in command.params if isinstance(param, click.Option) and param.expose_value):
            name = next(name for name in flag.opts if name.startswith("--"))
            assert flag.envvar == "MODEL_CONTROLLER_" + name[2:].upper().replace("-", "_")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--watch-timeout", "nan"),
        ("--resync", "inf"),
        ("--namespace", ""),
        ("--workers", "many"),
        ("--workers", "0"),
        ("--downloader-image", ""),
        ("--namespace", "a/b"),
        ("--leader-elect-namespace", "a.b"),
        ("--lease-name", "A_B"),
        ("--config-map", "x/y"),
        ("--hostpath-prefix", "models"),
        ("--hostpath-prefix", "/models/../etc"),
    ],
)
def test_a_setting_that_can_mean_nothing_is_wrong_usage(flag: str, value: str) -> None:
    """Said at once, with the flag and the value; nothing is started."""
    result = run("run", flag, value)
    assert result.exit_code == 2
    assert flag in result.stderr
    assert value in result.stderr


def test_an_empty_file_name_is_not_the_current_folder() -> None:
    """A script's unset variable reads nothing."""
    result = run("validate", "")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "'': the file name is empty\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_takes_its_completion(shell: str) -> None:
    """The script is one that the shell itself finds nothing wrong with."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = run("completion", shell).stdout
    assert "model-controller" in script
    subprocess.run([shell, "-n", "/dev/stdin"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("typed", "offered"), [("st", "status"), ("render --dia", "--dialect"), ("run --log-format j", "json")]
)
def test_fish_completes_what_is_typed(tmp_path: Path, typed: str, offered: str) -> None:
    """The shell itself, with the script that the command prints."""
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    program = tmp_path / "model-controller"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m controller "$@"\n')
    program.chmod(0o755)
    (tmp_path / "completion.fish").write_text(run("completion", "fish").stdout)
    script = f"source {tmp_path}/completion.fish; complete --do-complete 'model-controller {typed}'"
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    shown = subprocess.run(
        ["fish", "--no-config", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert offered in {line.partition("\t")[0] for line in shown.stdout.splitlines()}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("st", "plain,status"),
        ("run --leader-elect-", "plain,--leader-elect-namespace"),
        ("run --log-format j", "plain,json"),
        ("render con", "file,con"),
        ("run --kubeconfig con", "file,con"),
    ],
)
def test_completion_knows_commands_flags_values_and_files(words: str, offered: str) -> None:
    """As bash asks for it."""
    variables = {
        "_MODEL_CONTROLLER_COMPLETE": "bash_complete",
        "COMP_WORDS": f"model-controller {words}",
        "COMP_CWORD": str(len(words.split())),
    }
    asked = subprocess.run(
        [sys.executable, "-m", "controller"],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert asked.stdout.splitlines() == [offered]
