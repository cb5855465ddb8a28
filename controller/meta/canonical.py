"""One text for one value: canonical JSON and short digests of it."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")
_DIFFERS = re.compile(rb"[:,\[](?:-?[0-9]+(?:\.[0-9]+(?:e[-+]?[0-9]+)?|e[-+]?[0-9]+)|null)[,}\]]").search
"""Whether the encoder may have written something else: fractions have other spellings, and NaN is written as null.

A text may look like such a value, which costs time and nothing else.
"""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no blanks, non-ASCII characters as they are, and integral floats written as integers.

    Raises ValueError for NaN, infinities, values that are not JSON, and a nesting too deep to be written.
    """
    try:
        return json.dumps(_normal(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except TypeError as error:
        raise ValueError(f"not JSON: {error}") from None


def digest(value: Any) -> str:
    """The first ten hexadecimal digits of SHA-256 over the canonical JSON. Raises as ``canonical_json``."""
    return hashlib.sha256(_canonical_bytes(value)).hexdigest()[:10]


def _canonical_bytes(value: Any) -> bytes:
    """The canonical JSON, by the library's encoder where it writes the same: all but fractions, nulls and broken texts."""
    if type(value) is dict:
        try:
            encoded = _encoder.encode(value)
        except (TypeError, OverflowError, UnicodeEncodeError, RecursionError, msgspec.MsgspecError):
            encoded = b""
        if encoded and _DIFFERS(encoded) is None:
            return encoded
    return canonical_json(value).encode("utf-8", "surrogatepass")


def _normal(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    if type(value) is dict or isinstance(value, Mapping):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_normal(item) for item in value]
    return value
