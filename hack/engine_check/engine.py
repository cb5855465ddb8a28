"""One running engine process, bounded in time and ended with everything that it started."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from hack.engine_check.commands import Command

START_SECONDS = 600
_OF_A_CPU = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_TARGET_DEVICE": "cpu",
}


@dataclass(slots=True)
class Engine:
    """A running engine. ``refused`` says whether its port was closed until it was ready, as probes expect."""

    command: Command
    process: asyncio.subprocess.Process
    port: int
    log: Path
    seconds: float = 0.0

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    async def ready(self, http: aiohttp.ClientSession) -> None:
        """Waits until the path of the start-up probe answers 200. Raises RuntimeError when the engine ends or takes too long."""
        probe = self.command.container["startupProbe"]["httpGet"]["path"]
        started = time.monotonic()
        while time.monotonic() - started < START_SECONDS:
            if self.process.returncode is not None:
                raise RuntimeError(f"the engine ended with {self.process.returncode}: {self.last_words()}")
            try:
                async with http.get(f"{self.url}{probe}") as answer:
                    if answer.status == 200:
                        self.seconds = time.monotonic() - started
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(1)
        raise RuntimeError(f"the engine was not ready after {START_SECONDS} s: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-1500:]

    def terminate(self) -> None:
        """What the kubelet sends after the preStop hook."""
        self.process.send_signal(signal.SIGTERM)

    async def gone(self, seconds: float) -> bool:
        """Whether it ends within this time."""
        try:
            await asyncio.wait_for(self.process.wait(), seconds)
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def running(python: Path, command: Command, folder: Path, env: Mapping[str, str]) -> AsyncIterator[Engine]:
    """The command as a process group of its own, ready to answer. The group is killed in the end."""
    log = folder / "engine.log"
    literal = {entry["name"]: entry["value"] for entry in command.container["env"] if entry.get("value")}
    words = ["nice", "-n", "10", str(python), *command.argv[1:]]
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdout=out,
            stderr=out,
            env={**os.environ, **literal, **_OF_A_CPU, **env},
            cwd=folder,
            start_new_session=True,
        )
    engine = Engine(command, process, command.facts.engine_port, log)
    try:
        async with aiohttp.ClientSession() as http:
            await engine.ready(http)
        yield engine
    finally:
        _kill(process.pid)
        await process.wait()


def _kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
