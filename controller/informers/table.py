"""Objects by key and by index: the data of a store, without any opinion on versions. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from controller import meta
from controller.informers.compact import Packed, Packer, Recent, Stored, opened
from controller.meta import NamespacedName, Object

BY_NAMESPACE = "namespace"
BY_OWNER = "owner-uid"
IndexFunction = Callable[[Object], Iterable[str]]
IndexFailure = Callable[[str, Object, BaseException], None]
BUILT_IN: Mapping[str, IndexFunction] = {
    BY_NAMESPACE: lambda obj: (meta.namespace_of(obj),),
    BY_OWNER: lambda obj: (str(reference.get("uid", "")) for reference in meta.owner_references_of(obj)),
}


class Head(NamedTuple):
    """Metadata kept so that the object need not be decoded; ``filed`` holds its values in every index, in the order of the indexes."""

    uid: str
    resource_version: str
    number: int
    filed: tuple[tuple[str, ...], ...]


class Table:
    """Objects, their heads, and the keys under each value of each index.

    ``functions`` may be shared between tables. A function that raises for an object is reported to ``failed`` with its name; the object
    is stored all the same, is found under no value of that index, and stands in ``unfiled`` until ``refile`` succeeds. So does one for
    which a function returns something else than texts. Objects are compressed by ``packer``, if there is one; tables that take objects
    from each other share it, so that there is one sample to keep.
    """

    def __init__(self, functions: dict[str, IndexFunction], failed: IndexFailure, packer: Packer | None) -> None:
        self.heads: dict[NamespacedName, Head] = {}
        self.stored: dict[NamespacedName, Stored] = {}
        self.indexes: dict[str, defaultdict[str, dict[NamespacedName, None]]] = {}
        self.unfiled: dict[NamespacedName, None] = {}
        self._functions = functions
        self._failed = failed
        self._compact = packer is not None
        self._recent = Recent(self.stored, packer)
        for name in functions:
            self.indexes[name] = defaultdict(dict)

    def read(self, key: NamespacedName) -> Object:
        """The object of this key. Raises KeyError."""
        return self._recent.read(key)

    def put(self, key: NamespacedName, obj: Object) -> None:
        """Stores the object in place of the one of this key."""
        self._unfile(key)
        self._store(key, obj)
        self._file(key, obj)

    def take(self, key: NamespacedName, stored: Stored, head: Head) -> None:
        """Stores what another table with the same functions held of this key."""
        self._unfile(key)
        self._store(key, stored)
        self._enter(key, head)

    def drop(self, key: NamespacedName) -> Stored | None:
        """Takes the object out and returns it as it was stored."""
        self._unfile(key)
        self._recent.forget(key)
        return self.stored.pop(key, None)

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Files every object under one more index."""
        index = self.indexes[name] = defaultdict(dict)
        for key, head in list(self.heads.items()):
            values = self._values(key, name, function, opened(self.stored[key]))
            self.heads[key] = head._replace(filed=(*head.filed, values))
            for value in values:
                index[value][key] = None

    def refile(self) -> None:
        """Tries again the index functions that raised."""
        for key in list(self.unfiled):
            obj = opened(self.stored[key])
            self._unfile(key)
            self._file(key, obj)

    def _store(self, key: NamespacedName, stored: Stored) -> None:
        self._recent.forget(key)
        if self._compact and not isinstance(stored, Packed):
            self._recent.put(key, stored)
        else:
            self.stored[key] = stored

    def _file(self, key: NamespacedName, obj: Object) -> None:
        filed = tuple(self._values(key, name, function, obj) for name, function in self._functions.items())
        self._enter(key, Head(meta.uid_of(obj), meta.resource_version_of(obj), version_of(obj), filed))

    def _enter(self, key: NamespacedName, head: Head) -> None:
        self.heads[key] = head
        for index, values in zip(self.indexes.values(), head.filed, strict=True):
            for value in values:
                index[value][key] = None

    def _values(self, key: NamespacedName, name: str, function: IndexFunction, obj: Object) -> tuple[str, ...]:
        try:
            return _texts(function(obj))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a user's function concerns one object alone
            self.unfiled[key] = None
            self._failed(name, obj, error)
            return ()

    def _unfile(self, key: NamespacedName) -> None:
        self.unfiled.pop(key, None)
        head = self.heads.pop(key, None)
        if head is None:
            return
        for index, values in zip(self.indexes.values(), head.filed, strict=True):
            for value in values:
                if (keys := index.get(value)) is not None:
                    keys.pop(key, None)
                    if not keys:
                        del index[value]


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    """The result of an index function. Raises TypeError unless it is a collection of texts: a single text would be taken apart."""
    found = () if isinstance(values, str) else tuple(values)
    if isinstance(values, str) or not all(isinstance(value, str) for value in found):
        raise TypeError("an index function returns a collection of texts")
    return found


def version_of(obj: Object) -> int:
    """The resourceVersion as a number; 0 if it is not a version."""
    try:
        return meta.parse_version(meta.resource_version_of(obj))
    except ValueError:
        return 0
