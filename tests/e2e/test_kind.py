"""The whole thing on a kind cluster: image, manifests, samples. Opt-in: ``make e2e``, where a Docker engine runs."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "model-controller:v0.1.0"


@pytest.fixture(scope="session")
def docker() -> str:
    """The docker client, or a visible skip where no engine answers."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no Docker engine runs here")
    return docker


def test_the_shipped_manifests_bring_a_sample_to_its_children(docker: str, request: pytest.FixtureRequest) -> None:
    """Build, load, apply, and wait for the children of a sample."""
    pytest.importorskip("pytest_kind", reason="install the e2e extra")
    kind_cluster: Any = request.getfixturevalue("kind_cluster")
    subprocess.run([docker, "build", "--tag", IMAGE, str(ROOT)], check=True)
    kind_cluster.load_docker_image(IMAGE)
    kind_cluster.kubectl("apply", "-k", str(ROOT / "config" / "default"))
    kind_cluster.kubectl("apply", "-f", str(ROOT / "config" / "crd" / "children"))
    kind_cluster.kubectl(
        "-n", "model-controller-system", "rollout", "status", "deployment/model-controller", "--timeout=300s"
    )
    kind_cluster.kubectl("apply", "-f", str(ROOT / "config" / "samples"))
    kind_cluster.kubectl("wait", "models", "--all", "--for=condition=Initialized", "--timeout=120s")
    assert "modelinfer" in kind_cluster.kubectl("get", "modelinfers", "-o", "name")
