"""The indexed store behind one reflector. Pure.

Invariants: an object is replaced only by a newer version of itself, or by another object of its name (another uid); what was recorded
of an own write is never undone by a list or an event that is older; readers see the state before or after a replacement, never a part
of it; an answer that is older than what the watch has reached never brings back an object that is gone.
"""

from collections.abc import Iterable

from controller import meta
from controller.informers.compact import Packer, Stored, opened
from controller.informers.delta import Delta, DeltaType
from controller.informers.mutation import MutationDetector
from controller.informers.own_writes import OwnWrites
from controller.informers.replacement import Replacement
from controller.informers.table import BUILT_IN, Head, IndexFailure, IndexFunction, Table, version_of
from controller.meta import NamespacedName, Object


def _ignored(_: str, __: Object, ___: BaseException) -> None:
    """Failures of index functions are not reported."""


class Indexer:
    """Objects by key and by every index.

    ``compact`` keeps them as bytes. With a ``detector``, a change of an object in place raises CacheMutated, sooner or later.
    ``failed`` is called with the name of an index, the object and the exception when an index function raises.

    ``position`` is the version of the collection that the store has reached by lists, events and bookmarks; own writes do not move it.
    """

    def __init__(
        self,
        *,
        detector: MutationDetector | None = None,
        compact: bool = False,
        failed: IndexFailure = _ignored,
    ) -> None:
        self.position = 0
        self._functions = dict(BUILT_IN)
        self._failed = failed
        self._packer = Packer() if compact else None
        self._detector = detector
        self._table = self._new_table()
        self._replacements: list[Replacement] = []
        self._own = OwnWrites()

    def _new_table(self) -> Table:
        return Table(self._functions, self._failed, self._packer)

    def add_index(self, name: str, function: IndexFunction) -> None:
        """Files every object, present and future, under what ``function`` gives for it. Raises ValueError for another one of that name."""
        if name in self._functions:
            if self._functions[name] != function:
                raise ValueError(f"there is already another index {name!r}")
            return
        self._functions[name] = function
        for table in (self._table, *(replacement.table for replacement in self._replacements)):
            table.add_index(name, function)

    def retry_indexes(self) -> None:
        """Calls again the index functions that raised for an object."""
        self._table.refile()

    def __len__(self) -> int:
        return len(self._table.heads)

    def __contains__(self, key: NamespacedName) -> bool:
        return key in self._table.heads

    def get(self, key: NamespacedName) -> Object | None:
        """The object of this key."""
        return self._table.read(key) if key in self._table.heads else None

    def stored(self) -> list[Stored]:
        """All objects as they are kept, as of now; cheap in a compact store."""
        return list(self._table.stored.values())

    def keys(self) -> list[NamespacedName]:
        """The keys of all objects, as of now."""
        return list(self._table.heads)

    def values(self) -> list[Object]:
        """All objects, as of now."""
        return [opened(stored) for stored in self._table.stored.values()]

    def by_index(self, index: str, value: str) -> list[Object]:
        """The objects filed under ``value``. Raises KeyError for an index that does not exist."""
        return [self._table.read(key) for key in self._table.indexes[index].get(value, ())]

    def heads_by_index(self, index: str, value: str) -> list[tuple[NamespacedName, Head]]:
        """The metadata of the objects filed under ``value``, without decoding any. Raises KeyError for an index that does not exist."""
        return [(key, self._table.heads[key]) for key in self._table.indexes[index].get(value, ())]

    def reach(self, version: str) -> None:
        """A bookmark: nothing happened up to this version that did not arrive."""
        try:
            self.position = max(self.position, meta.parse_version(version))
        except ValueError:
            return

    def apply(self, type_: str, obj: Object) -> Delta | None:
        """Takes in a watch event: ADDED, MODIFIED or DELETED. None when it says nothing new."""
        version = version_of(obj)
        delta = self._remove(obj, version) if type_ == DeltaType.DELETED else self._set(obj, version)
        self.position = max(self.position, version)
        return delta

    def record(self, obj: Object) -> Delta | None:
        """Takes in the answer to a write of our own, if it is newer than what is here.

        1. The write is committed at version 7. 2. Somebody deletes the object at version 8. 3. The watch tells of 8. 4. The answer 7
        arrives. The key is absent and the store has reached 8: the object was deleted, or left the selection, and 7 is dropped.
        """
        key, version = meta.key_of(obj), version_of(obj)
        if key not in self._table.heads and version <= self.position:
            return None
        delta = self._set(obj, version)
        if delta is not None:
            self._own.recorded[key] = version
        return delta

    def record_deletion(self, obj: Object) -> Delta | None:
        """Takes in that we deleted this object, or moved it out of the selection; what shows it up to its version is ignored."""
        key, version = meta.key_of(obj), version_of(obj)
        head = self._table.heads.get(key)
        if head is None or head.uid != meta.uid_of(obj) or 0 < version < head.number:
            return None
        self._own.tombstones[key, head.uid] = max(version, head.number)
        return Delta(DeltaType.DELETED, self._drop(key), None)

    def begin_replace(self) -> Replacement:
        """A replacement to be filled item by item; the store does not change before ``commit``."""
        replacement = Replacement(self._new_table())
        self._replacements.append(replacement)
        return replacement

    def keep(self, replacement: Replacement, key: NamespacedName) -> None:
        """The list holds an object of this key that cannot be taken in; what the store has of it stays."""
        if key in self._table.heads:
            replacement.table.take(key, self._table.stored[key], self._table.heads[key])

    def abandon(self, replacement: Replacement) -> None:
        """The list did not complete."""
        if replacement in self._replacements:
            self._replacements.remove(replacement)

    def commit(
        self, replacement: Replacement, version: str, *, rewound: bool = False, initial: bool = False
    ) -> list[Delta]:
        """Makes the store hold exactly what was added, the state at ``version``. Returns what changed, deletions first.

        Unless the server's history was ``rewound`` (restored from a backup), newer knowledge stays:

        1. The server answers a list at version 15. 2. Our write creates an object at 20 and is recorded. 3. The list arrives: it does not
        hold the object, which stays because 20 is newer than 15. 4. A list at 30 without it removes it.

        Not promised: what happened between two lists is not delivered step by step, and a deletion found here is a tombstone.
        """
        self.abandon(replacement)
        try:
            at = meta.parse_version(version)
        except ValueError:
            at = 0
        if rewound:
            self._own.forget_all()
        old, new = self._table, replacement.table
        heads = new.heads
        listed = {(key, uid) for key, uid in self._own.tombstones if key in heads and heads[key].uid == uid}
        replacement.drop_buried(self._own)
        if not rewound:
            replacement.keep_newer(old, self._own, at)
        deltas = replacement.differences(old, rewound=rewound, initial=initial)
        self._table = new
        self.position = at if rewound else max(self.position, at)
        self._own.settle(at, new.heads.__contains__, listed.__contains__)
        if self._detector is not None:
            self._detector.replace(old.stored, new.stored)
        return deltas

    def replace(
        self, items: Iterable[Object], version: str, *, rewound: bool = False, initial: bool = False
    ) -> list[Delta]:
        """Makes the store hold exactly these items, the state at ``version``, as ``commit`` does."""
        replacement = self.begin_replace()
        for item in items:
            replacement.add(item)
        return self.commit(replacement, version, rewound=rewound, initial=initial)

    def _set(self, obj: Object, version: int) -> Delta | None:
        key = meta.key_of(obj)
        head = self._table.heads.get(key)
        if self._own.is_buried(key, meta.uid_of(obj), version) or (head is not None and version <= head.number):
            return None
        current = self._table.stored.get(key)
        if self._detector is not None:
            self._detector.put(key, obj)
        self._table.put(key, obj)
        self._own.seen(key, version)
        return Delta(DeltaType.ADDED if head is None else DeltaType.MODIFIED, current, obj)

    def _remove(self, obj: Object, version: int) -> Delta | None:
        """1. The object leaves the selection at version 105. 2. Our write brings it back at 110. 3. The watch tells of 105: it is ignored."""
        key, uid = meta.key_of(obj), meta.uid_of(obj)
        self._own.seen_deleted(key, uid, version)
        head = self._table.heads.get(key)
        if head is None or head.uid != uid or 0 < version < head.number:
            return None
        self._drop(key)
        return Delta(DeltaType.DELETED, obj, None)

    def _drop(self, key: NamespacedName) -> Stored | None:
        if self._detector is not None:
            self._detector.drop(key)
        self._own.recorded.pop(key, None)
        return self._table.drop(key)
