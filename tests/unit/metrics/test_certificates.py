"""The certificate of the metrics endpoint: used, replaced when its files change, kept when they are broken."""

import shutil
import ssl
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from controller.metrics import CertificateError, CertificateWatcher, Metrics, MetricsServer
from tests.support.certificates import issue

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates")


async def served_to_who_trusts(certificate: str, port: int | None) -> bool:
    trust = ssl.create_default_context(cadata=certificate)
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"https://127.0.0.1:{port}/metrics", ssl=trust) as answer:
                return answer.status == 200
        except aiohttp.ClientConnectorCertificateError:
            return False


async def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path):
    """New connections see the new one; garbage in the files keeps the one before, and is counted."""
    issue(tmp_path)
    metrics = Metrics.on(CollectorRegistry())
    watcher = CertificateWatcher(tmp_path, metrics.certificate)
    server = MetricsServer("127.0.0.1:0", metrics.registry, ssl_context=watcher.context)
    await server.start()
    try:
        first = (tmp_path / "tls.crt").read_text()
        assert await served_to_who_trusts(first, server.port)
        issue(tmp_path)
        second = (tmp_path / "tls.crt").read_text()
        watcher.refresh()
        assert await served_to_who_trusts(second, server.port)
        assert not await served_to_who_trusts(first, server.port)
        (tmp_path / "tls.crt").write_text("garbage")
        watcher.refresh()
        assert await served_to_who_trusts(second, server.port)
    finally:
        await server.stop()
    assert metrics.registry.get_sample_value("certwatcher_read_certificate_total") == 2
    assert metrics.registry.get_sample_value("certwatcher_read_certificate_errors_total") == 1


@pytest.mark.parametrize("broken", [None, "garbage"])
def test_without_a_usable_pair_it_does_not_start(tmp_path: Path, broken: str | None):
    """Missing or broken files at the start are one sentence."""
    if broken is not None:
        (tmp_path / "tls.crt").write_text(broken)
        (tmp_path / "tls.key").write_text(broken)
    with pytest.raises(CertificateError, match=r"^Cannot use the certificate in .*\.$"):
        CertificateWatcher(tmp_path, Metrics.on(CollectorRegistry()).certificate)
