"""Objects kept as bytes and decoded when they are read: a cache of many large objects that are read a few at a time. Pure."""

import zlib
from collections.abc import Iterator, MutableMapping

from cachetools import LRUCache

from controller.meta import NamespacedName, Object, jsonio

_WORTH_COMPRESSING = 1024
_RECENT = 64


class CompactObjects(MutableMapping[NamespacedName, Object]):
    """A mapping whose values are JSON inside, compressed from a kibibyte on; the last few that were read are kept decoded.

    What cannot be written as JSON as it stands (numbers of more than 64 bits, a thousand levels) stays decoded.
    """

    def __init__(self) -> None:
        self._packed: dict[NamespacedName, bytes | Object] = {}
        self._recent: LRUCache[NamespacedName, Object] = LRUCache(_RECENT)

    def __getitem__(self, key: NamespacedName) -> Object:
        found: Object | None = self._recent.get(key)
        if found is None:
            packed = self._packed[key]
            found = self._recent[key] = _unpacked(packed) if isinstance(packed, bytes) else packed
        return found

    def __setitem__(self, key: NamespacedName, obj: Object) -> None:
        self._packed[key] = _packed(obj)
        self._recent[key] = obj

    def __delitem__(self, key: NamespacedName) -> None:
        del self._packed[key]
        self._recent.pop(key, None)

    def __iter__(self) -> Iterator[NamespacedName]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


def _packed(obj: Object) -> bytes | Object:
    try:
        data = jsonio.dumps(obj)
    except ValueError:
        return obj
    return data if len(data) < _WORTH_COMPRESSING else zlib.compress(data, 1)


def _unpacked(data: bytes) -> Object:
    loaded: Object = jsonio.loads(data if data.startswith(b"{") else zlib.decompress(data))
    return loaded
