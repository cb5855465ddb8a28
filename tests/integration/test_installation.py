"""What is shipped installs with kubectl on a real API server."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.envtest import Environment
from tests.support.shells import ROOT, Shell, shell

pytestmark = [
    pytest.mark.real,
    pytest.mark.kubectl,
    pytest.mark.xdist_group("real"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH"),
]


@pytest.fixture(scope="module")
async def bash(real_plane: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    """A shell whose kubectl talks to a real control plane with everything installed that a cluster without Kthena gets."""
    async with (
        Environment("real") as environment,
        shell(environment.kubeconfig, tmp_path_factory.mktemp("top")) as started,
    ):
        await started.run("kubectl kustomize config/standalone | kubectl apply --server-side -f -")
        yield started


async def test_the_install_file_is_accepted_and_says_the_same_twice(bash: Shell) -> None:
    """Strictly validated; applied again it changes nothing."""
    apply = "kubectl apply --server-side --validate=strict -f dist/install.yaml"
    versions = "kubectl get -f dist/install.yaml -o jsonpath='{.items[*].metadata.resourceVersion}{\"\\n\"}'"
    await bash.run(apply)
    before = await bash.run(versions)
    await bash.run(apply)
    assert await bash.run(versions) == before != ""


async def test_every_sample_is_accepted(bash: Shell) -> None:
    """By the CRD's own rules as well."""
    await bash.run("kubectl create namespace samples")
    applied = await bash.run("kubectl apply -n samples -k config/samples")
    assert applied.count(" created") == len(list((ROOT / "config/samples").glob("0*.yaml")))


@pytest.fixture
async def chart(tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell with helm on a real control plane of its own where nothing is installed. Skips where helm is not built."""
    built = subprocess.run([ROOT / "hack/helm-binary", "--cached"], capture_output=True, text=True, check=False)
    if built.returncode != 0:
        pytest.skip(built.stderr.strip())
    (tmp_path / "helm").symlink_to(built.stdout.strip())
    async with (
        Environment("real") as environment,
        shell(environment.kubeconfig, tmp_path, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}") as started,
    ):
        yield started


async def test_the_chart_installs_upgrades_and_leaves_the_models(real_plane: None, chart: Shell) -> None:
    """An uninstalled release keeps the CRD and every Model; installed again it takes them over."""
    release = "model-controller charts/model-controller --namespace model-controller-system --create-namespace"
    await chart.run(f"helm upgrade --install {release} --set crds.standaloneChildren=true")
    await chart.run("kubectl apply -f config/samples/01-tiny.yaml")
    await chart.run(f"helm upgrade {release} --reset-then-reuse-values --set replicas=1")
    image = "-o jsonpath='{.spec.replicas} {.spec.template.spec.containers[0].image}{\"\\n\"}'"
    seen = await chart.run(f"kubectl -n model-controller-system get deployment model-controller {image}")
    assert seen.split() == ["1", "model-controller:v0.1.0"]
    await chart.run("helm uninstall model-controller --namespace model-controller-system")
    assert "tiny" in await chart.run("kubectl get models -o name")
    assert "No resources" in await chart.run("kubectl -n model-controller-system get deployments")
    await chart.run(f"helm upgrade --install {release}")
    assert "tiny" in await chart.run("kubectl get models -o name")
