"""Objects kept as bytes and decoded when they are read: for a cache of many large objects that are read a few at a time. Pure."""

import zlib
from collections import OrderedDict
from collections.abc import Hashable

from controller.meta import Object, jsonio

_WORTH_COMPRESSING = 1024
_RECENT = 64


class Packed:
    """An object as JSON, compressed from a kibibyte on."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data if len(data) < _WORTH_COMPRESSING else zlib.compress(data, 1)

    def open(self) -> Object:
        """The object, decoded again at each call."""
        data = self._data
        loaded: Object = jsonio.loads(data if data.startswith(b"{") else zlib.decompress(data))
        return loaded


Stored = Object | Packed


def pack(obj: Object) -> Stored:
    """The object as bytes; as it is where JSON cannot hold it (numbers of more than 64 bits, a thousand levels)."""
    try:
        return Packed(jsonio.dumps(obj))
    except ValueError:
        return obj


def opened(stored: Stored) -> Object:
    """The object, whichever way it is kept."""
    return stored.open() if isinstance(stored, Packed) else stored


class RecentlyOpened:
    """The last few objects that were read, decoded: a reconciler reads the same object several times in one pass."""

    def __init__(self) -> None:
        self._objects: OrderedDict[Hashable, tuple[Packed, Object]] = OrderedDict()

    def read(self, key: Hashable, stored: Stored) -> Object:
        """The object that ``stored`` holds; decoded at most once while it is among the last few."""
        if not isinstance(stored, Packed):
            return stored
        known = self._objects.get(key)
        if known is not None and known[0] is stored:
            self._objects.move_to_end(key)
            return known[1]
        obj = stored.open()
        self._objects[key] = stored, obj
        self._objects.move_to_end(key)
        if len(self._objects) > _RECENT:
            self._objects.popitem(last=False)
        return obj

    def forget(self, key: Hashable) -> None:
        """The object of this key is gone or another one."""
        self._objects.pop(key, None)
