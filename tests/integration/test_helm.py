"""helm with the shipped chart, on both control planes."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.envtest import Environment
from tests.support.shells import ROOT, Shell, shell

RELEASE = "model-controller charts/model-controller --namespace model-controller-system --create-namespace"
MANAGER = "kubectl -n model-controller-system get deployment model-controller"
pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH"),
]


@pytest.fixture(scope="session")
def helm() -> str:
    """The helm program. Skips where it is neither on the PATH nor built."""
    built = subprocess.run([ROOT / "hack/helm-binary", "--cached"], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        pytest.skip(built.stderr.strip())
    return built.stdout.strip().splitlines()[-1]


@pytest.fixture
async def bash(helm: str, plane: str, tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell with helm on a control plane of its own where nothing is installed."""
    (tmp_path / "helm").symlink_to(helm)
    async with (
        Environment(plane) as environment,
        shell(environment.kubeconfig, tmp_path, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}") as started,
    ):
        yield started


async def test_the_chart_installs_upgrades_and_leaves_the_models(bash: Shell) -> None:
    """An uninstalled release keeps the CRD and every Model; installed again it takes them over."""
    await bash.run(f"helm upgrade --install {RELEASE} --set crds.standaloneChildren=true")
    await bash.run("kubectl apply -f config/samples/01-tiny.yaml")
    await bash.run(f"helm upgrade {RELEASE} --reset-then-reuse-values --set replicas=1")
    image = "-o jsonpath='{.spec.replicas} {.spec.template.spec.containers[0].image}{\"\\n\"}'"
    assert (await bash.run(f"{MANAGER} {image}")).split() == ["1", "model-controller:v0.1.0"]
    await bash.run("helm uninstall model-controller --namespace model-controller-system")
    assert "tiny" in await bash.run("kubectl get models -o name")
    assert "No resources" in await bash.run("kubectl -n model-controller-system get deployments,secrets")
    await bash.run(f"helm upgrade --install {RELEASE}")
    assert "tiny" in await bash.run("kubectl get models -o name")


async def test_a_release_goes_back_to_an_earlier_revision(bash: Shell) -> None:
    """The history tells of every step, and a dry run on the server stores nothing."""
    helm = "helm --namespace model-controller-system"
    replicas = f"{MANAGER} -o jsonpath='{{.spec.replicas}}{{\"\\n\"}}'"
    await bash.run(f"helm upgrade --install {RELEASE} --set replicas=3")
    await bash.run(f"helm upgrade {RELEASE} --reuse-values --set replicas=1")
    await bash.run(f"helm upgrade {RELEASE} --reuse-values --set replicas=5 --dry-run=server")
    assert (await bash.run(replicas)).strip() == "1"
    await bash.run(f"{helm} rollback model-controller 1")
    assert (await bash.run(replicas)).strip() == "3"
    history = (await bash.run(f"{helm} history model-controller")).splitlines()[1:]
    assert [line.split()[0] for line in history] == ["1", "2", "3"]
    assert [("superseded" in line, "deployed" in line) for line in history] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    assert "model-controller" in await bash.run(f"{helm} list --deployed --short")
