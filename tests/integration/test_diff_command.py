"""``diff`` against a cluster: what the controller would do, and that it is nothing once the controller did it."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import CONFIG_MAP, MODEL, MODEL_INFER, MODEL_SERVER, POD
from controller.cli.app import cli
from controller.client import Client
from controller.dialects import E4FB6663
from controller.envtest import Environment
from controller.meta import Object
from controller.reconcilers.discovery import cluster_version
from tests.support.factories import a_backend, a_model, a_worker, child_names, eventually, make_available, unborn
from tests.support.running import controlling
from tests.support.worlds import a_pod_of


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


async def test_an_image_of_weights_is_compared_with_the_clusters_version(
    environment: Environment, client: Client, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server that answers here is new enough; for the old one only its version is replaced."""
    model = a_model("chat", a_backend(modelURI="oci://registry.example.com/weights:1"))
    assert (await cluster_version(client) or (0, 0)) >= (1, 33)
    assert "image volumes" not in (await diff(environment, tmp_path, namespace, model)).output

    async def old(_: Client) -> tuple[int, int]:
        return 1, 31

    monkeypatch.setattr("controller.cli.diff.cluster_version", old)
    old_one = await diff(environment, tmp_path, namespace, model)
    assert "this cluster has 1.31" in old_one.output
    assert old_one.exit_code == 1


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


async def test_annotations_of_the_live_model_count(
    environment: Environment, client: Client, namespace: str, tmp_path: Path
) -> None:
    """A refresh by hand is no difference afterwards, and nothing is done for a paused Model."""
    model = a_model("chat")
    async with controlling(environment, namespace):
        await client.create(MODEL, unborn(model, namespace))
        await eventually(lambda: _has(client, namespace, 3))
        refresh = {"metadata": {"annotations": {"registry.volcano.sh/refresh": "1"}}}
        before = await client.get(MODEL_INFER, "chat-main", namespace)
        await client.patch(MODEL, "chat", refresh, namespace=namespace)
        await eventually(lambda: _changed(client, before))
    nothing = await diff(environment, tmp_path, namespace, model)
    assert (nothing.exit_code, nothing.output) == (0, "")
    paused = {"metadata": {"annotations": {"registry.volcano.sh/paused": "true"}}}
    await client.patch(MODEL, "chat", paused, namespace=namespace)
    still = await diff(environment, tmp_path, namespace, a_model("chat", a_backend(minReplicas=3, maxReplicas=3)))
    assert (still.exit_code, still.output) == (0, f"keep Model {namespace}/chat: reconciliation is paused\n")


async def test_the_operators_config_map_counts(
    environment: Environment, client: Client, namespace: str, tmp_path: Path
) -> None:
    """Images that the controller takes from there are no difference."""
    data = {"model_infer_runtime_image": "registry.example/runtime:7"}
    metadata = {"name": "settings", "namespace": namespace}
    await client.create(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    model = a_model("chat")
    async with controlling(environment, namespace, runtime_image=data["model_infer_runtime_image"]):
        await client.create(MODEL, unborn(model, namespace))
        await eventually(lambda: _has(client, namespace, 3))
    nothing = await diff(environment, tmp_path, namespace, model, "--config-map", f"{namespace}/settings")
    assert (nothing.exit_code, nothing.output) == (0, "")
    without = await diff(environment, tmp_path, namespace, model)
    assert (without.exit_code, "held-revision" in without.output) == (1, True)


async def test_a_small_change_is_a_few_lines(
    environment: Environment, client: Client, namespace: str, tmp_path: Path
) -> None:
    """An image and the replicas of one backend of two."""
    model = a_model("chat", a_backend(), a_backend("other"))
    async with controlling(environment, namespace):
        await client.create(MODEL, unborn(model, namespace))
        await eventually(lambda: _has(client, namespace, 5))
    changed = a_backend(workers=[a_worker(image="vllm/vllm-openai:v0.11.0")], minReplicas=2, maxReplicas=2)
    result = await diff(environment, tmp_path, namespace, a_model("chat", changed, a_backend("other")))
    lines = [line for line in result.output.splitlines() if line[0] in "+-"]
    assert any("v0.11.0" in line for line in lines)
    assert any(line.endswith("replicas: 2") for line in lines)
    assert len(lines) <= 10


async def test_a_change_that_interrupts_requests_is_announced(
    environment: Environment, client: Client, namespace: str, tmp_path: Path
) -> None:
    """New pods for the only replica that serves; the line stands before the steps, and weights have none."""
    await client.create(MODEL, unborn(a_model("chat"), namespace))
    changed = a_model("chat", a_backend(workers=[a_worker(config={"port": 9000})]))
    async with controlling(environment, namespace):
        await eventually(lambda: _has(client, namespace, 3))
        starting = await diff(environment, tmp_path, namespace, changed)
        assert "update ModelInfer" in starting.output
        assert "interruption" not in starting.output, "nothing serves yet"
        await make_available(client, "chat-main", namespace)
    port = await diff(environment, tmp_path, namespace, changed)
    assert port.output.startswith("interruption: the rollout of ModelInfer chat-main replaces its only replica")
    weight = await diff(environment, tmp_path, namespace, a_model("chat", a_backend(routeWeight=7)))
    assert "update ModelRoute" in weight.output
    assert "interruption" not in weight.output


async def test_a_server_that_waits_for_new_pods_is_announced(
    environment: Environment, client: Client, namespace: str, tmp_path: Path
) -> None:
    """As ``run`` does it: the pods are read, too."""
    await client.create(MODEL, unborn(a_model("chat"), namespace))
    async with controlling(environment, namespace):
        await eventually(lambda: _has(client, namespace, 3))
    infer = await client.get(MODEL_INFER, "chat-main", namespace)
    pod = a_pod_of(infer, infer["spec"]["template"]["roles"][0], "chat-main-0", E4FB6663, ready=True)
    await client.create(POD, pod)
    await client.patch(POD, "chat-main-0", {"status": pod["status"]}, namespace=namespace, subresource="status")
    changed = a_model("chat", a_backend(workers=[a_worker(config={"port": 9000})]))
    result = await diff(environment, tmp_path, namespace, changed)
    wait = f"wait ModelServer {namespace}/chat-main: the old pods are called until new ones are ready: ModelInfer chat-main, until "
    assert wait in result.output
    assert f"update ModelInfer {namespace}/chat-main: " in result.output


async def test_kinds_that_are_not_installed_are_named(tmp_path: Path) -> None:
    """Only the CRD of the Model is there, as after installing this controller without Kthena."""
    async with Environment("embedded", crds=[model_crd()]) as bare:
        result = await diff(bare, tmp_path, "default", a_model("chat"))
    missing = "is not installed in this cluster: its objects cannot be created"
    assert f"ModelInfer ({MODEL_INFER.api_version}) {missing}" in result.output
    assert result.exit_code == 1


async def _changed(client: Client, before: Object) -> bool:
    after = await client.get(MODEL_INFER, meta.name_of(before), meta.namespace_of(before))
    return meta.annotations_of(after) != meta.annotations_of(before)


async def _has(client: Client, namespace: str, count: int) -> bool:
    return len(await child_names(client, namespace)) == count


async def test_status_works_where_only_the_model_is_installed(tmp_path: Path) -> None:
    """The kinds that are missing are named, and a Model that is not there is told apart from a CRD that is not."""
    async with Environment("embedded", crds=[model_crd()]) as bare, bare.client() as client:
        await client.create(MODEL, unborn(a_model("chat"), "default"))
        arguments = ["--kubeconfig", str(bare.kubeconfig), "-n", "default"]
        shown = await asyncio.to_thread(CliRunner().invoke, cli, ["status", "chat", *arguments])
        assert shown.exit_code == 0
        assert f"ModelInfer ({MODEL_INFER.api_version}) is not installed in this cluster" in shown.output
        absent = await asyncio.to_thread(CliRunner().invoke, cli, ["status", "talk", *arguments])
        assert (absent.exit_code, "there is no Model 'talk'" in absent.output) == (1, True)
    async with Environment("embedded", crds=[]) as empty:
        arguments = ["status", "chat", "--kubeconfig", str(empty.kubeconfig), "-n", "default"]
        nothing = await asyncio.to_thread(CliRunner().invoke, cli, arguments)
    assert (nothing.exit_code, "the Model CRD is not installed" in nothing.output) == (1, True)
