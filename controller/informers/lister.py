"""The read-only side of an informer's stores."""

import builtins
from collections.abc import Mapping
from itertools import chain

from controller import meta
from controller.informers.store import Indexer
from controller.informers.table import BY_NAMESPACE
from controller.meta import LabelSelector, NamespacedName, Object


class Lister:
    """Reads what an informer holds. The objects are shared: copy one before changing it.

    ``stores`` has one store for each namespace, or a single one under the empty name for all of them.
    """

    def __init__(self, stores: Mapping[str, Indexer]) -> None:
        self._stores = stores

    def _chosen(self, namespace: str | None) -> builtins.list[Indexer]:
        """The stores that can hold objects of this namespace; all of them without one."""
        if not namespace or "" in self._stores:
            return list(self._stores.values())
        return [self._stores[namespace]] if namespace in self._stores else []

    def get(self, name: str, namespace: str | None = None) -> Object | None:
        """The object of this name, or None."""
        key = NamespacedName(namespace or "", name)
        return next((obj for store in self._chosen(namespace) if (obj := store.get(key)) is not None), None)

    def keys(self) -> builtins.list[NamespacedName]:
        """The names of all objects."""
        return list(chain.from_iterable(store.keys() for store in self._stores.values()))

    def list(self, namespace: str | None = None, selector: LabelSelector | None = None) -> builtins.list[Object]:
        """All objects, or those of a namespace, or those whose labels are selected."""
        found: builtins.list[Object] = []
        for store in self._chosen(namespace):
            found += store.by_index(BY_NAMESPACE, namespace) if namespace else store.values()
        return found if selector is None else [obj for obj in found if selector.matches(meta.labels_of(obj))]

    def versions(self, index: str, value: str) -> dict[NamespacedName, str]:
        """The resourceVersion of each object filed under ``value``; cheaper than looking at the objects. Raises KeyError as ``by_index``."""
        return {
            key: head.resource_version
            for store in self._stores.values()
            for key, head in store.heads_by_index(index, value)
        }

    def by_index(self, index: str, value: str) -> builtins.list[Object]:
        """The objects filed under ``value`` in an index. Raises KeyError for an unknown index."""
        return [obj for store in self._stores.values() for obj in store.by_index(index, value)]
