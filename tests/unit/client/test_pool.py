"""Which connections are used again, and which are not."""

import asyncio

from controller.client.dialing import Endpoint
from controller.client.pool import Pool
from tests.support.raw_server import request_of, talking

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ENDED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Counts connections; answers each request with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        self.answer, self.connections = answer, 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            await request_of(reader)
            writer.write(self.answer)


async def one_request(pool: Pool, endpoint: Endpoint) -> None:
    connection = await pool.take(endpoint)
    await connection.send(GET).body()
    pool.give_back(endpoint, connection)


async def test_requests_one_after_the_other_share_a_connection() -> None:
    """Unless the server says that it closes it; other endpoints have their own."""
    for answer, opened in ((KEPT, 1), (ENDED, 3)):
        server, pool = Server(answer), Pool(lambda host, seconds: None)
        async with talking(server.talk) as port:
            for _ in range(3):
                await one_request(pool, Endpoint("127.0.0.1", port))
            assert server.connections == opened
            await one_request(pool, Endpoint("localhost", port))
            assert server.connections == opened + 1
            pool.close()
            await asyncio.sleep(0)


async def test_requests_at_the_same_time_have_a_connection_each() -> None:
    """There is no bound, so none waits for another."""
    server, pool = Server(KEPT), Pool(lambda host, seconds: None)
    async with talking(server.talk) as port:
        endpoint = Endpoint("127.0.0.1", port)
        taken = [await pool.take(endpoint) for _ in range(20)]
        await asyncio.gather(*(connection.send(GET).body() for connection in taken))
        assert server.connections == 20
        for connection in taken:
            pool.give_back(endpoint, connection)
        await one_request(pool, endpoint)
        assert server.connections == 20
        pool.close()
        await asyncio.sleep(0)


async def test_a_connection_given_back_in_the_middle_of_an_answer_is_closed() -> None:
    """A request that was given up must not leave its answer to the next one."""
    server, pool = Server(KEPT), Pool(lambda host, seconds: None)
    async with talking(server.talk) as port:
        endpoint = Endpoint("127.0.0.1", port)
        connection = await pool.take(endpoint)
        connection.send(GET)
        pool.give_back(endpoint, connection)
        await one_request(pool, endpoint)
        assert server.connections == 2
        pool.close()
        await asyncio.sleep(0)
