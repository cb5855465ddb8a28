"""The certificate of an HTTPS endpoint, reloaded when its files change."""

import asyncio
import ssl
from pathlib import Path

from controller.metrics.families import CertificateFamilies

_RELOAD_SECONDS = 60.0
"""Time between two looks at the files."""


class CertificateError(Exception):
    """The certificate or its key cannot be used. The message is one sentence."""


class CertificateWatcher:
    """A server-side TLS context from ``tls.crt`` and ``tls.key`` in a directory, as a mounted Secret has them.

    New connections use the newest valid pair. A pair that cannot be read is counted, and the previous one stays in use.
    """

    def __init__(self, directory: Path, metrics: CertificateFamilies) -> None:
        self._files = (directory / "tls.crt", directory / "tls.key")
        self._metrics = metrics
        self._loaded: tuple[bytes, ...] = ()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._load()
        except OSError as error:
            raise CertificateError(f"Cannot use the certificate in {directory}: {error.strerror or error}.") from error

    async def run(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(_RELOAD_SECONDS)
            self.refresh()

    def refresh(self) -> None:
        """Load the files if they changed; count a pair that cannot be used and keep the previous one."""
        try:
            self._load()
        except OSError:
            self._metrics.errors.inc()

    def _load(self) -> None:
        content = tuple(file.read_bytes() for file in self._files)
        if content == self._loaded:
            return
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
        self.context.load_cert_chain(*self._files)
        self._loaded = content
        self._metrics.reads.inc()
