"""A shared informer: the cache of one selection of objects, what keeps it current, and any number of handlers."""

import asyncio
import copy
from collections.abc import Sequence
from typing import Any

import structlog

from controller import meta
from controller.client import Client
from controller.informers.delta import Delta, DeltaType
from controller.informers.dispatcher import Dispatcher, Handler, Registration
from controller.informers.lister import Lister
from controller.informers.metrics import InformerMetrics
from controller.informers.mutation import MutationDetector
from controller.informers.options import CacheOptions, ReflectorOptions
from controller.informers.reflector import Reflector
from controller.informers.scope import Scope
from controller.informers.store import Indexer
from controller.informers.table import IndexFunction
from controller.meta import Object, Resource

_log = structlog.get_logger("controller.informers")

_VERIFY_SECONDS = 1.0
_RETRY_SECONDS = 10.0


class SharedInformer:
    """Delivers changes to handlers and serves reads from a cache.

    Handlers. A handler is synchronous and quick: it enqueues a key and returns. It receives each object's changes in order, those of
    different objects in any order. One that raises is logged with the object, and affects no other handler and no later change. A
    handler that is added late receives everything in the cache, as part of an initial list, in slices of a few milliseconds; changes
    that come meanwhile follow. A handler receives a change after the store holds it, so it reads at least that state.

    The cache. What is in it was on the server, and what the server deleted leaves it, at the latest with the next full list. It holds
    only what the options select: an answer to a write is taken in only if the object belongs here. Objects are shared and must not be
    changed. A ``compact`` cache keeps bytes, unless a mutation detector watches it (that one has to see what is handed out).

    Own writes. ``record`` and ``record_deletion`` take in answers of the API server, so that the next read sees a write at once. They
    can come late or in any order:

    1. Our patch is committed at version 7, somebody deletes the object at 8, the watch tells of 8, then the answer 7 arrives: it is
       older than what the cache has reached and is dropped.
    2. The object leaves the selection at 105, our write at 110 brings it back and is recorded, then the watch tells of 105: ignored.

    User functions. A transform or an index function that raises or returns something else than it should concerns one object: it is
    counted and logged with object and function, what the cache held of the object stays, and the function is tried again every 10 s.
    A ``keep`` that raises lets its object in.

    Not promised: that every intermediate state is delivered (a list shows only the last one), that deletions carry the last state (see
    ``Delta.final_state_unknown``), and that two informers are at the same version at the same time.
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
        self._scope = Scope(resource, options)
        self._metrics = metrics.for_reflector(resource, options.name(resource))
        self._dispatcher = Dispatcher(resource, self._metrics.processed)
        namespaces = tuple(options.namespaces or ()) or ("",)
        self._stores = {
            namespace: Indexer(
                detector=self._detector,
                compact=options.compact and self._detector is None,
                failed=lambda index, obj, error: self.failed(f"index {index}", obj, error),
            )
            for namespace in namespaces
        }
        self.lister = Lister(self._stores)
        self._synced = asyncio.Event()
        self._reflectors = [
            Reflector(
                client,
                resource,
                store,
                self,
                namespace=namespace,
                selection=options,
                options=reflector,
                metrics=metrics.for_reflector(resource, options.name(resource, namespace)),
            )
            for namespace, store in self._stores.items()
        ]

    def add_indexer(self, name: str, function: IndexFunction) -> None:
        """Files every object, present and future, under the values that ``function`` gives for it; readable by ``lister.by_index``.

        The same function under the same name is filed once. Raises ValueError for another function under a name that is taken.
        """
        for store in self._stores.values():
            store.add_index(name, function)

    @property
    def has_synced(self) -> bool:
        """Whether the first list of every namespace is in the store and was delivered to all handlers."""
        return self._synced.is_set()

    @property
    def problem(self) -> str:
        """Why it has not synced; empty when it has."""
        return next((reflector.problem for reflector in self._reflectors if not reflector.has_listed), "")

    def overdue(self) -> str | None:
        """For a health probe: which of its loops has missed its liveness deadline; None if none has."""
        return "; ".join(filter(None, (reflector.overdue() for reflector in self._reflectors))) or None

    def add_handler(self, handler: Handler) -> Registration:
        """From now on ``handler`` receives every change, after the objects that are there already."""
        registration = Registration(self, handler)
        present = (
            Delta(DeltaType.ADDED, None, stored, in_initial_list=True)
            for store in self._stores.values()
            for stored in store.stored()
        )
        self._dispatcher.add(registration, present)
        return registration

    def remove_handler(self, registration: Registration) -> None:
        """Stop calling this handler. Does nothing the second time."""
        self._dispatcher.remove(registration)

    async def wait_for_sync(self) -> None:
        """Return once the first list of every namespace is in the store and was delivered to all handlers."""
        await self._synced.wait()

    async def wait_for_first_list(self) -> None:
        """Return once the first list of every namespace is in the store or was tried and failed."""
        await asyncio.gather(*(reflector.wait_for_first_list() for reflector in self._reflectors))

    def record(self, obj: Object) -> None:
        """Takes in the server's answer to a write of our own, if the object belongs here and nothing newer is known."""
        store = self._store_of(obj)
        if store is None or not meta.name_of(obj):
            return
        selected = self._scope.selects(obj) and self.keeps(obj)
        if not selected and meta.key_of(obj) not in store:
            return
        try:
            shaped = self._scope.shape(dict(obj) if self.options.transform is None else copy.deepcopy(dict(obj)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the watch brings the object again
            self.failed("transform", obj, error)
            return
        left = not selected and self._scope.is_readable
        delta = store.record_deletion(shaped) if left else store.record(shaped)
        if delta is not None:
            self._dispatcher.dispatch(delta)

    def record_deletion(self, obj: Object) -> None:
        """Takes in that this object was deleted by us."""
        store = self._store_of(obj)
        delta = store.record_deletion(obj) if store is not None else None
        if delta is not None:
            self._dispatcher.dispatch(delta)

    def _store_of(self, obj: Object) -> Indexer | None:
        return self._stores.get("", self._stores.get(meta.namespace_of(obj)))

    async def wait_for_version(self, version: str, timeout: float) -> None:
        """Return once the store has reached this version of the collection. Raises TimeoutError after ``timeout`` seconds.

        Costs one short watch where the server sends bookmarks. A list in progress is never interrupted.
        """
        await asyncio.gather(*(reflector.wait_for_version(version, timeout) for reflector in self._reflectors))

    async def run(self) -> None:
        """Runs until cancelled; raises when a reflector dies, which none should, and when a cached object was changed in place."""
        try:
            async with asyncio.TaskGroup() as group:
                for reflector in self._reflectors:
                    group.create_task(reflector.run())
                group.create_task(self._retry_rejected())
                while self._detector is not None:
                    await asyncio.sleep(_VERIFY_SECONDS)
                    self._detector.verify()
        finally:
            await self._dispatcher.stop()

    async def _retry_rejected(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_SECONDS)
            for reflector in self._reflectors:
                reflector.retry_rejected()

    def verify(self) -> None:
        """Raises CacheMutated when a cached object was changed in place, if the environment asks for that to be found out."""
        if self._detector is not None:
            self._detector.verify()

    def shape(self, obj: dict[str, Any]) -> Object:
        """The object as it is stored; raises what the transform raises."""
        return self._scope.shape(obj)

    def keeps(self, obj: Object) -> bool:
        """Whether ``keep`` lets the object in; also true when it raises, because what is not known is not left out."""
        try:
            return self._scope.keeps(obj)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a user's function concerns one object alone
            self.failed("keep", obj, error)
            return True

    def failed(self, function: str, obj: Object, error: BaseException) -> None:
        """A function of the author raised for this object: it is counted and logged."""
        self._metrics.failed(function)
        _log.error(
            "A function failed for one object",
            function=function,
            resource=self.resource.key,
            object=str(meta.key_of(obj)),
            error=repr(error),
        )

    def dispatch(self, delta: Delta) -> None:
        """Delivers one change to all handlers."""
        self._dispatcher.dispatch(delta)

    async def dispatch_all(self, deltas: Sequence[Delta]) -> None:
        """Delivers many changes to all handlers, in slices; returns when all were delivered."""
        await self._dispatcher.dispatch_all(deltas)
        if all(reflector.has_listed for reflector in self._reflectors):
            self._synced.set()
