"""The HTTP endpoints of a manager: probes and metrics, with the certificate of the latter."""

import contextlib
from collections.abc import Mapping
from typing import Self

from controller.client import Client
from controller.metrics import CertificateWatcher, Check, Metrics, MetricsServer, ProbeServer
from controller.runtime.authorization import MetricsAuthorizer
from controller.runtime.options import ManagerOptions


class Endpoints:
    """Both servers as one async context manager; ``probes`` and ``metrics`` know their ports while they listen.

    Raises BindAddressError or CertificateError for options that cannot work, and BindError on entering.
    """

    def __init__(
        self,
        client: Client,
        options: ManagerOptions,
        metrics: Metrics,
        *,
        healthz: Mapping[str, Check],
        readyz: Mapping[str, Check],
    ) -> None:
        path = options.metrics_cert_path
        self.certificate = None if path is None else CertificateWatcher(path, metrics.certificate)
        self.probes = ProbeServer(options.health_probe_bind_address, healthz=healthz, readyz=readyz)
        self.metrics = MetricsServer(
            options.metrics_bind_address,
            metrics.registry,
            ssl_context=None if self.certificate is None else self.certificate.context,
            authorize=MetricsAuthorizer(client) if options.metrics_secure else None,
        )
        self._started = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            for server in (self.probes, self.metrics):
                await server.start()
                self._started.push_async_callback(server.stop)
        except BaseException:
            await self._started.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._started.aclose()
