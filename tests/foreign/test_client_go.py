"""An ordinary client-go program, typed clients with default settings, on both control planes: hack/envtest/foreign."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from controller.client import Client
from controller.envtest import Environment
from controller.meta import Resource
from controller.meta.errors import AlreadyExists

SOURCE = Path(__file__).resolve().parents[2] / "hack" / "envtest"
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="session")
def program() -> Path:
    """The program, built once into the user's cache."""
    if shutil.which("go") is None:
        pytest.skip("there is no Go to build the client-go program with")
    sources = (SOURCE / "go.mod", SOURCE / "go.sum", SOURCE / "foreign" / "main.go")
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "model-controller"
    target = cache / f"client-go-{digest}"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        building = target.with_suffix(f".{os.getpid()}")
        command = ["go", "build", "-mod=readonly", "-o", str(building), "./foreign"]
        subprocess.run(command, cwd=SOURCE, check=True, env={**os.environ, "CGO_ENABLED": "0"})
        building.rename(target)
    return target


async def test_it_does_everything(program: Path, environment: Environment, client: Client, namespace: str) -> None:
    """Stale updates conflict, informers see what happens, deletes and evictions work, and the election ends with a free lease."""
    if environment.plane == "real":
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace},
        }
        with contextlib.suppress(AlreadyExists):
            await client.create(ACCOUNTS, account)
    process = await asyncio.create_subprocess_exec(
        str(program), str(environment.kubeconfig), namespace, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, output.decode() + errors.decode()
    assert "FAILED" not in output.decode()
    assert output.decode().splitlines()[-1] == "ok the lease is released"
