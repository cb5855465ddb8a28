"""A manager at work inside a test."""

import asyncio

import aiohttp

from controller.runtime import Manager


class Running:
    """A manager at work; leaving the context stops it and raises what it raised."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.stop = asyncio.Event()

    async def __aenter__(self) -> "Running":
        self.task = asyncio.create_task(self.manager.run(self.stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await self.task

    async def probe(self, path: str) -> tuple[int, str]:
        """Status and text of a probe."""
        url = f"http://127.0.0.1:{self.manager.probe_server.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()

    async def is_ready(self) -> bool:
        """Whether the process is up and says it is ready."""
        return self.manager.probe_server.port is not None and (await self.probe("/readyz"))[0] == 200

    def writes(self) -> float:
        """Mutating requests sent so far."""
        return sum(
            sample.value
            for family in self.manager.metrics.client.requests.collect()
            for sample in family.samples
            if sample.name.endswith("_total") and sample.labels["method"] not in ("GET", "WATCH")
        )
