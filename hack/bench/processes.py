"""Processes as the kernel counts them: CPU seconds and resident memory."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_STOP_SECONDS = 15.0
_TOP = Path(__file__).resolve().parents[2]


class Process:
    """A program under test. ``cpu`` and ``memory`` can be read as long as it runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stopping = False

    @classmethod
    async def start(cls, command: Sequence[str], *, folder: Path | None = None) -> "Process":
        """Starts it in a folder; what it prints goes to standard error."""
        return cls(
            await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, stdout=2, cwd=folder or _TOP)
        )

    @property
    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory(self) -> float:
        """Resident MiB."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * _PAGE / 2**20

    def go(self) -> None:
        """Lets a program start that waits for a line of input."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")

    async def must_run(self) -> None:
        """Runs until cancelled. Raises RuntimeError when the program ends before ``stop``."""
        code = await self._process.wait()
        if not self._stopping:
            raise RuntimeError(f"the program under test ended with exit code {code}")

    async def stop(self) -> None:
        """Ends it, by force after a while."""
        self._stopping = True
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
