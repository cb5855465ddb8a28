"""Which proxy a request goes through: ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` as Go programs such as kubectl read them. Pure.

The rules are those of Go's ``golang.org/x/net/http/httpproxy``.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Target:
    """The host and port that a request goes to; ``address`` when the host is an IP address."""

    host: str
    port: str
    address: Address | None


def environment_proxy(url: str, environment: Mapping[str, str]) -> str | None:
    """The proxy URL for requests to ``url``, None for a direct connection. A proxy without a scheme is an http proxy.

    Requests to ``localhost`` and to loopback addresses never use a proxy.
    """
    parts = urlsplit(url)
    names = ("HTTPS_PROXY", "https_proxy") if parts.scheme == "https" else ("HTTP_PROXY", "http_proxy")
    proxy = _first(environment, *names)
    if not proxy or parts.hostname is None:
        return None
    port = str(parts.port or (443 if parts.scheme == "https" else 80))
    target = Target(parts.hostname.lower(), port, _address(parts.hostname))
    if target.host == "localhost" or (target.address is not None and target.address.is_loopback):
        return None
    if _is_excluded(target, _first(environment, "NO_PROXY", "no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _first(environment: Mapping[str, str], *names: str) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _is_excluded(target: Target, no_proxy: str) -> bool:
    entries = [entry.strip().lower() for entry in no_proxy.split(",")]
    return "*" in entries or any(_matches(entry, target) for entry in entries if entry)


def _matches(entry: str, target: Target) -> bool:
    """An entry is a network (``10.0.0.0/8``), an address or a domain, the last two with an optional port."""
    network = _network(entry) if "/" in entry else None
    if network is not None:
        return target.address is not None and target.address in network
    host, port = _host_and_port(entry)
    if port not in ("", target.port) or not host:
        return False
    address = _address(host)
    if address is not None:
        return address == target.address
    if host.startswith("*."):
        host = host[1:]
    if host.startswith("."):
        return target.host.endswith(host)
    return target.host == host or target.host.endswith(f".{host}")


def _host_and_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = entry.rpartition(":")
    return (host, port) if colon and ":" not in host else (entry, "")


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
