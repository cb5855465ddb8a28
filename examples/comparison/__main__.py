"""Runs a ReplicaSet controller, ours or the kopf one, through faults, and prints how long each repair took.

``python -m examples.comparison ours``, or ``python -m examples.comparison kopf PATH_OF_KOPF`` with the ``kopf`` program of any environment.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Protocol

from controller import meta
from controller.client import Client, static_config
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

    async def start(self, url: str) -> None:
        """Begin to work on this API server."""

    async def kill(self) -> None:
        """End at once, without a clean stop."""


class Ours:
    """``examples/replicaset.py`` in this process."""

    async def start(self, url: str) -> None:
        """As a manager without election."""
        self._client = await Client.connect(static_config(url))
        manager = Manager(self._client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))
        setup(manager)
        self._task = asyncio.create_task(manager.run(asyncio.Event()))

    async def kill(self) -> None:
        """Cancelled."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._client.close()


class Kopf:
    """``replicaset_kopf.py`` in a process of its own."""

    def __init__(self, program: str) -> None:
        self._command = (program, "run", "--namespace=default", str(Path(__file__).with_name("replicaset_kopf.py")))

    async def start(self, url: str) -> None:
        """As its documentation says."""
        environment = {**os.environ, "API_SERVER": url, "PYTHONPATH": ""}
        self._process = await asyncio.create_subprocess_exec(*self._command, env=environment, stderr=-3)

    async def kill(self) -> None:
        """With SIGKILL."""
        self._process.kill()
        await self._process.wait()


async def main(contender: Contender) -> None:
    """One line for each fault."""
    async with (
        Environment("embedded", crds=[crd_of(REPLICA_SET)]) as environment,
        environment.client() as admin,
        FaultProxy(environment.config) as proxy,
    ):

        async def complete() -> bool:
            return len((await admin.list_all(POD, "default")).items) == 3

        async def report(fault: str) -> None:
            begun = asyncio.get_running_loop().time()
            try:
                await eventually(complete, timeout=PATIENCE_SECONDS)
            except AssertionError:
                print(f"{fault}: not within {PATIENCE_SECONDS} s")
                await contender.kill()
                await contender.start(proxy.url)
                await eventually(complete)
            else:
                print(f"{fault}: {asyncio.get_running_loop().time() - begun:.1f} s")
            await asyncio.sleep(2)

        await contender.start(proxy.url)
        await admin.create(REPLICA_SET, WEB)
        await report("created")
        await admin.delete(POD, "web-0", namespace="default")
        await report("a Pod was deleted")
        await contender.kill()
        await admin.delete(POD, "web-1", namespace="default")
        await contender.start(proxy.url)
        await report("a Pod was deleted while the controller was down")
        with proxy.answering(CREATES, 500, times=3):
            await admin.delete(POD, "web-2", namespace="default")
            await report("the API server refused three creates")
        known = list(proxy.requests)
        with proxy.freezing(lambda seen: WATCHES(seen) and any(seen is each for each in known)):
            await admin.delete(POD, meta.name_of(WEB) + "-0", namespace="default")
            await report("the watch of Pods fell silent")
        await contender.kill()


if __name__ == "__main__":
    asyncio.run(main(Ours() if sys.argv[1] == "ours" else Kopf(sys.argv[2])))
