"""The embedded server's memory: one revision counter, objects by resource and key, and the log that watches read. Pure."""

import builtins
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller import meta
from controller.meta import NamespacedName

ResourceKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: ``before`` is None for a creation, ``after`` for a deletion's disappearance (``object`` then holds the last state)."""

    revision: int
    resource: ResourceKey
    key: NamespacedName
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    object: dict[str, Any]


class Compacted(Exception):
    """The log does not reach back that far; ``oldest`` is the first revision it can start from."""

    def __init__(self, oldest: int) -> None:
        super().__init__(oldest)
        self.oldest = oldest


@dataclass(slots=True)
class Storage:
    """Objects are never changed in place: what was read or logged stays as it was. ``history`` bounds the log."""

    history: int = 10_000
    revision: int = 1
    compacted: int = 0
    _objects: dict[ResourceKey, dict[NamespacedName, dict[str, Any]]] = field(default_factory=dict)
    _log: deque[Entry] = field(default_factory=deque)
    _begun: dict[ResourceKey, int] = field(default_factory=dict)

    def get(self, resource: ResourceKey, key: NamespacedName) -> dict[str, Any] | None:
        """The object, or None."""
        return self._objects.get(resource, {}).get(key)

    def list(self, resource: ResourceKey, namespace: str = "") -> list[dict[str, Any]]:
        """All objects in the order of their keys."""
        found = self._objects.get(resource, {})
        return [found[key] for key in sorted(found) if not namespace or key.namespace == namespace]

    def count(self, resource: ResourceKey) -> int:
        """The number of objects of a resource."""
        return len(self._objects.get(resource, ()))

    def resources(self) -> builtins.list[ResourceKey]:
        """Every resource that has had objects."""
        return list(self._objects)

    def snapshot(self) -> dict[str, Any]:
        """Everything that is stored, as JSON can hold it; without the log."""
        resources = [
            {"group": group, "resource": plural, "items": builtins.list(found.values())}
            for (group, plural), found in self._objects.items()
        ]
        return {"revision": self.revision, "resources": resources}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Replaces everything by a snapshot. Raises KeyError, TypeError and ValueError for anything else."""
        objects = {
            (entry["group"], entry["resource"]): {meta.key_of(obj): obj for obj in entry["items"]}
            for entry in snapshot["resources"]
        }
        self.revision = int(snapshot["revision"])
        self._objects = objects
        self.compact()

    def put(self, resource: ResourceKey, key: NamespacedName, obj: dict[str, Any]) -> Entry:
        """Stores the object under the next revision, which it gets as its resourceVersion."""
        before = self.get(resource, key)
        self.revision += 1
        stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        self._objects.setdefault(resource, {})[key] = stored
        return self._append(Entry(self.revision, resource, key, before, stored, stored))

    def remove(self, resource: ResourceKey, key: NamespacedName, last: dict[str, Any] | None = None) -> Entry:
        """Removes the object; its last state, which may be given, is logged with the revision of the deletion."""
        before = self._objects[resource].pop(key)
        self.revision += 1
        last = last or before
        last = {**last, "metadata": {**last["metadata"], "resourceVersion": str(self.revision)}}
        return self._append(Entry(self.revision, resource, key, before, None, last))

    def _append(self, entry: Entry) -> Entry:
        self._log.append(entry)
        while len(self._log) > self.history:
            self.compacted = self._log.popleft().revision
        return entry

    def compact(self) -> None:
        """Forgets the whole log."""
        self._log.clear()
        self.compacted = self.revision

    def begin(self, resource: ResourceKey) -> None:
        """Forgets what happened to one resource so far."""
        self._begun[resource] = self.revision

    def oldest(self, resource: ResourceKey) -> int:
        """The first revision from which a resource's history is known."""
        return max(self.compacted, self._begun.get(resource, 0))

    def since(self, revision: int, resource: ResourceKey) -> Iterator[Entry]:
        """The events of a resource after ``revision``. Raises Compacted."""
        oldest = self.oldest(resource)
        if revision < oldest:
            raise Compacted(oldest)
        return iter([entry for entry in self._log if entry.revision > revision and entry.resource == resource])
