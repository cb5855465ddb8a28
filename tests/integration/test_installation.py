"""What is shipped installs with kubectl on a real API server."""

import shutil
from collections.abc import AsyncIterator

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


@pytest.mark.parametrize("manifests", ["cat dist/install.yaml", "kubectl kustomize config/sharded"])
async def test_an_installation_is_accepted_and_says_the_same_twice(bash: Shell, manifests: str) -> None:
    """Strictly validated; applied again it changes nothing."""
    await bash.run(f"{manifests} > installed.yaml")
    apply = "kubectl apply --server-side --validate=strict -f installed.yaml"
    versions = "kubectl get -f installed.yaml -o jsonpath='{.items[*].metadata.resourceVersion}{\"\\n\"}'"
    await bash.run(apply)
    before = await bash.run(versions)
    await bash.run(apply)
    assert await bash.run(versions) == before != ""


async def test_every_sample_is_accepted(bash: Shell) -> None:
    """By the CRD's own rules as well."""
    await bash.run("kubectl create namespace samples")
    applied = await bash.run("kubectl apply -n samples -k config/samples")
    assert applied.count(" created") == len(list((ROOT / "config/samples").glob("[0-9]*.yaml")))
