"""A manager with the Model controller at work inside a test, and a count of what it writes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from controller.client import Client, ClientConfig
from controller.dialects import E4FB6663, Dialect
from controller.envtest import Environment
from controller.reconcilers import ModelControllerOptions, setup
from controller.runtime import Manager, ManagerOptions
from tests.support.rights import as_controller


class Counting:
    """Request metrics that remember mutating requests."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, int | None]] = []

    def request(self, method: str, host: str, code: int | None, seconds: float) -> None:
        """An attempt is over."""
        if method not in ("GET", "WATCH", "LIST"):
            self.writes.append((method, code))

    def retry(self, method: str, host: str, code: int | None) -> None:
        """Not counted."""

    def waited(self, method: str, host: str, seconds: float) -> None:
        """Not counted."""

    def sizes(self, method: str, host: str, request: int, response: int) -> None:
        """Not counted."""

    def resolved(self, host: str, seconds: float) -> None:
        """Not counted."""


@contextlib.asynccontextmanager
async def controlling(
    environment: Environment,
    namespace: str,
    dialect: Dialect = E4FB6663,
    *,
    through: ClientConfig | None = None,
    settings_in: str | None = None,
    **options: Any,
) -> AsyncIterator[Counting]:
    """A manager with the Model controller at work in one namespace, with its shipped rights.

    ``dialect`` is the only family unless the ``options`` name others. ``through`` is another way in,
    ``settings_in`` the namespace of the operator's ConfigMap.
    """
    counting = Counting()
    async with await Client.connect(through or await as_controller(environment)) as client:
        off = ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0", namespaces=(namespace,))
        manager = Manager(client, off)
        client.use_metrics(counting)
        setup(manager, ModelControllerOptions(**{"families": (dialect.name,), "namespace": settings_in, **options}))
        stop = asyncio.Event()
        running = asyncio.create_task(manager.run(stop))
        try:
            while not manager.controllers and not running.done():  # until discovery has found something to serve
                await asyncio.sleep(0.05)
            await manager.informers.wait_for_sync()
            yield counting
        finally:
            stop.set()
            await running
