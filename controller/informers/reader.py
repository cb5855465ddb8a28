"""Reads from whichever cache holds a resource, with the arguments of a Request."""

import builtins
from collections.abc import Callable

from controller.informers.shared_informer import SharedInformer
from controller.meta import LabelSelector, NamespacedName, Object, Resource


class CacheReader:
    """A reading client over the caches: ``reader.get(MODEL, request)`` where a reconciler has a Request.

    ``informer`` finds the cache of a resource, as ``Manager.informer`` does: one that is not there yet is made, and is empty until it has
    synced. Reads are as old as the cache; own writes are in it.
    """

    def __init__(self, informer: Callable[[Resource], SharedInformer]) -> None:
        self._informer = informer

    def get(self, resource: Resource, key: NamespacedName) -> Object | None:
        """The object of this key, or None."""
        return self._informer(resource).lister.get(key.name, key.namespace)

    def list(
        self, resource: Resource, namespace: str | None = None, selector: LabelSelector | None = None
    ) -> builtins.list[Object]:
        """All objects, or those of a namespace, or those whose labels are selected."""
        return self._informer(resource).lister.list(namespace, selector)

    def by_index(self, resource: Resource, index: str, value: str) -> builtins.list[Object]:
        """The objects filed under ``value`` in an index. Raises KeyError for an unknown index."""
        return self._informer(resource).lister.by_index(index, value)
