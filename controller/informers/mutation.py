"""The mutation detector: finds cached objects that were changed in place although they are shared.

Off unless the environment says ``KUBE_CACHE_MUTATION_DETECTOR=true``, as in client-go: it costs a digest of every object.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import Any, Self

from controller.meta import NamespacedName, Object, jsonio


class CacheMutated(Exception):
    """Cached objects were changed in place. To change an object, copy it first."""

    def __init__(self, keys: list[NamespacedName]) -> None:
        super().__init__(f"cached objects were changed in place: {', '.join(map(str, sorted(keys)))}")
        self.keys = keys


class MutationDetector:
    """Remembers what each object looked like. ``put``, ``drop`` and ``verify`` raise CacheMutated."""

    def __init__(self) -> None:
        self._digests: dict[NamespacedName, tuple[Object, bytes]] = {}

    @classmethod
    def from_environment(cls) -> Self | None:
        """A detector if the environment asks for it."""
        return cls() if os.environ.get("KUBE_CACHE_MUTATION_DETECTOR", "").lower() in ("true", "1") else None

    def put(self, key: NamespacedName, obj: Object) -> None:
        """The object is in the store from now on, in place of the one of this key; that one is looked at for the last time."""
        self.drop(key)
        self._digests[key] = obj, _digest(obj)

    def drop(self, key: NamespacedName) -> None:
        """The object of this key leaves the store."""
        known = self._digests.pop(key, None)
        if known is not None and _digest(known[0]) != known[1]:
            raise CacheMutated([key])

    def replace(self, old: Mapping[NamespacedName, Any], new: Mapping[NamespacedName, Any]) -> None:
        """The objects of ``new`` are in the store from now on, those of ``old`` no longer."""
        for key, obj in old.items():
            if new.get(key) is not obj:
                self.drop(key)
        for key, obj in new.items():
            if old.get(key) is not obj:
                self.put(key, obj)

    def verify(self) -> None:
        """Looks at every object in the store."""
        changed = [key for key, (obj, digest) in self._digests.items() if _digest(obj) != digest]
        if changed:
            raise CacheMutated(changed)


def _digest(obj: Object) -> bytes:
    return hashlib.blake2b(jsonio.dumps(obj), digest_size=16).digest()
