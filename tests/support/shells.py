"""A bash for the commands of the documentation: one for a whole page, as its reader has it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_DONE = "-- done --"


class Shell:
    """A running bash that stops at the first command that fails."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._script = folder / "script.sh"

    async def run(self, script: str) -> str:
        """What the commands print. Raises AssertionError with it when one fails; nothing more can be run then."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        self._script.write_text(script, encoding="utf-8")
        stdin.write(f". {self._script}; echo '{_DONE}'\n".encode())
        lines: list[str] = []
        while line := (await stdout.readline()).decode():
            if line.rstrip() == _DONE:
                return "".join(lines)
            lines.append(line)
        raise AssertionError("\n".join([script, *lines]))

    @property
    def ended(self) -> bool:
        """Whether a command failed."""
        return self._process.stdout is None or self._process.stdout.at_eof()


@contextlib.asynccontextmanager
async def shell(kubeconfig: Path, folder: Path, **environment: str) -> AsyncIterator[Shell]:
    """A bash in ``folder``, where everything of the repository's top is too. What it started in the background ends with it.

    ``make`` there only shows what it would do. Its home has the same kubeconfig, for pages that unset KUBECONFIG.
    """
    (folder / "home" / ".kube").mkdir(parents=True)
    (folder / "home" / ".kube" / "config").write_bytes(kubeconfig.read_bytes())
    for entry in ROOT.iterdir():
        (folder / entry.name).symlink_to(entry)
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "KUBECONFIG": str(kubeconfig),
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "MAKEFLAGS": "n",
        "MODEL_CONTROLLER_METRICS_BIND_ADDRESS": "0",
        "MODEL_CONTROLLER_HEALTH_PROBE_BIND_ADDRESS": "0",
    }
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail"),
        cwd=folder,
        env={**os.environ, **variables, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Shell(process, folder)
    try:
        await running.run("trap 'jobs -p | xargs --no-run-if-empty kill' EXIT")
        yield running
    finally:
        await process.communicate(b"")
