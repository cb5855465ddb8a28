"""Garbage collection by owner references, and the end of namespaces: what the controller-manager does beside the API server."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from controller import meta
from controller.envtest.embedded.deletion import FOREGROUND, ORPHAN, DeleteOptions, Propagation
from controller.envtest.embedded.registry import Registry
from controller.envtest.embedded.resources import NAMESPACES, TypeInfo
from controller.envtest.embedded.storage import Entry, ResourceKey
from controller.meta import NamespacedName, Object

_PAUSE = 0.02
Item = tuple[ResourceKey, NamespacedName]


class Collector:
    """Deletes objects none of whose owners exists, dependents before owners or apart from them, and what is in ending namespaces."""

    def __init__(self, registry: Registry, publish: Callable[[Entry | None], None]) -> None:
        self._registry = registry
        self._publish = publish
        self._dependents: defaultdict[str, set[Item]] = defaultdict(set)
        self._suspects: set[Item] = set()
        self._waiting: set[Item] = set()
        self._ending: set[str] = set()
        self._wake = asyncio.Event()

    def saw(self, entry: Entry) -> None:
        """Takes note of a change."""
        item = (entry.resource, entry.key)
        if entry.after is None:
            self._suspects |= self._dependents.pop(meta.uid_of(entry.object), set())
            self._suspects.discard(item)
            self._waiting.discard(item)
        else:
            references = meta.owner_references_of(entry.after)
            for reference in references:
                self._dependents[str(reference.get("uid"))].add(item)
            if references and (entry.before is None or references != meta.owner_references_of(entry.before)):
                self._suspects.add(item)
            if meta.is_deleting(entry.after) and _own_finalizers(entry.after):
                self._waiting.add(item)
        for reference in meta.owner_references_of(entry.before or {}):
            if entry.after is None or reference not in meta.owner_references_of(entry.after):
                self._forget(str(reference.get("uid")), item)
        if entry.resource == NAMESPACES and entry.after is not None and meta.is_deleting(entry.after):
            self._ending.add(entry.key.name)
        if self._suspects or self._ending or self._waiting:
            self._wake.set()

    def _forget(self, uid: str, item: Item) -> None:
        """The owner has one dependent less; owners without any are not kept."""
        known = self._dependents.get(uid, set())
        known.discard(item)
        if not known:
            self._dependents.pop(uid, None)

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_PAUSE)
            self._wake.clear()
            self._collect()
            self._release_owners()
            self._end_namespaces()

    def _find(self, item: Item) -> tuple[TypeInfo | None, Object | None]:
        return self._registry.types.by_key(item[0]), self._registry.storage.get(*item)

    def _collect(self) -> None:
        suspects, self._suspects = self._suspects, set()
        for item in suspects:
            info, obj = self._find(item)
            if info is not None and obj is not None and not meta.is_deleting(obj) and self._is_orphan(obj):
                self._publish(self._registry.delete(info, item[1], DeleteOptions(propagation=_propagation(obj))).entry)

    def _is_orphan(self, obj: Object) -> bool:
        references = meta.owner_references_of(obj)
        return bool(references) and not any(self._exists(obj, reference) for reference in references)

    def _exists(self, obj: Object, reference: Object) -> bool:
        group, slash, _ = str(reference.get("apiVersion")).rpartition("/")
        info = self._registry.types.of_kind(group if slash else "", str(reference.get("kind")))
        if info is None:
            return False
        namespace = meta.namespace_of(obj) if info.namespaced else ""
        owner = self._registry.storage.get(info.key, NamespacedName(namespace, str(reference.get("name"))))
        return owner is not None and meta.uid_of(owner) == reference.get("uid")

    def _release_owners(self) -> None:
        """Goes on with each owner that is deleted in the foreground or without its dependents."""
        for item in list(self._waiting):
            info, owner = self._find(item)
            if info is None or owner is None or not _own_finalizers(owner):
                self._waiting.discard(item)
            elif ORPHAN in _own_finalizers(owner):
                for dependent in list(self._dependents.get(meta.uid_of(owner), ())):
                    self._disown(dependent, meta.uid_of(owner))
                self._drop_finalizer(info, item[1], ORPHAN)
            elif not self._delete_dependents(meta.uid_of(owner)):
                self._drop_finalizer(info, item[1], FOREGROUND)
            else:
                self._wake_later()

    def _disown(self, item: Item, uid: str) -> None:
        info, obj = self._find(item)
        if info is not None and obj is not None:
            left = [reference for reference in meta.owner_references_of(obj) if reference.get("uid") != uid]
            metadata = {**obj["metadata"], "ownerReferences": left}
            if not left:
                del metadata["ownerReferences"]
            self._publish(self._registry.storage.put(item[0], item[1], {**obj, "metadata": metadata}))

    def _delete_dependents(self, uid: str) -> bool:
        """Deletes what the owner owns; whether something is left that blocks it."""
        blocked = False
        for item in list(self._dependents.get(uid, ())):
            info, obj = self._find(item)
            if info is None or obj is None:
                continue
            if not meta.is_deleting(obj):
                propagation: Propagation = "Foreground" if self._dependents.get(meta.uid_of(obj)) else "Background"
                self._publish(self._registry.delete(info, item[1], DeleteOptions(propagation=propagation)).entry)
            if (left := self._registry.storage.get(*item)) is not None:
                references = meta.owner_references_of(left)
                blocked = blocked or any(one.get("uid") == uid and one.get("blockOwnerDeletion") for one in references)
        return blocked

    def _drop_finalizer(self, info: TypeInfo, key: NamespacedName, name: str) -> None:
        obj = self._registry.storage.get(info.key, key)
        if obj is None:
            return
        left = [finalizer for finalizer in obj["metadata"].get("finalizers") or () if finalizer != name]
        metadata = {key: value for key, value in obj["metadata"].items() if key != "finalizers"}
        if left:
            self._publish(
                self._registry.storage.put(info.key, key, {**obj, "metadata": {**metadata, "finalizers": left}})
            )
        else:
            self._publish(self._registry.storage.remove(info.key, key, {**obj, "metadata": metadata}))

    def _end_namespaces(self) -> None:
        for name in list(self._ending):
            if self._empty(name):
                self._wake_later()
                continue
            self._ending.discard(name)
            key = NamespacedName("", name)
            if (namespace := self._registry.storage.get(NAMESPACES, key)) is not None:
                self._finalize(namespace, key)

    def _empty(self, namespace: str) -> bool:
        """Deletes what is in the namespace; whether something is left."""
        left = False
        for info in self._registry.types.namespaced():
            for obj in self._registry.storage.list(info.key, namespace):
                self._publish(self._registry.delete(info, meta.key_of(obj), DeleteOptions(grace=0)).entry)
            left = left or bool(self._registry.storage.list(info.key, namespace))
        return left

    def _finalize(self, namespace: Object, key: NamespacedName) -> None:
        """Takes the server's own finalizer from an empty namespace; it goes when no other is left."""
        finalizers = [name for name in meta.spec_of(namespace).get("finalizers") or () if name != "kubernetes"]
        spec = {"finalizers": finalizers} if finalizers else {}
        changed = {**namespace, "spec": spec}
        storage = self._registry.storage
        if finalizers or meta.metadata_of(namespace).get("finalizers"):
            self._publish(storage.put(NAMESPACES, key, changed))
            self._ending.discard(key.name)
        else:
            self._publish(storage.remove(NAMESPACES, key, changed))

    def _wake_later(self) -> None:
        asyncio.get_running_loop().call_later(_PAUSE * 10, self._wake.set)


def _own_finalizers(obj: Object) -> list[str]:
    return [name for name in meta.metadata_of(obj).get("finalizers") or () if name in (FOREGROUND, ORPHAN)]


def _propagation(obj: Object) -> Propagation:
    """A collected object that was to be deleted in a way keeps that way."""
    own = _own_finalizers(obj)
    return "Orphan" if ORPHAN in own else "Foreground" if FOREGROUND in own else "Background"
