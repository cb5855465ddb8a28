"""One HTTP/1.1 connection: bytes out, one answer at a time back. The parser is httptools (llhttp)."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from enum import IntEnum
from typing import cast

import httptools

_HIGH_WATER = 1 << 20


class BrokenConnection(Exception):
    """The connection ended, or spoke something else than HTTP, before the answer was complete."""


class _Moment(IntEnum):
    """The moment that a caller waits for; a later one includes the earlier ones."""

    HEAD = 1
    CHUNK = 2
    END = 3


class Answer:
    """The answer to one request. ``status`` and ``headers`` (names in lower case) are there once ``head`` or ``body`` returned."""

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.complete = False
        self._connection = connection
        self._chunks: list[bytes] = []
        self._held = 0
        self._error: BrokenConnection | None = None
        self._decoder: zlib._Decompress | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = _Moment.HEAD

    async def head(self) -> None:
        """Returns when status and headers are there. Raises BrokenConnection."""
        while not self.status:
            await self._next(_Moment.HEAD)

    async def body(self) -> bytes:
        """Everything to the end. Raises BrokenConnection."""
        while not self.complete:
            await self._next(_Moment.END)
        return b"".join(self._taken())

    async def chunks(self) -> AsyncIterator[bytes]:
        """The pieces of the body as they come. Raises BrokenConnection; when the reader is slow, the sender has to wait."""
        while True:
            for chunk in self._taken():
                yield chunk
            if self.complete:
                return
            if not self._chunks:
                await self._next(_Moment.CHUNK)

    def _taken(self) -> list[bytes]:
        chunks, self._chunks = self._chunks, []
        if self._held > _HIGH_WATER:
            self._connection.resume_reading()
        self._held = 0
        return chunks

    async def _next(self, moment: _Moment) -> None:
        if self._error is not None:
            raise self._error
        self._wanted = moment
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._error is not None and not self._chunks:
            raise self._error

    def _came(self, moment: _Moment) -> None:
        if self._waiter is not None and moment >= self._wanted and not self._waiter.done():
            self._waiter.set_result(None)

    def began(self, status: int) -> None:
        """Status and headers are complete."""
        self.status = status
        if self.headers.get(b"content-encoding", b"").lower() in (b"gzip", b"x-gzip"):
            self._decoder = zlib.decompressobj(wbits=31)
        self._came(_Moment.HEAD)

    def got(self, chunk: bytes) -> None:
        """A piece of the body came in."""
        if self._decoder is not None:
            chunk = self._decoder.decompress(chunk)
        self._chunks.append(chunk)
        self._held += len(chunk)
        if self._held > _HIGH_WATER and self._wanted == _Moment.CHUNK:
            self._connection.pause_reading()
        self._came(_Moment.CHUNK)

    def ended(self, error: BrokenConnection | None = None) -> None:
        """The answer is complete, or with an error: will never be."""
        self.complete, self._error = error is None, error
        self._came(_Moment.END)

    @property
    def ends_with_connection(self) -> bool:
        """Whether nothing but the end of the connection says where the body ends."""
        return bool(self.status) and not self.headers.keys() & {b"content-length", b"transfer-encoding"}


class Connection(asyncio.Protocol):
    """Send a request, read its answer to the end, send the next one. ``reusable`` says whether a next one is possible."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._keep_alive = True
        self._closed = False
        self.idle_since = 0.0

    def send(self, data: bytes) -> Answer:
        """Sends the bytes of a request; its answer is still to come."""
        assert self._transport is not None
        answer = self._answer = Answer(self)
        if self._closed:
            answer.ended(BrokenConnection("the server closed the connection"))
        else:
            self._transport.write(data)
        return answer

    @property
    def reusable(self) -> bool:
        """Whether the connection is open and no answer is under way."""
        return self._keep_alive and not self._closed and self._answer is None

    def close(self) -> None:
        """Ends the connection at once; an answer under way breaks."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        """Lets the sender wait."""
        if self._transport is not None and not self._closed:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Takes more again."""
        if self._transport is not None and not self._closed:
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is open; with TLS, after the handshake."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came in. Bytes outside of an answer end the connection."""
        if self._answer is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, zlib.error) as error:
            self._break(f"the server's answer is not HTTP: {error}")

    def eof_received(self) -> None:
        """asyncio: the server will send nothing more."""
        self._lost("the server closed the connection")

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._lost(f"the connection was lost: {error}" if error else "the server closed the connection")

    def _lost(self, why: str) -> None:
        self._closed = True
        answer = self._answer
        if answer is not None and answer.ends_with_connection:
            self._answer = None
            answer.ended()
        else:
            self._break(why)

    def _break(self, why: str) -> None:
        answer, self._answer = self._answer, None
        self.close()
        if answer is not None:
            answer.ended(BrokenConnection(why))

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        assert self._answer is not None
        self._answer.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """httptools: the body follows, unless this is an interim answer."""
        assert self._answer is not None
        if (status := self._parser.get_status_code()) >= 200:
            self._answer.began(status)

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body, without the framing."""
        assert self._answer is not None
        self._answer.got(body)

    def on_message_complete(self) -> None:
        """httptools: the answer is complete; after an interim one the real one follows."""
        answer = self._answer
        if answer is None or not answer.status:
            return
        self._answer = None
        self._keep_alive = self._parser.should_keep_alive()
        answer.ended()
