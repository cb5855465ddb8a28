"""TLS as clusters need it, whatever the Python: what is trusted, whose name counts, and certificates that are renewed."""

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from controller.client import Client, load_config
from controller.meta import Resource
from controller.meta.errors import TransportError, Unauthorized
from tests.support.certificates import authority, leaf, server_tls
from tests.support.raw_server import request_of, talking

POD = Resource("", "v1", "pods", "Pod")


def written(path: Path, port: int, cluster: dict[str, Any], user: dict[str, Any]) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": f"https://127.0.0.1:{port}", **cluster}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(document))
    return str(path)


class Answering:
    """A server with one Pod, which notes the common name of each client's certificate."""

    def __init__(self) -> None:
        self.clients: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        presented = writer.get_extra_info("ssl_object").getpeercert() or {}
        names = [value for part in presented.get("subject", ()) for key, value in part if key == "commonName"]
        self.clients += names
        body = b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}'
        status = b"401 Unauthorized" if "expired" in names else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Default contexts are strict, as they are since Python 3.13."""
    create = ssl.create_default_context

    def strict_context(*arguments: Any, **options: Any) -> ssl.SSLContext:
        context = create(*arguments, **options)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict_context)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("source", ["kubeconfig", "system"])
async def test_certificates_without_key_identifiers_are_trusted(
    tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The authorities of real clusters lack them; Go does not ask for them, and Python does since 3.13."""
    root = authority(tmp_path, "root")
    cluster = {"certificate-authority": str(root[0])} if source == "kubeconfig" else {}
    monkeypatch.setenv("SSL_CERT_FILE", str(root[0]))
    async with talking(Answering(), server_tls(leaf(tmp_path, "server", root))) as port:
        config = await load_config(written(tmp_path / "config", port, cluster, {"token": "t"}))
        async with await Client.connect(config) as client:
            assert (await client.get(POD, "a", "ns"))["kind"] == "Pod"


async def test_an_intermediate_authority_is_an_anchor(tmp_path: Path) -> None:
    """As in Go, what the bundle holds is trusted, self-signed or not."""
    root = authority(tmp_path, "root")
    middle = authority(tmp_path, "middle", root)
    async with talking(Answering(), server_tls(leaf(tmp_path, "server", middle))) as port:
        cluster = {"certificate-authority": str(middle[0])}
        config = await load_config(written(tmp_path / "config", port, cluster, {"token": "t"}))
        async with await Client.connect(config) as client:
            assert (await client.get(POD, "a", "ns"))["kind"] == "Pod"


async def test_the_name_in_the_certificate_counts_and_can_be_given(tmp_path: Path) -> None:
    """A server behind another address is refused unless tls-server-name says what it is called."""
    root = authority(tmp_path, "root")
    trust = {"certificate-authority": str(root[0])}
    async with talking(Answering(), server_tls(leaf(tmp_path, "server", root, "DNS:kubernetes"))) as port:
        config = await load_config(written(tmp_path / "config", port, trust, {"token": "t"}))
        async with await Client.connect(config) as client:
            with pytest.raises(TransportError, match="certificate verify failed"):
                await client.get(POD, "a", "ns")
        named = {**trust, "tls-server-name": "kubernetes"}
        config = await load_config(written(tmp_path / "config", port, named, {"token": "t"}))
        async with await Client.connect(config) as client:
            assert (await client.get(POD, "a", "ns"))["kind"] == "Pod"


async def test_a_request_refused_for_an_old_client_certificate_is_repeated_with_the_new_one(tmp_path: Path) -> None:
    """The names of the files stay the same; their content does not."""
    root = authority(tmp_path, "root")
    tls = server_tls(leaf(tmp_path, "server", root))
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(root[0])
    answering, clients = Answering(), {name: leaf(tmp_path, name, root) for name in ("expired", "renewed")}
    mine, key = tmp_path / "mine.crt", tmp_path / "mine.key"

    def renew(name: str) -> None:
        for source, target in zip(clients[name], (mine, key), strict=True):
            target.write_bytes(source.read_bytes())

    renew("expired")
    async with talking(answering, tls) as port:
        user = {"client-certificate": "mine.crt", "client-key": "mine.key"}
        path = written(tmp_path / "config", port, {"certificate-authority": str(root[0])}, user)
        async with await Client.connect(await load_config(path)) as client:
            with pytest.raises(Unauthorized):
                await client.get(POD, "a", "ns")
            renew("renewed")
            await client.get(POD, "a", "ns")
    assert answering.clients == ["expired", "expired", "renewed"]
