"""A shared informer: one store, its reflectors, and any number of handlers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from controller.client import Client
from controller.informers.compact import CompactObjects
from controller.informers.delta import Delta, DeltaType
from controller.informers.lister import Lister
from controller.informers.mutation import MutationDetector
from controller.informers.options import CacheOptions, ReflectorOptions
from controller.informers.reflector import InformerMetrics, Reflector
from controller.informers.store import Indexer, IndexFunction
from controller.meta import Object, Resource

_log = structlog.get_logger("controller.informers")

_VERIFY_SECONDS = 1.0
Handler = Callable[[Delta], None]


class Registration:
    """One handler's membership. ``has_synced`` once the handler has been told of everything the first lists held."""

    def __init__(self, informer: "SharedInformer", handler: Handler) -> None:
        self._informer = informer
        self.handler = handler

    @property
    def has_synced(self) -> bool:
        """Handlers run as events come in, so a handler is through with the first lists when the informer is."""
        return self._informer.has_synced


def strip_managed_fields(obj: dict[str, Any]) -> Object:
    """The transform every informer applies first: nobody here reads ``managedFields``, and they are large."""
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    return obj


class SharedInformer:
    """Tells handlers what changes and lets everybody read what is.

    Order is kept per object. A handler is synchronous and quick: it enqueues and returns. One that raises is logged, and hurts no other.
    A handler added late is told of everything that is there, as part of the initial list. A ``compact`` informer keeps its objects as
    bytes, unless a mutation detector watches them: that one has to see what is handed out.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        options: CacheOptions,
        *,
        reflector: ReflectorOptions,
        metrics: InformerMetrics,
    ) -> None:
        self.resource = resource
        self.options = options
        self._detector = MutationDetector.from_environment()
        packed = options.compact and self._detector is None
        self._store = Indexer(detector=self._detector, objects=CompactObjects() if packed else None)
        self.lister = Lister(self._store)
        self._handlers: list[Registration] = []
        self._metrics = metrics
        metrics.added(resource)
        self._reflectors = [
            Reflector(
                client,
                resource,
                self._store,
                self._dispatch,
                namespace=namespace,
                selection=options,
                options=reflector,
                transform=self._transform,
                metrics=metrics,
            )
            for namespace in (tuple(options.namespaces or ()) or ("",))
        ]

    def _transform(self, obj: dict[str, Any]) -> Object:
        stripped = strip_managed_fields(obj)
        return stripped if self.options.transform is None else self.options.transform(dict(stripped))

    def add_indexer(self, name: str, function: IndexFunction) -> None:
        """Files every object, present and future, under the values that ``function`` gives for it; readable by ``lister.by_index``.

        The same function under the same name is filed once. Raises ValueError for another function under a name that is taken.
        """
        self._store.add_index(name, function)

    @property
    def has_synced(self) -> bool:
        """Whether the first list of every namespace is in the store and handed out."""
        return all(reflector.has_synced for reflector in self._reflectors)

    @property
    def problem(self) -> str:
        """Why it has not synced; empty when it has."""
        return next((reflector.problem for reflector in self._reflectors if not reflector.has_synced), "")

    def overdue(self) -> str | None:
        """For a health probe: what is wrong when one of its loops has not shown a sign of life for too long."""
        seconds = max(reflector.overdue() for reflector in self._reflectors)
        return f"the watch of {self.resource.key} is overdue by {seconds:.0f} s" if seconds > 0 else None

    def add_handler(self, handler: Handler) -> Registration:
        """From now on ``handler`` is told of every change; first of all objects that are there already."""
        registration = Registration(self, handler)
        for obj in self._store.values():
            self._call(registration, Delta(DeltaType.ADDED, None, obj, in_initial_list=True))
        self._handlers.append(registration)
        return registration

    def remove_handler(self, registration: Registration) -> None:
        """Stop calling this handler. Does nothing the second time."""
        if registration in self._handlers:
            self._handlers.remove(registration)

    async def wait_for_sync(self) -> None:
        """Return once the first list of every namespace is in the store."""
        await asyncio.gather(*(reflector.wait_for_sync() for reflector in self._reflectors))

    def record(self, obj: Object) -> None:
        """Takes in the server's answer to a write of our own, unless something newer is here already."""
        delta = self._store.record(self._transform(dict(obj)))
        if delta is not None:
            self._dispatch((delta,))

    def record_deletion(self, obj: Object) -> None:
        """Takes in that this object was deleted by us."""
        delta = self._store.record_deletion(obj)
        if delta is not None:
            self._dispatch((delta,))

    async def wait_for_version(self, version: str, timeout: float) -> None:
        """Return once the store has reached this version of the collection. Raises TimeoutError after ``timeout`` seconds.

        Costs one short watch where the server sends bookmarks. A list in progress is never interrupted.
        """
        await asyncio.gather(*(reflector.wait_for_version(version, timeout) for reflector in self._reflectors))

    async def run(self) -> None:
        """Runs until cancelled; raises when a reflector dies, which none should, and when a cached object was changed in place."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            while self._detector is not None:
                await asyncio.sleep(_VERIFY_SECONDS)
                self._detector.verify()

    def verify(self) -> None:
        """Raises CacheMutated when a cached object was changed in place, if the environment asks for that to be found out."""
        if self._detector is not None:
            self._detector.verify()

    def _dispatch(self, deltas: Sequence[Delta]) -> None:
        for delta in deltas:
            started = time.perf_counter()
            for registration in tuple(self._handlers):
                self._call(registration, delta)
            self._metrics.processed(self.resource, time.perf_counter() - started)

    def _call(self, registration: Registration, delta: Delta) -> None:
        try:
            registration.handler(delta)
        except Exception:  # noqa: BLE001 - one handler's fault must not hurt the others
            _log.exception("A handler failed", resource=self.resource.key)
