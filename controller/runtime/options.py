"""The options of a manager."""

from dataclasses import dataclass
from pathlib import Path

from controller.leaderelection import LeaderElectionConfig
from controller.runtime.sources import DEFAULT_SYNC_PERIOD


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """The settings of a manager. Times are seconds; addresses are ``HOST:PORT``, ``:PORT`` for all interfaces, or ``0`` for off.

    ``leader_election``: None: this process always leads.
    ``metrics_secure``: only callers that the API server authenticates and authorizes may read the metrics.
    ``metrics_cert_path``: a directory with ``tls.crt`` and ``tls.key``; the metrics are then served over TLS.
    ``shutdown_grace``: the time in which all work must end after a stop.
    ``watch_timeout``: the longest time asked for one watch.
    ``relist_interval``: the time between two full lists of an informer, a safety net against changes that a watch missed.
    ``sync_period``: the time between two reconciliations of every object even if nothing changes; None: never.
    ``namespaces``: the namespaces of informers that name none; empty: all.
    """

    leader_election: LeaderElectionConfig | None = None
    metrics_bind_address: str = ":8080"
    metrics_secure: bool = False
    metrics_cert_path: Path | None = None
    health_probe_bind_address: str = ":8081"
    shutdown_grace: float = 25.0
    watch_timeout: float = 300.0
    relist_interval: float = 14400.0
    sync_period: float | None = DEFAULT_SYNC_PERIOD
    namespaces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.sync_period is not None and not self.sync_period > 0:
            raise ValueError(f"sync_period must be positive, got {self.sync_period}")
