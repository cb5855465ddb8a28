"""Objects kept as bytes and decoded when they are read: for a cache of many large objects that are read a few at a time. Pure."""

import zlib
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Generic, TypeVar

from controller.meta import Object, jsonio

_WORTH_COMPRESSING = 1024
_RECENT = 64
K = TypeVar("K")


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


class Recent(Generic[K]):
    """The last few objects that were written or read, decoded.

    A new object usually changes several times within a moment, and a reconciler reads the same object several times in one pass: what is
    among the last few is neither packed nor opened for each of these.
    """

    def __init__(self, stored: MutableMapping[K, Stored]) -> None:
        self._stored = stored
        self._written: OrderedDict[K, None] = OrderedDict()
        self._opened: OrderedDict[K, Object] = OrderedDict()

    def put(self, key: K, obj: Object) -> None:
        """Stores the object as it is, in place of none; it is packed once enough others were stored after it."""
        self._stored[key] = obj
        self._written[key] = None
        if len(self._written) > _RECENT:
            oldest, _ = self._written.popitem(last=False)
            self._stored[oldest] = pack(opened(self._stored[oldest]))

    def read(self, key: K) -> Object:
        """The object of this key; opened at most once while it is among the last few. Raises KeyError."""
        stored = self._stored[key]
        if not isinstance(stored, Packed):
            return stored
        obj = self._opened.get(key)
        if obj is None:
            obj = self._opened[key] = stored.open()
            if len(self._opened) > _RECENT:
                self._opened.popitem(last=False)
        else:
            self._opened.move_to_end(key)
        return obj

    def forget(self, key: K) -> None:
        """The object of this key is gone, or another one was stored."""
        self._written.pop(key, None)
        self._opened.pop(key, None)
