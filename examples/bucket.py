"""An external resource: each Bucket object has a bucket in a store outside of the cluster, and takes it along when it is deleted.

Shows a finalizer, typed objects, a periodic source for drift that no watch sees, and a terminal error.
"""

from typing import Protocol

import msgspec

from controller import meta
from controller.client import Kind, TypedLister, add_finalizer, remove_finalizer
from controller.meta import Object, Resource
from controller.runtime import (
    ControllerBuilder,
    Manager,
    PeriodicSource,
    Request,
    Result,
    TerminalError,
    any_of,
    deletion_started,
    generation_changed,
)

BUCKET = Resource("example.com", "v1", "buckets", "Bucket")
FINALIZER = "example.com/bucket"
DRIFT_SECONDS = 300.0


class Store(Protocol):
    """The external system. Its methods may be called again and again with the same names."""

    async def ensure(self, name: str, size_gib: int) -> str:
        """Create or resize the bucket; its URL. Raises OSError if the system is away, which is retried."""

    async def remove(self, name: str) -> None:
        """Delete the bucket if it is there. Raises OSError if the system is away."""


class BucketSpec(msgspec.Struct, rename="camel"):
    """The fields of ``spec`` that this controller reads."""

    size_gib: int = 1


class Bucket(msgspec.Struct):
    """A Bucket object: its metadata as they are, its spec as a type."""

    metadata: dict[str, object]
    spec: BucketSpec = msgspec.field(default_factory=BucketSpec)


class BucketReconciler:
    """Makes the store match the objects, and the status say where the bucket is."""

    def __init__(self, manager: Manager, store: Store) -> None:
        self._client = manager.client
        self._store = store
        self._objects = manager.informer(BUCKET).lister
        self._typed = TypedLister(self._objects, Kind(BUCKET, Bucket))

    async def reconcile(self, request: Request) -> Result:
        """One pass: clean up what is being deleted, else create what is missing."""
        obj = self._objects.get(request.name, request.namespace)
        if obj is None:
            return Result()
        name = f"{request.namespace}-{request.name}"
        if meta.is_deleting(obj):
            await self._store.remove(name)
            await remove_finalizer(self._client, BUCKET, obj, FINALIZER)
            return Result()
        obj = await add_finalizer(self._client, BUCKET, obj, FINALIZER)
        await self._report(obj, await self._store.ensure(name, self._size(request)))
        return Result()

    def _size(self, request: Request) -> int:
        try:
            bucket = self._typed.get(request.name, request.namespace)
        except ValueError as error:
            raise TerminalError(str(error)) from error
        return bucket.spec.size_gib if bucket is not None else 1

    async def _report(self, obj: Object, url: str) -> None:
        status = {"url": url, "observedGeneration": meta.generation_of(obj)}
        if meta.covers(meta.status_of(obj), status):
            return
        key = meta.key_of(obj)
        body = {"metadata": {"resourceVersion": meta.resource_version_of(obj)}, "status": status}
        await self._client.patch(BUCKET, key.name, body, namespace=key.namespace, subresource="status")


def setup(manager: Manager, store: Store, *, drift_seconds: float = DRIFT_SECONDS) -> None:
    """Adds the controller to a manager; every ``drift_seconds`` each bucket is compared with the store."""
    objects = manager.informer(BUCKET).lister
    builder = ControllerBuilder(manager).for_(BUCKET, any_of(generation_changed, deletion_started))
    builder.watches_source(PeriodicSource(drift_seconds, objects.keys))
    builder.with_options(concurrency=4, reconcile_timeout=60).complete(BucketReconciler(manager, store))
