"""The flags of ``run``: how they are declared, and their values as one typed object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import click

from controller.cli.options import (
    NAMESPACE,
    NOT_NEGATIVE,
    OBJECT_NAME,
    SECONDS,
    SHARD,
    FamilyName,
    Whole,
    cluster_options,
    combined,
    hostpath_option,
    image_options,
    log_options,
    option,
)

if TYPE_CHECKING:
    from controller.meta import Shard


@dataclass(frozen=True, slots=True)
class RunFlags:
    """The values of the flags, under the names that click gives them. Times are seconds; None is a flag that was left out."""

    kubeconfig: str | None
    context: str | None
    families: str
    namespaces: tuple[str, ...]
    shard: "Shard | None"
    workers: int
    client_qps: float
    client_burst: int
    watch_timeout: float
    resync: float
    sync_period: float
    shutdown_grace: float
    config_map: str
    leader_elect: bool
    leader_elect_namespace: str | None
    lease_name: str
    lease_duration: float
    renew_deadline: float
    retry_period: float
    metrics_bind_address: str
    metrics_secure: bool
    metrics_cert_path: str | None
    health_probe_bind_address: str
    downloader_image: str | None
    runtime_image: str | None
    hostpath_prefixes: tuple[str, ...]
    log_level: str
    log_format: Literal["json", "console"]


_election_options = combined(
    option(
        "--leader-elect/--no-leader-elect",
        default=False,
        help="Work only while holding the Lease, so that replicas take turns.",
    ),
    option(
        "--leader-elect-namespace",
        type=NAMESPACE,
        default=None,
        help="Namespace of the Lease. [default: the controller's own]",
    ),
    option("--lease-name", type=OBJECT_NAME, default="lease.kthena.model-controller", help="Name of the Lease."),
    option(
        "--lease-duration",
        type=SECONDS,
        default=15.0,
        help="Seconds after which others may take a lease that is not renewed.",
    ),
    option(
        "--renew-deadline",
        type=SECONDS,
        default=10.0,
        help="Seconds without renewal after which this process stops writing.",
    ),
    option(
        "--retry-period", type=SECONDS, default=2.0, help="Seconds between two attempts to take or renew the lease."
    ),
)

_tuning_options = combined(
    option(
        "-n",
        "--namespace",
        "namespaces",
        type=NAMESPACE,
        multiple=True,
        help="Namespace to work in; repeatable. [default: all]",
    ),
    option(
        "--shard",
        type=SHARD,
        default=None,
        help="Reconcile one part of the Models: part I, from 0, of N, by a hash of namespace and name. [default: all]",
    ),
    option("--workers", type=Whole(1, 1000), default=16, help="Models reconciled at the same time."),
    option(
        "--client-qps",
        type=NOT_NEGATIVE,
        default=0.0,
        help="Requests a second to the API server; 0 for no limit.",
    ),
    option(
        "--client-burst",
        type=Whole(min=0),
        default=0,
        help="Burst size above --client-qps; 0 for no limit.",
    ),
    option("--watch-timeout", type=SECONDS, default=300.0, help="Seconds the server is asked to keep one watch open."),
    option(
        "--resync",
        type=SECONDS,
        default=14400.0,
        help="Relist interval: seconds between two full lists of each kind, plus or minus 10 %.",
    ),
    option(
        "--sync-period",
        type=NOT_NEGATIVE,
        default=36000.0,
        help="Seconds between two reconciliations of every Model even if nothing changed, plus or minus 10 %; 0 for never.",
    ),
    option(
        "--shutdown-grace",
        type=SECONDS,
        default=25.0,
        help="Seconds that work in progress may take to finish at shutdown.",
    ),
    option(
        "--config-map",
        type=OBJECT_NAME,
        default="model-controller-config",
        help="ConfigMap with operator settings in the controller's namespace; outside a cluster, in --leader-elect-namespace.",
    ),
)

_family_option = option(
    "--families",
    type=FamilyName(),
    default="auto",
    help="Family of Kthena's API to serve. auto: each whose CRDs exist, also those that are installed later.",
)

_serving_options = combined(
    option("--metrics-bind-address", default=":8080", help="Address for /metrics; 0 disables it."),
    option("--metrics-secure", is_flag=True, help="Serve /metrics by HTTPS, to callers that the cluster authorises."),
    option(
        "--metrics-cert-path",
        type=click.Path(),
        default=None,
        help="Directory with tls.crt and tls.key for --metrics-secure.",
    ),
    option("--health-probe-bind-address", default=":8081", help="Address for /healthz and /readyz; 0 disables them."),
)

run_options = combined(
    cluster_options,
    _family_option,
    _tuning_options,
    _election_options,
    _serving_options,
    image_options,
    hostpath_option,
    log_options,
)
