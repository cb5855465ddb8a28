"""The content of a list on its way into a store. Pure."""

from controller import meta
from controller.informers.delta import Delta, DeltaType
from controller.informers.own_writes import OwnWrites
from controller.informers.table import Table
from controller.meta import NamespacedName, Object


class Replacement:
    """Filled item by item, each packed on arrival; the store puts it in place in one step."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table.heads)

    def add(self, obj: Object) -> None:
        """The list holds this object; the last one of a key counts."""
        self.table.put(meta.key_of(obj), obj)

    def discard(self, key: NamespacedName) -> None:
        """The list does not hold this object any more."""
        self.table.drop(key)

    def drop_buried(self, own: OwnWrites) -> None:
        """Leaves out what we deleted and this list still shows."""
        for key, uid in own.tombstones:
            head = self.table.heads.get(key)
            if head is not None and head.uid == uid and own.is_buried(key, uid, head.number):
                self.table.drop(key)

    def keep_newer(self, old: Table, own: OwnWrites, at: int) -> None:
        """Takes over what the store knows better: own writes after ``at``, and objects of which this list has an older version."""
        for key, head in old.heads.items():
            listed = self.table.heads.get(key)
            newer = head.number > listed.number if listed is not None else own.recorded.get(key, -1) > at
            if newer:
                self.table.take(key, old.stored[key], head)

    def differences(self, old: Table, *, rewound: bool, initial: bool) -> list[Delta]:
        """The changes when this takes the place of ``old``: deletions, then the rest. After a rewind equal versions may differ."""
        new, gone, arrived = self.table, [], []
        for key, head in old.heads.items():
            listed = new.heads.get(key)
            if listed is None or listed.uid != head.uid:
                gone.append(Delta(DeltaType.DELETED, old.stored[key], None, final_state_unknown=True))
        for key, head in new.heads.items():
            before = old.heads.get(key)
            if before is None or before.uid != head.uid:
                arrived.append(Delta(DeltaType.ADDED, None, new.stored[key], initial))
            elif rewound or before.number != head.number:
                arrived.append(Delta(DeltaType.MODIFIED, old.stored[key], new.stored[key]))
            else:
                new.stored[key] = old.stored[key]
        return [*gone, *arrived]
