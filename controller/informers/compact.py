"""Objects kept as bytes and decoded when they are read: for a cache of many large objects that are read a few at a time. Pure."""

import zlib
from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Generic, TypeVar

from controller.meta import Object, jsonio

_RECENT = 64
_LEVEL, _RAW, _MEMORY = 1, -15, 8
K = TypeVar("K")


class Packed:
    """An object as compressed JSON. ``sample`` is a text like it, which has to be there for decompressing too."""

    __slots__ = ("_data", "_sample")

    def __init__(self, data: bytes, sample: bytes) -> None:
        stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, sample)
        self._data = stream.compress(data) + stream.flush()
        self._sample = sample

    def open(self) -> Object:
        """The object, decoded again at each call."""
        loaded: Object = jsonio.loads(zlib.decompressobj(_RAW, self._sample).decompress(self._data))
        return loaded


Stored = Object | Packed


class Packer:
    """Packs objects of one kind. They have most of their text in common, so the first one is the sample of all others."""

    def __init__(self) -> None:
        self._sample: bytes | None = None

    def pack(self, obj: Object) -> Stored:
        """The object as bytes; as it is where JSON cannot hold it (numbers of more than 64 bits, a thousand levels)."""
        try:
            data = jsonio.dumps(obj)
        except ValueError:
            return obj
        if self._sample is None:
            self._sample = data
        return Packed(data, self._sample)


def opened(stored: Stored) -> Object:
    """The object, whichever way it is kept."""
    return stored.open() if isinstance(stored, Packed) else stored


class Recent(Generic[K]):
    """The last few objects that were written or read, decoded.

    A new object usually changes several times within a moment, and a reconciler reads the same object several times in one pass: what is
    among the last few is neither packed nor opened for each of these.
    """

    def __init__(self, stored: MutableMapping[K, Stored], packer: Packer | None = None) -> None:
        self._stored = stored
        self._packer = packer or Packer()
        self._written: OrderedDict[K, None] = OrderedDict()
        self._opened: OrderedDict[K, Object] = OrderedDict()

    def put(self, key: K, obj: Object) -> None:
        """Stores the object as it is, in place of none; it is packed once enough others were stored after it."""
        self._stored[key] = obj
        self._written[key] = None
        if len(self._written) > _RECENT:
            oldest, _ = self._written.popitem(last=False)
            self._stored[oldest] = self._packer.pack(opened(self._stored[oldest]))

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
