"""What one connection makes of an answer, however the server frames it and wherever it ends."""

import asyncio
import gzip

import pytest

from controller.client.connection import BrokenConnection
from controller.client.dialing import Endpoint, dial
from tests.support.raw_server import request_of, talking

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
PACKED = gzip.compress(b"body")
ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
    "end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody",
    "interim": b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    "gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),
}
BROKEN = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "not gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nbody",
}


def not_resolved(host: str, seconds: float) -> None:
    raise AssertionError(f"{host} is an address")


async def answer_of(data: bytes, *, at_once: bool) -> bytes:
    """The body that a client reads when the server sends this, in one piece or byte by byte."""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for piece in [data] if at_once else [data[i : i + 1] for i in range(len(data))]:
            writer.write(piece)
            await asyncio.sleep(0)

    async with talking(conversation) as port:
        connection = await dial(Endpoint("127.0.0.1", port), not_resolved)
        try:
            answer = connection.send(GET)
            body = await answer.body()
            assert answer.status == 200
            return body
        finally:
            connection.close()


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("framing", ANSWERS)
async def test_every_framing_gives_the_same_body(framing: str, at_once: bool) -> None:
    """By length, by chunks, to the end of the connection, after an interim answer, compressed."""
    assert await answer_of(ANSWERS[framing], at_once=at_once) == b"body"


@pytest.mark.parametrize("fault", BROKEN)
async def test_an_incomplete_answer_is_never_taken_for_a_complete_one(fault: str) -> None:
    """The caller is told, and the connection is not used again."""
    with pytest.raises(BrokenConnection):
        await answer_of(BROKEN[fault], at_once=True)


async def test_a_connection_serves_one_request_after_the_other() -> None:
    """The same one, as long as the server keeps it open and sends nothing unasked."""
    served = 0

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        for _ in range(3):
            await request_of(reader)
            served += 1
            writer.write(ANSWERS["length"])
        writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await reader.read()

    async with talking(conversation) as port:
        connection = await dial(Endpoint("127.0.0.1", port), not_resolved)
        for _ in range(3):
            assert connection.reusable
            assert await connection.send(GET).body() == b"body"
        while connection.reusable:
            await asyncio.sleep(0.01)
        assert served == 3
        with pytest.raises(BrokenConnection):
            await connection.send(GET).body()


async def test_a_slow_reader_makes_the_sender_wait_and_loses_nothing() -> None:
    """Not more than a few megabytes wait for a reader, however much is sent."""
    piece, sent = b"x" * (1 << 16), 0

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (512 * len(piece)))
        for _ in range(512):
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    async with talking(conversation) as port:
        connection = await dial(Endpoint("127.0.0.1", port), not_resolved)
        chunks = connection.send(GET).chunks()
        first = len(await anext(chunks))
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 512 * len(piece)
        assert first + sum([len(chunk) async for chunk in chunks]) == 512 * len(piece)
        connection.close()
