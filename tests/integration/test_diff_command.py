"""``diff`` against a cluster: what the controller would do, and that it is nothing once the controller did it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from controller.api.kinds import MODEL, MODEL_SERVER
from controller.cli.app import cli
from controller.client import Client
from controller.envtest import Environment
from tests.support.factories import a_backend, a_model, a_worker, child_names, eventually, unborn
from tests.support.running import controlling


async def diff(environment: Environment, folder: Path, namespace: str, model: dict[str, Any], *more: str) -> Result:
    """The command's result for this Model."""
    file = folder / "model.yaml"
    file.write_text(yaml.safe_dump(unborn(model, namespace)))
    arguments = ["diff", str(file), "--kubeconfig", str(environment.kubeconfig), *more]
    return await asyncio.to_thread(CliRunner().invoke, cli, arguments)


async def test_it_says_what_run_would_do(
    environment: Environment, client: Client, namespace: str, tmp_path: Path
) -> None:
    """Everything before, nothing after, and exactly the child that a change concerns, with the reason."""
    model = a_model("chat", a_backend(), a_backend("other"))
    before = await diff(environment, tmp_path, namespace, model)
    assert before.exit_code == 1
    assert [line.split()[0] for line in before.output.splitlines() if line[0] not in "+-@ "] == ["create"] * 5
    await client.create(MODEL, unborn(model, namespace))
    async with controlling(environment, namespace):
        await eventually(lambda: _has(client, namespace, 5))
    nothing = await diff(environment, tmp_path, namespace, model)
    assert (nothing.exit_code, nothing.output) == (0, "")
    changed = a_model("chat", a_backend(workers=[a_worker(config={"seed": 7})]))
    after = await diff(environment, tmp_path, namespace, changed)
    assert after.exit_code == 1
    assert f"update ModelInfer {namespace}/chat-main: " in after.output
    assert "spec.template.roles" in after.output
    assert re.search(r"^\+ +- --seed$", after.output, re.MULTILINE)
    assert f"delete ModelServer {namespace}/chat-other: no longer wanted" in after.output
    assert f"ModelServer {namespace}/chat-main" not in after.output
    assert (await client.list(MODEL, namespace)).items[0]["spec"] != changed["spec"]


async def test_what_belongs_to_somebody_else_is_a_conflict_and_an_operators_image_no_difference(
    environment: Environment, client: Client, namespace: str, tmp_path: Path
) -> None:
    """Neither is written over."""
    metadata = {"name": "chat-main", "namespace": namespace}
    spec = {"inferenceEngine": "vLLM", "workloadSelector": {"matchLabels": {"a": "b"}}}
    await client.create(
        MODEL_SERVER,
        {"apiVersion": MODEL_SERVER.api_version, "kind": "ModelServer", "metadata": metadata, "spec": spec},
    )
    result = await diff(environment, tmp_path, namespace, a_model("chat"))
    assert f"conflict ModelServer {namespace}/chat-main: " in result.output
    assert result.exit_code == 1


async def test_what_cannot_be_compared_is_a_sentence(environment: Environment, tmp_path: Path) -> None:
    """An invalid Model, no file, no server: exit code 2 and no traceback."""
    invalid = await diff(environment, tmp_path, "default", a_model("chat", a_backend(cacheURI="pvc://a/b")))
    assert invalid.exit_code == 2
    assert "spec.backends[0].cacheURI" in invalid.output
    missing = await asyncio.to_thread(CliRunner().invoke, cli, ["diff", str(tmp_path / "no.yaml")])
    assert missing.exit_code == 2
    gone = yaml.safe_load(environment.kubeconfig.read_text())
    gone["clusters"][0]["cluster"] = {"server": "http://127.0.0.1:9"}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(gone))
    file = tmp_path / "model.yaml"
    file.write_text(yaml.safe_dump(unborn(a_model("chat"), "default")))
    arguments = ["diff", str(file), "--kubeconfig", str(tmp_path / "kubeconfig")]
    unreachable = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
    assert unreachable.exit_code == 2
    assert len(unreachable.output.splitlines()) == 1


async def _has(client: Client, namespace: str, count: int) -> bool:
    return len(await child_names(client, namespace)) == count
