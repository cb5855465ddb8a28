"""Bytes in, objects and events out. Pure.

Lines are split on 0x0A only, on bytes: text inside the JSON may hold any other line separator. Items of a list and events are decoded one
by one, so that an object nested too deeply for a parser keeps its metadata, counts as present, and hides no other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from controller.meta import UNDECODABLE, jsonio
from controller.meta.errors import DecodeError


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event: ``type`` is ADDED, MODIFIED, DELETED, BOOKMARK or ERROR; the object of an ERROR is a Status."""

    type: str
    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a collection. ``continue_`` is the token of the next page, empty on the last one."""

    items: tuple[dict[str, Any], ...]
    resource_version: str
    continue_: str = ""


@dataclass(frozen=True, slots=True)
class RawPage:
    """One page of a collection whose items are decoded one by one, as they are asked for."""

    raws: tuple[bytes | memoryview, ...]
    resource_version: str
    continue_: str
    api_version: str
    kind: str

    def items(self) -> Iterator[dict[str, Any]]:
        """The objects, with the ``apiVersion`` and ``kind`` that lists leave out. Raises DecodeError."""
        for raw in self.raws:
            yield _item(bytes(raw), self.api_version, self.kind)


@dataclass(slots=True)
class LineReader:
    """Splits a stream of chunks into lines of any length."""

    _parts: list[bytes] = field(default_factory=list)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that this chunk completes, without their line feed."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._parts.append(chunk[start:end])
            line = b"".join(self._parts)
            self._parts.clear()
            start = end + 1
            if line.strip():
                yield line
        if start < len(chunk):
            self._parts.append(chunk[start:])


def decode_event(line: bytes) -> WatchEvent:
    """The event of one line. Raises DecodeError when not even its type and the object's metadata can be read."""
    try:
        value = jsonio.loads(line)
    except ValueError as error:
        match = re.match(rb'\s*\{\s*"type"\s*:\s*"([A-Z]+)"', line)
        body = line[line.find(b'"object"') :] if match else b""
        metadata = _metadata_of(body)
        if match is None or metadata is None:
            raise DecodeError(f"the watch event cannot be decoded: {error}") from None
        return WatchEvent(match[1].decode(), {**metadata, UNDECODABLE: str(error)})
    if not isinstance(value, dict) or not isinstance(value.get("object"), dict):
        raise DecodeError("the watch event has no object")
    return WatchEvent(str(value.get("type", "")), value["object"])


def decode_object(body: bytes) -> dict[str, Any]:
    """The object of an answer; one that is too deep keeps its metadata. Raises DecodeError."""
    try:
        value = jsonio.loads(body)
    except ValueError as error:
        if (metadata := _metadata_of(body)) is not None:
            return {**metadata, UNDECODABLE: str(error)}
        raise DecodeError(f"the answer cannot be decoded: {error}") from None
    if not isinstance(value, dict):
        raise DecodeError("the answer is not a JSON object")
    return value


class _ListMeta(msgspec.Struct):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    continue_: str = msgspec.field(name="continue", default="")


class _RawList(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


_list_decoder = msgspec.json.Decoder(_RawList)


def decode_list(body: bytes, api_version: str, kind: str) -> ListPage:
    """One page; its items get the ``apiVersion`` and ``kind`` that lists leave out. Raises DecodeError."""
    page = split_list(body, api_version, kind)
    return ListPage(tuple(page.items()), page.resource_version, page.continue_)


def split_list(body: bytes, api_version: str, kind: str) -> RawPage:
    """One page with its items undecoded. Raises DecodeError."""
    try:
        page = _list_decoder.decode(body)
        raws: list[bytes | memoryview] = [memoryview(item) for item in page.items or ()]
        version, token = page.metadata.resource_version, page.metadata.continue_
    except RecursionError:
        try:
            raws, version, token = _scan_list(body)
        except ValueError as error:
            raise DecodeError(f"the list cannot be decoded: {error}") from None
    except msgspec.MsgspecError as error:
        raise DecodeError(f"the list cannot be decoded: {error}") from None
    return RawPage(tuple(raws), version, token, api_version, kind)


def _item(raw: bytes, api_version: str, kind: str) -> dict[str, Any]:
    item = decode_object(raw)
    item.setdefault("apiVersion", api_version)
    item.setdefault("kind", kind)
    return item


_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},:]')


def _members(body: bytes, start: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """The members of the object that begins at ``start``: key, start and end of the value. Needs no recursion."""
    depth, key, value_start, expecting_key = 0, b"", 0, True
    for token in _TOKEN.finditer(body, start):
        text = token.group()
        if text in (b"{", b"["):
            depth += 1
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                if key:
                    yield key, value_start, token.start()
                return
        elif depth == 1 and text == b",":
            yield key, value_start, token.start()
            key, expecting_key = b"", True
        elif depth == 1 and text == b":" and expecting_key:
            value_start, expecting_key = token.end(), False
        elif depth == 1 and expecting_key and text.startswith(b'"'):
            key = text[1:-1]


def _scan_list(body: bytes) -> tuple[list[bytes | memoryview], str, str]:
    """The same as the decoder, for lists that are too deep for it."""
    metadata: dict[str, Any] = {}
    items: list[bytes | memoryview] = []
    for key, start, end in _members(body, body.find(b"{")):
        if key == b"metadata":
            metadata = jsonio.loads(body[start:end])
        elif key == b"items":
            items = [body[begin:stop] for begin, stop in _elements(body, start)]
    return items, str(metadata.get("resourceVersion", "")), str(metadata.get("continue", ""))


def _elements(body: bytes, start: int) -> Iterator[tuple[int, int]]:
    depth, begin = 0, 0
    for token in _TOKEN.finditer(body, start):
        text = token.group()
        if text in (b"{", b"["):
            depth += 1
            if depth == 2:
                begin = token.start()
        elif text in (b"}", b"]"):
            depth -= 1
            if depth == 1:
                yield begin, token.end()
            elif depth == 0:
                return


def _metadata_of(body: bytes) -> dict[str, Any] | None:
    """``apiVersion``, ``kind`` and ``metadata`` of an object that as a whole cannot be decoded; None when there is no metadata.

    ``managedFields`` repeats the nesting of the object, so a member of the metadata that is too deep itself is left out.
    """
    found: dict[str, Any] = {}
    for key, start, end in _members(body, body.find(b"{")):
        if key in (b"apiVersion", b"kind"):
            found |= _readable(key, body[start:end])
        elif key == b"metadata" and body[start:end].lstrip().startswith(b"{"):
            found["metadata"] = {
                name: value
                for member, first, last in _members(body, start)
                for name, value in _readable(member, body[first:last]).items()
            }
    return found if found.get("metadata") else None


def _readable(key: bytes, raw: bytes) -> dict[str, Any]:
    try:
        return {key.decode(): jsonio.loads(raw)}
    except ValueError:
        return {}
