"""Garbage collection by owner references, and the end of namespaces: what the controller-manager does beside the API server."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

from controller import meta
from controller.envtest.embedded.registry import Registry
from controller.envtest.embedded.resources import NAMESPACES, TypeInfo
from controller.envtest.embedded.storage import Entry, ResourceKey
from controller.meta import NamespacedName, Object

_PAUSE = 0.02


class Collector:
    """Deletes objects none of whose owners exists, and the contents of namespaces that are being deleted."""

    def __init__(self, registry: Registry, publish: Callable[[Entry | None], None]) -> None:
        self._registry = registry
        self._publish = publish
        self._dependents: defaultdict[str, set[tuple[ResourceKey, NamespacedName]]] = defaultdict(set)
        self._suspects: set[tuple[ResourceKey, NamespacedName]] = set()
        self._ending: set[str] = set()
        self._wake = asyncio.Event()

    def saw(self, entry: Entry) -> None:
        """Takes note of a change."""
        item = (entry.resource, entry.key)
        if entry.after is None:
            self._suspects |= self._dependents.pop(meta.uid_of(entry.object), set())
            self._suspects.discard(item)
            for reference in meta.owner_references_of(entry.object):
                self._dependents[str(reference.get("uid"))].discard(item)
        else:
            references = meta.owner_references_of(entry.after)
            for reference in references:
                self._dependents[str(reference.get("uid"))].add(item)
            if references and (entry.before is None or references != meta.owner_references_of(entry.before)):
                self._suspects.add(item)
        if entry.resource == NAMESPACES and entry.after is not None and meta.is_deleting(entry.after):
            self._ending.add(entry.key.name)
        if self._suspects or self._ending:
            self._wake.set()

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(_PAUSE)
            self._wake.clear()
            self._collect()
            self._end_namespaces()

    def _info(self, resource: ResourceKey) -> TypeInfo | None:
        return next((info for info in self._registry.types.values() if info.key == resource), None)

    def _collect(self) -> None:
        suspects, self._suspects = self._suspects, set()
        for resource, key in suspects:
            info, obj = self._info(resource), self._registry.storage.get(resource, key)
            if info is not None and obj is not None and not meta.is_deleting(obj) and self._is_orphan(obj):
                self._publish(self._registry.delete(info, key, {}).entry)

    def _is_orphan(self, obj: Object) -> bool:
        references = meta.owner_references_of(obj)
        return bool(references) and not any(self._exists(obj, reference) for reference in references)

    def _exists(self, obj: Object, reference: Object) -> bool:
        group, slash, _ = str(reference.get("apiVersion")).rpartition("/")
        for info in self._registry.types.values():
            if info.kind == reference.get("kind") and info.group == (group if slash else ""):
                namespace = meta.namespace_of(obj) if info.namespaced else ""
                owner = self._registry.storage.get(info.key, NamespacedName(namespace, str(reference.get("name"))))
                return owner is not None and meta.uid_of(owner) == reference.get("uid")
        return False

    def _end_namespaces(self) -> None:
        for name in list(self._ending):
            left = False
            for info in {info.key: info for info in self._registry.types.values() if info.namespaced}.values():
                for obj in self._registry.storage.list(info.key, name):
                    self._publish(self._registry.delete(info, meta.key_of(obj), {}).entry)
                left = left or bool(self._registry.storage.list(info.key, name))
            key = NamespacedName("", name)
            if left:
                asyncio.get_running_loop().call_later(_PAUSE * 10, self._wake.set)
                continue
            self._ending.discard(name)
            if self._registry.storage.get(NAMESPACES, key) is not None:
                self._publish(self._registry.storage.remove(NAMESPACES, key))
