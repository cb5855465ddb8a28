"""What is shipped installs with kubectl on a real API server, and the how-to pages' commands do there what they say."""

import asyncio
import os
import re
import shutil
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.api.documents import dump_documents, load_documents
from controller.api.kinds import MODEL
from controller.client import Client
from controller.envtest import Environment
from controller.meta import Object, Resource, is_condition_true, jsonio, name_of
from controller.meta.errors import NotFound
from tests.factories import eventually
from tests.integration.test_run_command import running

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(page for page in (ROOT / "docs/how-to").glob("*.md") if page.stem != "README")
BLOCK = re.compile(r"^```(yaml|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
SECRETS = ("HF_TOKEN", "ACCESS_KEY", "SECRET_KEY", "REGISTRY_USER", "REGISTRY_PASSWORD")

pytestmark = [
    pytest.mark.real,
    pytest.mark.kubectl,
    pytest.mark.xdist_group("real"),
    pytest.mark.timeout(180),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH"),
]


async def shell(script: str, kubeconfig: Path) -> str:
    """What the commands print; they run at the repository's top and stop at the first that fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(SECRETS, "x"), "PATH": path, "KUBECONFIG": str(kubeconfig)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, f"{script}\n{output.decode()}"
    return output.decode()


@pytest.fixture(scope="module")
async def cluster(real_plane: None) -> AsyncIterator[Environment]:
    """A real control plane with everything installed that a cluster without Kthena gets, and a controller at work."""
    async with Environment("real") as environment:
        await shell("kubectl kustomize config/standalone | kubectl apply --server-side -f -", environment.kubeconfig)
        async with running(environment.kubeconfig, "--health-probe-bind-address", "0"):
            yield environment


@pytest.fixture
async def namespace(cluster: Environment, tmp_path: Path) -> AsyncIterator[tuple[Client, str, Path]]:
    """An administrator's client, a namespace of the test's own, and a kubeconfig whose context is there."""
    name, kubeconfig = f"test-{uuid.uuid4().hex[:10]}", tmp_path / "kubeconfig"
    config = jsonio.loads(cluster.kubeconfig.read_bytes())
    config["contexts"][0]["context"]["namespace"] = name
    kubeconfig.write_bytes(jsonio.dumps(config))
    await shell(f"kubectl create namespace {name}", kubeconfig)
    async with cluster.client() as client:

        async def account() -> Object | None:
            try:
                return await client.get(ACCOUNTS, "default", name)
            except NotFound:
                return None

        await eventually(account)
        yield client, name, kubeconfig
    await shell(f"kubectl delete namespace {name} --wait=false", kubeconfig)


async def test_the_install_file_is_accepted_and_says_the_same_twice(cluster: Environment) -> None:
    """Strictly validated; applied again it changes nothing."""
    await shell("kubectl apply --server-side --validate=strict -f dist/install.yaml", cluster.kubeconfig)
    before = await shell(
        "kubectl get -f dist/install.yaml -o jsonpath='{.items[*].metadata.resourceVersion}'", cluster.kubeconfig
    )
    await shell("kubectl apply --server-side --validate=strict -f dist/install.yaml", cluster.kubeconfig)
    after = await shell(
        "kubectl get -f dist/install.yaml -o jsonpath='{.items[*].metadata.resourceVersion}'", cluster.kubeconfig
    )
    assert before == after


async def test_every_sample_is_accepted(namespace: tuple[Client, str, Path]) -> None:
    """By the CRD's own rules as well."""
    _, name, kubeconfig = namespace
    applied = await shell(f"kubectl apply -n {name} -k config/samples", kubeconfig)
    assert applied.count(" created") == len(list((ROOT / "config/samples").glob("0*.yaml")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_the_commands_of_a_page_work(page: Path, namespace: tuple[Client, str, Path]) -> None:
    """Once its Models are there and have their children."""
    client, name, kubeconfig = namespace
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    models = [model for language, text in found if language == "yaml" for model in load_documents(text, page.name)]
    (kubeconfig.parent / "models.yaml").write_text(dump_documents(models), encoding="utf-8")
    await shell(f"kubectl apply -f {kubeconfig.parent}/models.yaml", kubeconfig)

    async def initialized() -> bool:
        seen = [await client.get(MODEL, name_of(model), name) for model in models]
        return all(is_condition_true(model, "Initialized") for model in seen)

    await eventually(initialized)
    for language, text in found:
        if language == "sh":
            await shell(text, kubeconfig)
