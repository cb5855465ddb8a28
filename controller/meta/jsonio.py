"""JSON in and out. msgspec: about as quick as the fastest, and it can leave parts of a document undecoded (``msgspec.Raw``)."""

from typing import Any

import msgspec

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder()


def loads(data: bytes | bytearray | memoryview | str) -> Any:
    """The decoded value. Raises ValueError for what is not JSON or is nested too deeply to be read."""
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON. Raises ValueError for what JSON cannot hold, NaN and infinities included, or too deep a nesting."""
    try:
        return _encoder.encode(value)
    except (TypeError, OverflowError, UnicodeEncodeError, msgspec.MsgspecError) as error:
        raise ValueError(f"not representable as JSON: {error}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
