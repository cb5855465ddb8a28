"""The indexed store behind an informer. Pure.

Invariants: an object is replaced only by a newer version of itself, or by another object of its name (another uid); an answer to our own
write is never undone by a list or an event that is older; readers see the state before or after a replacement, never half of it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import NamedTuple

from controller import meta
from controller.informers.delta import Delta, DeltaType
from controller.informers.mutation import MutationDetector
from controller.meta import NamespacedName, Object

BY_NAMESPACE = "namespace"
BY_OWNER = "owner-uid"
IndexFunction = Callable[[Object], Iterable[str]]
BUILT_IN: Mapping[str, IndexFunction] = {
    BY_NAMESPACE: lambda obj: (meta.namespace_of(obj),),
    BY_OWNER: lambda obj: (str(reference.get("uid", "")) for reference in meta.owner_references_of(obj)),
}


class Head(NamedTuple):
    """What is known of an object without looking into it; ``filed`` holds its values in every index."""

    uid: str
    resource_version: str
    number: int
    filed: tuple[tuple[str, ...], ...]


class Indexer:
    """Objects by key, and by every index, kept in ``objects``.

    With a ``detector``, a change of an object in place raises CacheMutated, sooner or later.
    """

    def __init__(
        self,
        *,
        detector: MutationDetector | None = None,
        objects: MutableMapping[NamespacedName, Object] | None = None,
    ) -> None:
        self._functions = dict(BUILT_IN)
        self._detector = detector
        self._objects: MutableMapping[NamespacedName, Object] = {} if objects is None else objects
        self._heads: dict[NamespacedName, Head] = {}
        self._indexes: dict[str, defaultdict[str, dict[NamespacedName, None]]] = {
            name: defaultdict(dict) for name in self._functions
        }
        self._recorded: dict[NamespacedName, int] = {}
        self._buried: dict[tuple[NamespacedName, str], int] = {}

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Files every object, present and future, under what ``function`` gives for it. Raises ValueError for another one of that name."""
        if name in self._functions:
            if self._functions[name] != function:
                raise ValueError(f"there is already another index {name!r}")
            return
        filed = {key: tuple(function(obj)) for key, obj in self._objects.items()}
        self._functions[name] = function
        index = self._indexes[name] = defaultdict(dict)
        for key, values in filed.items():
            head = self._heads[key]
            self._heads[key] = head._replace(filed=(*head.filed, values))
            for value in values:
                index[value][key] = None

    def __len__(self) -> int:
        return len(self._heads)

    def get(self, key: NamespacedName) -> Object | None:
        """The object of this key."""
        return self._objects.get(key)

    def keys(self) -> list[NamespacedName]:
        """The keys of all objects, as of now."""
        return list(self._heads)

    def values(self) -> list[Object]:
        """All objects, as of now."""
        return list(self._objects.values())

    def by_index(self, index: str, value: str) -> list[Object]:
        """The objects filed under ``value``. Raises KeyError for an index that does not exist."""
        return [self._objects[key] for key in self._indexes[index].get(value, ())]

    def heads_by_index(self, index: str, value: str) -> list[tuple[NamespacedName, Head]]:
        """What is known of the objects filed under ``value``, without decoding any. Raises KeyError for an index that does not exist."""
        return [(key, self._heads[key]) for key in self._indexes[index].get(value, ())]

    def apply(self, type_: str, obj: Object, *, in_initial_list: bool = False) -> Delta | None:
        """Takes in a watch event: ADDED, MODIFIED or DELETED. None when it says nothing new."""
        if type_ == DeltaType.DELETED:
            return self._remove(obj)
        key, version = meta.key_of(obj), _version(obj)
        if version <= self._buried.get((key, meta.uid_of(obj)), -1):
            return None
        head = self._heads.get(key)
        if head is not None and version <= head.number:
            return None
        current = self._objects.get(key)
        self._put(key, obj)
        if self._recorded.get(key, -1) <= version:
            self._recorded.pop(key, None)
        kind = DeltaType.ADDED if current is None else DeltaType.MODIFIED
        return Delta(kind, current, obj, in_initial_list)

    def record(self, obj: Object) -> Delta | None:
        """Takes in the answer to a write of our own, if it is newer than what is here."""
        delta = self.apply(DeltaType.MODIFIED, obj)
        if delta is not None:
            self._recorded[meta.key_of(obj)] = _version(obj)
        return delta

    def record_deletion(self, obj: Object) -> Delta | None:
        """Takes in that we deleted this object; events and lists that still show it are ignored up to its version."""
        key = meta.key_of(obj)
        head = self._heads.get(key)
        if head is None or head.uid != meta.uid_of(obj):
            return None
        self._buried[key, head.uid] = max(_version(obj), head.number)
        return Delta(DeltaType.DELETED, self._drop(key), None)

    def replace(
        self,
        items: Iterable[Object],
        version: str,
        *,
        namespace: str = "",
        rewound: bool = False,
        initial: bool = False,
    ) -> list[Delta]:
        """Makes the store (of one namespace, if given) hold exactly these items, the state at ``version``.

        What was recorded after that version stays, unless the server's history was ``rewound``. Returns what changed, deletions first.
        """
        listed = {meta.key_of(item): item for item in items}
        try:
            at = meta.parse_version(version)
        except ValueError:
            at = 0
        if rewound:
            self._recorded.clear()
            self._buried.clear()
        deltas: list[Delta] = []
        for key, head in list(self._heads.items()):
            if (namespace and key.namespace != namespace) or self._recorded.get(key, -1) > at:
                continue
            found = listed.get(key)
            if found is None or meta.uid_of(found) != head.uid:
                deltas.append(Delta(DeltaType.DELETED, self._drop(key), None, final_state_unknown=True))
        for key, item in listed.items():
            if (delta := self._take_listed(key, item, rewound=rewound, initial=initial)) is not None:
                deltas.append(delta)
        shown = {(key, meta.uid_of(item)) for key, item in listed.items()}
        self._buried = {
            grave: rv
            for grave, rv in self._buried.items()
            if (namespace and grave[0].namespace != namespace) or rv > at or grave in shown
        }
        return deltas

    def _take_listed(self, key: NamespacedName, item: Object, *, rewound: bool, initial: bool) -> Delta | None:
        if rewound and key in self._heads:
            current = self._objects[key]
            self._put(key, item)
            return Delta(DeltaType.MODIFIED, current, item)
        return self.apply(DeltaType.ADDED, item, in_initial_list=initial)

    def _remove(self, obj: Object) -> Delta | None:
        key, uid = meta.key_of(obj), meta.uid_of(obj)
        self._buried.pop((key, uid), None)
        head = self._heads.get(key)
        if head is None or head.uid != uid:
            return None
        self._drop(key)
        return Delta(DeltaType.DELETED, obj, None)

    def _put(self, key: NamespacedName, obj: Object) -> None:
        if self._detector is not None:
            self._detector.put(key, obj)
        self._unfile(key)
        self._objects[key] = obj
        filed = tuple(tuple(function(obj)) for function in self._functions.values())
        self._heads[key] = Head(meta.uid_of(obj), meta.resource_version_of(obj), _version(obj), filed)
        for index, values in zip(self._indexes.values(), filed, strict=True):
            for value in values:
                index[value][key] = None

    def _drop(self, key: NamespacedName) -> Object:
        """Takes the object out and returns it."""
        if self._detector is not None:
            self._detector.drop(key)
        self._unfile(key)
        self._recorded.pop(key, None)
        return self._objects.pop(key)

    def _unfile(self, key: NamespacedName) -> None:
        head = self._heads.pop(key, None)
        if head is None:
            return
        for index, values in zip(self._indexes.values(), head.filed, strict=True):
            for value in values:
                if (keys := index.get(value)) is not None:
                    keys.pop(key, None)
                    if not keys:
                        del index[value]


def _version(obj: Object) -> int:
    try:
        return meta.parse_version(meta.resource_version_of(obj))
    except ValueError:
        return 0
