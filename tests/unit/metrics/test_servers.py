"""The HTTP endpoints: what they show, to whom, where they listen, and what they say if they cannot."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from controller.metrics import BindAddress, BindAddressError, BindError, Check, MetricsServer, ProbeServer

LOOPBACK = "127.0.0.1:0"


@asynccontextmanager
async def serving(server: MetricsServer | ProbeServer) -> AsyncIterator[str]:
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def get(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8080", BindAddress(None, 8080)),
        ("127.0.0.1:0", BindAddress("127.0.0.1", 0)),
        ("localhost:1", BindAddress("localhost", 1)),
        ("[::1]:8080", BindAddress("::1", 8080)),
        ("0", None),
    ],
)
def test_bind_addresses_are_written_as_in_go(text: str, address: BindAddress | None):
    """HOST:PORT, :PORT, brackets around IPv6, 0 for off."""
    assert BindAddress.parse(text) == address


@pytest.mark.parametrize("text", ["", "8080", "host", "host:", "host:x", ":-1", ":65536", ":٣"])
def test_malformed_bind_addresses_are_refused_in_one_sentence(text: str):
    """The message quotes what was given and says what is wanted."""
    with pytest.raises(BindAddressError, match="expected HOST:PORT") as caught:
        BindAddress.parse(text)
    assert repr(text) in str(caught.value)


async def test_metrics_endpoint_shows_the_registry_and_nothing_else():
    """Only /metrics answers."""
    registry = CollectorRegistry()
    Counter("pods_total", "Pods.", registry=registry).inc(3)
    async with serving(MetricsServer(LOOPBACK, registry)) as url:
        status, text = await get(f"{url}/metrics")
        assert status == 200
        assert "pods_total 3.0" in text
        for path in ("/", "/debug/pprof", "/healthz", "/metrics/x"):
            assert (await get(url + path))[0] == 404


@pytest.mark.parametrize(("header", "code"), [("", 401), ("Bearer stranger", 403), ("Bearer friend", 200)])
async def test_an_authorizer_decides_who_sees_the_metrics(header: str, code: int):
    """Without token 401, without right 403, and neither answer shows anything."""

    async def authorize(authorization: str) -> int:
        return {"": 401, "Bearer friend": 200}.get(authorization, 403)

    registry = CollectorRegistry()
    Counter("pods_total", "Pods.", registry=registry)
    async with serving(MetricsServer(LOOPBACK, registry, authorize=authorize)) as url:
        status, text = await get(f"{url}/metrics", Authorization=header)
        assert status == code
        assert ("pods_total" in text) == (code == 200)


def probes(**readyz: Check) -> ProbeServer:
    return ProbeServer(LOOPBACK, healthz={"ping": lambda: None}, readyz=readyz)


async def test_probe_passes_with_ok_when_all_checks_pass():
    """What the kubelet sees, and with ?verbose what a person sees."""
    async with serving(probes(ping=lambda: None, informers=lambda: None)) as url:
        assert await get(f"{url}/healthz") == (200, "ok")
        assert await get(f"{url}/readyz") == (200, "ok")
        assert await get(f"{url}/readyz?verbose") == (200, "[+]informers ok\n[+]ping ok\nreadyz check passed\n")


async def test_failing_check_fails_its_probe_and_is_named():
    """The other probe is not touched."""
    async with serving(probes(ping=lambda: None, informers=lambda: "waiting for pods")) as url:
        assert await get(f"{url}/readyz") == (
            500,
            "[-]informers failed: waiting for pods\n[+]ping ok\nreadyz check failed\n",
        )
        assert (await get(f"{url}/healthz"))[0] == 200
        assert await get(f"{url}/readyz/informers") == (500, "waiting for pods")
        assert await get(f"{url}/readyz/ping") == (200, "ok")
        assert (await get(f"{url}/readyz/unknown"))[0] == 404


async def test_excluded_check_does_not_count():
    """?exclude may be repeated; an unknown name is a warning line."""
    async with serving(probes(a=lambda: "no", b=lambda: "no", c=lambda: None)) as url:
        assert (await get(f"{url}/readyz?exclude=a"))[0] == 500
        assert await get(f"{url}/readyz?exclude=a&exclude=b") == (200, "ok")
        _, text = await get(f"{url}/readyz?exclude=a&exclude=b&exclude=z&verbose")
        assert "[+]a excluded: ok" in text
        assert "no check 'z'" in text


async def test_checks_added_later_count():
    """A check that a controller brings after the server started is asked."""
    checks: dict[str, Check] = {}
    async with serving(ProbeServer(LOOPBACK, healthz={}, readyz=checks)) as url:
        assert (await get(f"{url}/readyz"))[0] == 200
        checks["late"] = lambda: "not yet"
        assert (await get(f"{url}/readyz"))[0] == 500


async def test_zero_is_off():
    """Nothing listens, and stopping is fine."""
    server = MetricsServer("0", CollectorRegistry())
    await server.start()
    assert server.port is None
    await server.stop()


async def test_a_taken_port_is_one_sentence():
    """No traceback is needed to see what is wrong; the second server leaves nothing behind."""
    first = MetricsServer(LOOPBACK, CollectorRegistry())
    async with serving(first):
        second = MetricsServer(f"127.0.0.1:{first.port}", CollectorRegistry())
        with pytest.raises(BindError, match=rf"^Cannot listen on 127\.0\.0\.1:{first.port}: address already in use\.$"):
            await second.start()
        assert second.port is None
