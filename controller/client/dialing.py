"""Opening connections: look-up, TCP, TLS, and the way through an HTTP proxy."""

import asyncio
import base64
import errno
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast
from urllib.parse import SplitResult, unquote, urlsplit

import aiohappyeyeballs

from controller.client.connection import Connection

_NEXT_ADDRESS_SECONDS = 0.25
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4))
_PORTS = {"http": 80, "https": 443}
P = TypeVar("P", bound=asyncio.Protocol)


class CannotConnect(Exception):
    """There is no connection, so nothing was sent. ``lasting``: trying again would not help, as with an untrusted certificate."""

    def __init__(self, address: str, reason: str, *, lasting: bool = False) -> None:
        super().__init__(f"cannot connect to {address}: {reason}")
        self.lasting = lasting


class Resolved(Protocol):
    """Called after every look-up of a host's name."""

    def __call__(self, host: str, seconds: float) -> None:
        """The look-up took this long."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server and the way to it. Connections to equal endpoints are interchangeable.

    ``tls`` is None for plain HTTP; ``server_name`` is the name that the certificate must have, if not the host's; ``proxy`` is an ``http`` or
    ``https`` URL, with user and password where the proxy wants them.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = None

    @classmethod
    def of(cls, url: str, tls: ssl.SSLContext | None, server_name: str | None, proxy: str | None) -> "Endpoint":
        """The endpoint of a base URL; ``tls`` counts for ``https`` only."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        return cls(parts.hostname or "", _port(parts), tls if secure else None, server_name if secure else None, proxy)

    @property
    def authority(self) -> str:
        """``host:port``, an IPv6 address in brackets."""
        return _authority(self.host, self.port)

    @property
    def absolute(self) -> bool:
        """Whether requests name the whole URL: plain HTTP through a proxy."""
        return self.proxy is not None and self.tls is None


def proxy_authorization(proxy: str) -> str | None:
    """The value of Proxy-Authorization for the user and password of a proxy's URL."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


async def dial(endpoint: Endpoint, resolved: Resolved) -> Connection:
    """An open connection. Raises CannotConnect."""
    if endpoint.proxy is None:
        server_name = endpoint.server_name or endpoint.host
        return await _open(Connection, endpoint.host, endpoint.port, endpoint.tls, server_name, resolved)
    parts = urlsplit(endpoint.proxy)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise CannotConnect(endpoint.authority, "the proxy is not an http or https URL", lasting=True)
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    if endpoint.tls is None:
        return await _open(Connection, parts.hostname, _port(parts), tls, parts.hostname, resolved)
    tunnel = await _open(_Tunnel, parts.hostname, _port(parts), tls, parts.hostname, resolved)
    return await _through(tunnel, endpoint, endpoint.tls)


async def _open(
    protocol: Callable[[], P], host: str, port: int, tls: ssl.SSLContext | None, server_name: str, resolved: Resolved
) -> P:
    try:
        connected = await aiohappyeyeballs.start_connection(
            await _addresses(host, port, resolved),
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
            interleave=1,
            socket_factory=_keepalive_socket,
        )
        _, opened = await asyncio.get_running_loop().create_connection(
            protocol, sock=connected, ssl=tls, server_hostname=server_name if tls else None
        )
    except OSError as error:
        raise _refused(_authority(host, port), error) from error
    return opened


async def _addresses(host: str, port: int, resolved: Resolved) -> Sequence[aiohappyeyeballs.AddrInfoType]:
    """Where to connect to; a name is looked up, an address is not."""
    if (family := _family_of(host)) is not None:
        where = (host, port) if family == socket.AF_INET else (host, port, 0, 0)
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]
    started = time.monotonic()
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    resolved(host, time.monotonic() - started)
    return found


class _Tunnel(asyncio.Protocol):
    """A connection to a proxy, up to the end of its answer to CONNECT."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._head = b""
        self._answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def ask(self, request: bytes) -> int:
        """The status of the proxy's answer; 0 when there is none."""
        assert self.transport is not None
        self.transport.write(request)
        words = (await self._answered).split(b" ", 2)
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is open."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: a part of the answer."""
        self._head += data
        if b"\r\n\r\n" in self._head and not self._answered.done():
            self._answered.set_result(self._head)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the proxy hung up."""
        if not self._answered.done():
            self._answered.set_result(b"")


async def _through(tunnel: _Tunnel, endpoint: Endpoint, tls: ssl.SSLContext) -> Connection:
    """A connection to the server at the end of a tunnel, with TLS inside."""
    lines = [f"CONNECT {endpoint.authority} HTTP/1.1", f"Host: {endpoint.authority}"]
    if (authorization := proxy_authorization(endpoint.proxy or "")) is not None:
        lines.append(f"Proxy-Authorization: {authorization}")
    outer = tunnel.transport
    assert outer is not None
    try:
        status = await tunnel.ask("\r\n".join([*lines, "", ""]).encode())
        return await _secured(outer, status, endpoint, tls)
    except BaseException as error:
        outer.abort()
        if isinstance(error, OSError):
            raise _refused(endpoint.authority, error) from error
        raise


async def _secured(outer: asyncio.Transport, status: int, endpoint: Endpoint, tls: ssl.SSLContext) -> Connection:
    if status != 200:
        raise CannotConnect(endpoint.authority, f"the proxy answers {status or 'nothing'}")
    connection, name = Connection(), endpoint.server_name or endpoint.host
    inner = await asyncio.get_running_loop().start_tls(outer, connection, tls, server_hostname=name)
    if inner is None:
        raise CannotConnect(endpoint.authority, "the connection was lost")
    connection.connection_made(inner)
    return connection


def _refused(address: str, error: OSError) -> CannotConnect:
    """In the words of the operating system, without addresses of Python objects."""
    if isinstance(error, ssl.SSLError):
        return CannotConnect(address, getattr(error, "strerror", None) or str(error), lasting=True)
    code = getattr(error, "errno", None) or 0
    if isinstance(error, socket.gaierror) or code not in errno.errorcode:
        return CannotConnect(address, error.strerror or str(error) or type(error).__name__)
    return CannotConnect(address, os.strerror(code))


def _keepalive_socket(info: aiohappyeyeballs.AddrInfoType) -> socket.socket:
    family, type_, protocol, _, _ = info
    connection = socket.socket(family, type_, protocol)
    connection.setblocking(False)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _family_of(host: str) -> socket.AddressFamily | None:
    """The family of an address; None for a name, and for an address with a zone, which has to be looked up too."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return None if "%" in host else socket.AF_INET if version == 4 else socket.AF_INET6
