"""Stock kubectl prints the same on both control planes, command by command."""

import asyncio
import difflib
import os
import re
import shlex
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.envtest import Environment
from controller.envtest.binaries import real_assets
from tests.support.kubectl_scripts import FILES, SCRIPTS

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("both"), pytest.mark.timeout(600)]
EDITOR = "sed -i s/colour:.[a-z]*/colour:\\ blue/"
NORMAL = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+0000|Z)", "TIME"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w+ \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"([rR]esource ?Version)(\"?: *)\"?\d+\"?", r"\1\2VERSION"),
    (r"\b10\.0\.\d+\.\d+\b", "ADDRESS"),
    (r"\b3[0-2]\d{3}\b", "PORT"),
    (r"\b(\d+[smhd])+\b", "AGE"),
    (r"[EIW]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ ", ""),
    (r"(LIVE|MERGED)-\d+", r"\1"),
    (r"conflict with \"([^\"]*)\" using (\S+) at TIME", r'conflict with "\1" using \2'),
    (r" +", " "),
]


def normal(text: str, namespace: str) -> list[str]:
    """The lines of an output without what every control plane chooses for itself."""
    text = text.replace(namespace, "NS")
    for pattern, replacement in NORMAL:
        text = re.sub(pattern, replacement, text)
    return [line.rstrip() for line in text.splitlines()]


@pytest.fixture(scope="module")
async def planes(real_plane: None) -> AsyncIterator[list[Environment]]:
    async with Environment("embedded") as embedded, Environment("real") as real:
        yield [embedded, real]


@pytest.fixture(scope="module")
def kubectl(real_plane: None) -> str:
    assets = real_assets()
    found = shutil.which("kubectl") or (str(assets / "kubectl") if assets and (assets / "kubectl").exists() else None)
    if found is None:
        pytest.skip("there is no kubectl")
    return found


async def play(kubectl: str, environment: Environment, folder: Path, namespace: str, script: list[str]) -> list[str]:
    """Every line that the commands print, after a line with the command and its exit code."""
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text.replace("NS", namespace), encoding="utf-8")
    settings = {**os.environ, "KUBECONFIG": str(environment.kubeconfig), "KUBE_EDITOR": EDITOR, "HOME": str(folder)}

    async def run(command: str) -> list[str]:
        words = shlex.split(command.replace("NS", namespace))
        process = await asyncio.create_subprocess_exec(
            *(kubectl, "--namespace", namespace, *words),
            cwd=folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await process.communicate()
        lines = normal(output.decode(), namespace), normal(errors.decode(), namespace)
        return [f"$ kubectl {command} -> {process.returncode}", *lines[0], *lines[1]]

    await run(f"create ns {namespace}")
    await run("create sa default")
    found = [line for command in script for line in await run(command)]
    await run(f"delete ns {namespace} --wait=false")
    return found


@pytest.mark.parametrize("name", SCRIPTS)
async def test_kubectl_prints_the_same(planes: list[Environment], kubectl: str, tmp_path: Path, name: str) -> None:
    namespace = f"kubectl-{uuid.uuid4().hex[:8]}"
    embedded, real = await asyncio.gather(
        *(play(kubectl, plane, tmp_path / plane.plane, namespace, SCRIPTS[name]) for plane in planes)
    )
    different = "\n".join(difflib.unified_diff(real, embedded, "real", "embedded", lineterm="", n=2))
    assert not different, different
