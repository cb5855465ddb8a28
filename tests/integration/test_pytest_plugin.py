"""The pytest plugin, as another project's tests use it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = """
import json, os, urllib.request

def test_requests(kube_environment, kube_namespace, kube_config):
    assert os.environ["KUBECONFIG"] == str(kube_config)
    url = f"{kube_environment.url}/api/v1/namespaces/{kube_namespace}"
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer)["status"]["phase"] == "Active"

def test_the_client(kube_client, kube_namespace, kube_environment):
    from controller.meta import Resource

    async def names():
        async with kube_client as client:
            found = await client.list(Resource("", "v1", "namespaces", "Namespace", namespaced=False))
            return [item["metadata"]["name"] for item in found.items]

    assert kube_namespace in kube_environment.run(names())
"""


def test_its_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_project.py").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "controller.envtest.pytest_plugin", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
