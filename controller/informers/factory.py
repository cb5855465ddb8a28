"""The factory: one informer for everybody who wants the same objects."""

import asyncio
from collections.abc import Mapping, Sequence

from controller.client import Client
from controller.informers.reflector import InformerMetrics, NoInformerMetrics, Transform
from controller.informers.shared_informer import SharedInformer
from controller.informers.store import IndexFunction
from controller.meta import Resource

_POLL = 0.02


class SharedInformerFactory:
    """Makes, shares and runs informers. ``watch_timeout`` and ``resync`` are seconds."""

    def __init__(
        self,
        client: Client,
        *,
        watch_timeout: float = 300.0,
        resync: float = 14400.0,
        metrics: InformerMetrics | None = None,
    ) -> None:
        self._client = client
        self._watch_timeout = watch_timeout
        self._resync = resync
        self._metrics: InformerMetrics = metrics if metrics is not None else NoInformerMetrics()
        self._informers: dict[object, SharedInformer] = {}
        self._group: asyncio.TaskGroup | None = None

    def informer(
        self,
        resource: Resource,
        *,
        namespaces: Sequence[str] = (),
        label_selector: str = "",
        field_selector: str = "",
        transform: Transform | None = None,
        metadata_only: bool = False,
        compact: bool = False,
        indexers: Mapping[str, IndexFunction] | None = None,
    ) -> SharedInformer:
        """The informer of these objects. The same arguments give the same informer; one made while running starts at once."""
        names = tuple(sorted((indexers or {}).items(), key=lambda item: item[0]))
        key = (
            resource,
            tuple(sorted(set(namespaces))),
            label_selector,
            field_selector,
            transform,
            metadata_only,
            compact,
            names,
        )
        if key not in self._informers:
            self._informers[key] = SharedInformer(
                self._client,
                resource,
                namespaces=namespaces,
                label_selector=label_selector,
                field_selector=field_selector,
                transform=transform,
                metadata_only=metadata_only,
                compact=compact,
                indexers=indexers,
                watch_timeout=self._watch_timeout,
                resync=self._resync,
                metrics=self._metrics,
            )
            if self._group is not None:
                self._group.create_task(self._informers[key].run())
        return self._informers[key]

    async def run(self) -> None:
        """Runs all informers until cancelled. Raises when one of them dies."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for informer in self._informers.values():
                group.create_task(informer.run())
            await asyncio.Event().wait()

    async def wait_for_sync(self) -> None:
        """Returns once every informer has synced."""
        while self.unsynced():  # noqa: ASYNC110 - the condition spans informers that may still be added
            await asyncio.sleep(_POLL)

    def verify(self) -> None:
        """Raises CacheMutated when a cached object was changed in place, if the environment asks for that to be found out."""
        for informer in self._informers.values():
            informer.verify()

    def unsynced(self) -> list[str]:
        """The informers that have not synced, with the reason."""
        return [
            f"{informer.resource.key} ({informer.problem})"
            for informer in self._informers.values()
            if not informer.has_synced
        ]

    def overdue(self) -> str | None:
        """For a health probe: what is wrong when a list or watch has not shown a sign of life for too long.

        A server that is away or refuses is no reason: then the informer waits and tries again, and is alive.
        """
        problems = [informer.overdue() for informer in self._informers.values()]
        return "; ".join(problem for problem in problems if problem) or None
