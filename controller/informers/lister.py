"""The read-only half of a store."""

import builtins

from controller import meta
from controller.informers.store import BY_NAMESPACE, Indexer
from controller.meta import LabelSelector, NamespacedName, Object


class Lister:
    """Reads what an informer knows. The objects are shared: whoever wants to change one makes a copy."""

    def __init__(self, store: Indexer) -> None:
        self._store = store

    def get(self, name: str, namespace: str | None = None) -> Object | None:
        """The object of this name, or None."""
        return self._store.get(NamespacedName(namespace or "", name))

    def keys(self) -> builtins.list[NamespacedName]:
        """The names of all objects."""
        return self._store.keys()

    def list(self, namespace: str | None = None, selector: LabelSelector | None = None) -> builtins.list[Object]:
        """All objects, or those of a namespace, or those whose labels are selected."""
        found = self._store.by_index(BY_NAMESPACE, namespace) if namespace else self._store.values()
        return found if selector is None else [obj for obj in found if selector.matches(meta.labels_of(obj))]

    def versions(self, index: str, value: str) -> dict[NamespacedName, str]:
        """The resourceVersion of each object filed under ``value``; cheaper than looking at the objects. Raises KeyError as ``by_index``."""
        return {key: head.resource_version for key, head in self._store.heads_by_index(index, value)}

    def by_index(self, index: str, value: str) -> builtins.list[Object]:
        """The objects filed under ``value`` in an index. Raises KeyError for an unknown index."""
        return self._store.by_index(index, value)
