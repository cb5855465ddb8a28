"""The examples of docs/envtest.md run as they stand, with clients that other projects make.

Clients that are not installed are skipped, visibly: ``make foreign`` makes an environment that has them all, and runs these tests in it.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from controller.envtest import real_assets

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "envtest.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PROGRAM = next(block for block in BLOCKS if "asyncio.run(" in block)
EXAMPLES = {match[1]: block for block in BLOCKS if (match := re.match(r"def test_(\w+)\(", block))}
PACKAGES = {"official_client": "kubernetes", "kr8s": "kr8s", "lightkube": "lightkube", "kopf": "kopf"}
pytestmark = pytest.mark.timeout(180)


def test_every_client_has_an_example() -> None:
    assert EXAMPLES.keys() == PACKAGES.keys()


def test_the_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("plane", ["embedded", pytest.param("real", marks=pytest.mark.real)])
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(tmp_path: Path, name: str, plane: str) -> None:
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed; see make foreign")
    if plane == "real" and real_assets() is None:
        pytest.skip("no real control plane: install Go or set KUBEBUILDER_ASSETS")
    if name == "kopf" and shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the PATH")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "test_example.py").write_text(EXAMPLES[name], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "controller.envtest.pytest_plugin", "--kube-plane", plane]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
