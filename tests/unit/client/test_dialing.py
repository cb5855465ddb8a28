"""The ways to a server: by address and by name, with TLS, and through a proxy."""

import asyncio
import base64
from pathlib import Path

import pytest

from controller.client import Client, ClientConfig
from controller.client.dialing import CannotConnect, Endpoint, dial
from controller.client.settings import Settings
from controller.client.transport import Transport
from controller.meta.errors import TransportError
from tests.support.certificates import certificate, server_tls
from tests.support.raw_server import request_of, talking

BODY = b'{"kind":"Pod"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def connected_to(settings: Settings) -> Client:
    async def load() -> Settings:
        return settings

    return Client(Transport(ClientConfig(settings, load)))


class Proxy:
    """An HTTP proxy: tunnels what asks for it, answers the rest by itself; wants these credentials, and remembers the first lines."""

    def __init__(self, credentials: str = "") -> None:
        self.lines: list[str] = []
        self._wanted = base64.b64encode(credentials.encode())

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await request_of(reader)
        line = head.partition(b"\r\n")[0].decode()
        self.lines.append(line)
        if self._wanted and b"proxy-authorization: basic " + self._wanted.lower() not in head.lower():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        elif line.startswith("CONNECT"):
            host, _, port = line.split(" ")[1].rpartition(":")
            inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(self._pass(reader, inner_writer), self._pass(inner_reader, writer))
        else:
            writer.write(ANSWER)

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await request_of(reader)
        writer.write(ANSWER)


async def test_tls_through_a_proxy_reaches_the_server_by_a_tunnel(tmp_path: Path) -> None:
    """The proxy sees where to, and gets its user and password; the certificate that counts is the server's."""
    pair, proxy = certificate(tmp_path, "server"), Proxy("me:p@ss")
    async with talking(serve, server_tls(pair)) as port, talking(proxy.talk) as proxy_port:
        way = f"http://me:p%40ss@127.0.0.1:{proxy_port}"
        settings = Settings(f"https://127.0.0.1:{port}", ca_file=str(pair[0]), proxy=way)
        async with connected_to(settings) as client:
            for _ in range(2):
                assert await client.raw("GET", "/x") == BODY
        assert proxy.lines == [f"CONNECT 127.0.0.1:{port} HTTP/1.1"]


async def test_plain_http_through_a_proxy_names_the_whole_url() -> None:
    """As a proxy wants it."""
    proxy = Proxy()
    async with talking(proxy.talk) as proxy_port:
        settings = Settings("http://api.example:8080/base", proxy=f"http://127.0.0.1:{proxy_port}")
        async with connected_to(settings) as client:
            assert await client.raw("GET", "/x") == BODY
    assert proxy.lines == ["GET http://api.example:8080/base/x HTTP/1.1"]


async def test_a_proxy_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    """It names the server that was not reached and what the proxy said."""
    pair, proxy = certificate(tmp_path, "server"), Proxy("me:other")
    async with talking(serve, server_tls(pair)) as port, talking(proxy.talk) as proxy_port:
        settings = Settings(
            f"https://127.0.0.1:{port}", ca_file=str(pair[0]), proxy=f"http://me:x@127.0.0.1:{proxy_port}"
        )
        async with connected_to(settings) as client:
            sentence = f"^GET /x: cannot connect to 127.0.0.1:{port}: the proxy answers 407$"
            with pytest.raises(TransportError, match=sentence):
                await client.raw("GET", "/x")


async def test_the_server_has_to_prove_the_name_that_the_kubeconfig_gives(tmp_path: Path) -> None:
    """``tls-server-name`` stands above the host of the URL."""
    pair = certificate(tmp_path, "server")
    async with talking(serve, server_tls(pair)) as port:
        url = f"https://127.0.0.1:{port}"
        async with connected_to(Settings(url, ca_file=str(pair[0]), server_name="other.example")) as client:
            with pytest.raises(TransportError, match=r"other\.example"):
                await client.raw("GET", "/x")


async def test_a_name_that_does_not_exist_is_one_sentence() -> None:
    """And it was looked up, which is told."""
    looked_up: list[str] = []
    with pytest.raises(CannotConnect, match=r"^cannot connect to nowhere\.invalid:443: "):
        await dial(Endpoint("nowhere.invalid", 443), lambda host, seconds: looked_up.append(host))


async def test_a_line_break_in_a_token_begins_no_header() -> None:
    """It is refused before anything is sent."""
    async with (
        talking(serve) as port,
        connected_to(Settings(f"http://127.0.0.1:{port}", "Bearer a\r\nX-Remote-User: admin")) as client,
    ):
        with pytest.raises(TransportError, match="line break"):
            await client.raw("GET", "/x")


async def test_a_write_whose_connection_breaks_is_sent_once() -> None:
    """The server may have acted: whether to try again is the caller's decision."""
    heads: list[bytes] = []

    async def act_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(ANSWER)
        heads.append(await request_of(reader))

    async with talking(act_and_hang_up) as port, connected_to(Settings(f"http://127.0.0.1:{port}")) as client:
        await client.raw("GET", "/x")
        with pytest.raises(TransportError, match="the server closed the connection"):
            await client.raw("DELETE", "/x")
    assert len(heads) == 1
