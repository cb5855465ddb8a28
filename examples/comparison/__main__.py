"""Runs a ReplicaSet controller through faults, and prints how long each repair took.

``python -m examples.comparison PLANE CONTENDER [PROGRAM]``: PLANE is ``embedded`` or ``real``; CONTENDER is ``ours``, ``kopf`` with the
program of any environment, or ``go`` with the program that ``go build`` made of ``controller_runtime``.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal, Protocol

from controller.client import Client, ClientConfig
from controller.envtest import Environment
from controller.runtime import Manager, ManagerOptions
from controller.testing import FaultProxy, eventually, matching
from examples.crds import crd_of
from examples.replicaset import POD, REPLICA_SET, setup

PATIENCE_SECONDS = 150
WATCHES, CREATES = matching("WATCH", "/pods"), matching("POST", "/pods")
WEB = {
    "apiVersion": REPLICA_SET.api_version,
    "kind": REPLICA_SET.kind,
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}}},
}


class Contender(Protocol):
    """A controller that is started and killed."""

    async def start(self, server: ClientConfig) -> None:
        """Begin to work on this API server."""

    async def kill(self) -> None:
        """End at once, without a clean stop."""


class Ours:
    """``examples/replicaset.py`` in this process."""

    async def start(self, server: ClientConfig) -> None:
        """As a manager without election."""
        self._client = await Client.connect(server)
        manager = Manager(self._client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))
        setup(manager)
        self._task = asyncio.create_task(manager.run(asyncio.Event()))

    async def kill(self) -> None:
        """Cancelled."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._client.close()


class Program:
    """A controller in a process of its own."""

    def __init__(self, *command: str) -> None:
        self._command = command

    async def start(self, server: ClientConfig) -> None:
        """With the server's address and a token in its environment."""
        token = server.settings.authorization.removeprefix("Bearer ")
        environment = {**os.environ, "API_SERVER": server.host, "API_TOKEN": token, "PYTHONPATH": ""}
        self._process = await asyncio.create_subprocess_exec(*self._command, env=environment, stderr=subprocess.DEVNULL)

    async def kill(self) -> None:
        """With SIGKILL."""
        self._process.kill()
        await self._process.wait()


class Trial:
    """One contender behind a proxy; ``repaired`` prints a line for each fault."""

    def __init__(self, contender: Contender, admin: Client, proxy: FaultProxy) -> None:
        self.contender = contender
        self.admin = admin
        self.proxy = proxy

    async def lose(self, name: str) -> None:
        """Somebody deletes a Pod, past the proxy."""
        await self.admin.delete(POD, name, namespace="default")

    async def complete(self) -> bool:
        """Whether all three Pods are there."""
        return len((await self.admin.list_all(POD, "default")).items) == 3

    async def repaired(
        self, label: str, cause: Callable[[], Awaitable[object]], fault: AbstractContextManager[object] | None = None
    ) -> None:
        """Brings the fault into force, causes the work, and waits until all Pods are there."""
        known = len(self.proxy.requests)
        with fault or nullcontext():
            await cause()
            begun = asyncio.get_running_loop().time()
            try:
                await eventually(self.complete, timeout=PATIENCE_SECONDS)
            except AssertionError:
                print(f"{label}: not within {PATIENCE_SECONDS} s", flush=True)
                await self.contender.kill()
                await self.contender.start(self.proxy.config)
                await eventually(self.complete, timeout=PATIENCE_SECONDS)
            else:
                seconds, requests = asyncio.get_running_loop().time() - begun, self.proxy.requests[known:]
                lists = sum(seen.verb == "GET" and seen.path.endswith("/pods") for seen in requests)
                print(f"{label}: {seconds:.1f} s, {len(requests)} requests, {lists} lists of Pods", flush=True)
        await asyncio.sleep(3)

    async def run(self) -> None:
        """Every fault, one after the other."""
        lose, proxy = self.lose, self.proxy
        await self.contender.start(proxy.config)
        await self.repaired("created", lambda: self.admin.create(REPLICA_SET, WEB))
        await self.repaired("a Pod is deleted", lambda: lose("web-0"))

        async def while_down() -> None:
            await self.contender.kill()
            await lose("web-1")
            await self.contender.start(proxy.config)

        await self.repaired("a Pod is deleted while the controller is down", while_down)
        await self.repaired("three creates get 500", lambda: lose("web-2"), proxy.answering(CREATES, 500, times=3))
        await self.repaired(
            "three creates get 429, Retry-After: 1", lambda: lose("web-0"), proxy.throttling(CREATES, times=3)
        )
        await self.repaired("answers and events are 2 s late", lambda: lose("web-1"), proxy.delaying(matching(), 2.0))

        async def while_cut() -> None:
            proxy.cut()
            await lose("web-2")

        await self.repaired("all connections are reset", while_cut)

        async def while_away() -> None:
            async with proxy.down():
                await lose("web-0")
                await asyncio.sleep(20)

        await self.repaired("the API server is away for 20 s (from its return)", while_away)
        old = {id(seen) for seen in proxy.requests}
        await self.repaired(
            "open watches fall silent",
            lambda: lose("web-1"),
            proxy.freezing(lambda seen: seen.verb == "WATCH" and id(seen) in old),
        )
        await self.repaired(
            "the event of a deletion is dropped",
            lambda: lose("web-2"),
            proxy.dropping(WATCHES, lambda event: event["type"] == "DELETED"),
        )
        await self.contender.kill()


async def main(plane: Literal["embedded", "real"], contender: Contender) -> None:
    """One line for each fault."""
    async with (
        Environment(plane, crds=[crd_of(REPLICA_SET)]) as environment,
        environment.client() as admin,
        FaultProxy(environment.config) as proxy,
    ):
        await Trial(contender, admin, proxy).run()


if __name__ == "__main__":
    where = "real" if sys.argv[1] == "real" else "embedded"
    match sys.argv[2]:
        case "ours":
            chosen: Contender = Ours()
        case "kopf":
            operator = str(Path(__file__).with_name("replicaset_kopf.py"))
            chosen = Program(sys.argv[3], "run", "--namespace=default", operator)
        case _:
            chosen = Program(sys.argv[3])
    asyncio.run(main("real" if where == "real" else "embedded", chosen))
