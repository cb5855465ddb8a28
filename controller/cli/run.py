"""``run``: the controller itself, against any cluster."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import traceback
import uuid
from pathlib import Path
from typing import Any

import click

from controller.cli.app import Failure, Unusable
from controller.cli.options import (
    NAMESPACE,
    NOT_NEGATIVE,
    OBJECT_NAME,
    PROGRAM,
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
    version,
    version_option,
)

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


_BIND_FLAGS = ("health_probe_bind_address", "metrics_bind_address")
"""In the order in which they are bound."""


@click.command()
@version_option
@cluster_options
@_family_option
@_tuning_options
@_election_options
@_serving_options
@image_options
@hostpath_option
@log_options
def run(**flags: Any) -> None:
    """Run the controller until it is stopped.

    It waits for an API server that cannot be reached, forbids something or lacks a CRD; /readyz and the log say which.

    \b
    Exit codes:
      0  stopped by a signal, after finishing its work
      1  lost its lease, exceeded --shutdown-grace, or failed
      2  wrong flags, or no usable kubeconfig

    \b
    Examples:
      model-controller run --log-format console
      model-controller run --context staging --namespace team-a --namespace team-b
      model-controller run --leader-elect --leader-elect-namespace model-controller-system
    """
    from controller.runtime.logging import configure_logging

    configure_logging(level=flags["log_level"], format=flags["log_format"])
    try:
        asyncio.run(_run(flags))
    except Exception as error:  # noqa: BLE001 - every failure becomes a sentence and an exit code
        if flags["log_level"] == "debug":
            traceback.print_exc()
        raise _failure(error, flags) from None


def _failure(error: Exception, flags: dict[str, Any]) -> Failure:
    from controller.client import ConfigError
    from controller.leaderelection import ElectionConfigError
    from controller.metrics import BindAddressError, BindError, CertificateError

    unusable = (ConfigError, ElectionConfigError, BindAddressError, CertificateError)
    sentence = str(error) or type(error).__name__
    if isinstance(error, BindError):
        guilty = [flag for flag in _BIND_FLAGS if error.bind == flags[flag]]
        sentence += "".join(f" Choose another address with --{flag.replace('_', '-')}." for flag in guilty[:1])
    return (Unusable if isinstance(error, unusable) else Failure)(sentence)


async def _run(flags: dict[str, Any]) -> None:
    stop = _stop_on_signal()
    from controller.client import Client, load_config
    from controller.reconcilers import setup
    from controller.runtime import Manager

    flags["identity"] = f"{socket.gethostname()}_{uuid.uuid4()}"
    options = _manager_options(flags)
    config = await load_config(flags["kubeconfig"], flags["context"])
    config = config.with_user_agent(f"{PROGRAM}/{version()} ({flags['identity']})").with_limits(
        qps=flags["client_qps"], burst=flags["client_burst"]
    )
    _log_start(config, flags)
    async with await Client.connect(config) as client:
        manager = Manager(client, options)
        setup(manager, _controller_options(flags))
        _collect_garbage_less_often()
        await manager.run(stop)


def _collect_garbage_less_often() -> None:
    """Modules and types stay for good, so the collector need not look at them; and what a pass leaves behind is mostly free of cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _log_start(config: Any, flags: dict[str, Any]) -> None:
    """The first line of the log: what runs, and against which cluster."""
    import structlog

    structlog.get_logger(__name__).info(
        "Starting",
        version=version(),
        server=config.host,
        context=config.context or "in-cluster",
        namespaces=list(flags["namespaces"]) or "all",
        leader_election=flags["leader_elect"],
        shard=str(flags["shard"] or "all"),
    )


def _manager_options(flags: dict[str, Any]) -> Any:
    from controller.runtime import ManagerOptions

    return ManagerOptions(
        leader_election=_election(flags) if flags["leader_elect"] else None,
        metrics_bind_address=flags["metrics_bind_address"],
        metrics_secure=flags["metrics_secure"],
        metrics_cert_path=Path(flags["metrics_cert_path"]) if flags["metrics_cert_path"] else None,
        health_probe_bind_address=flags["health_probe_bind_address"],
        shutdown_grace=flags["shutdown_grace"],
        watch_timeout=flags["watch_timeout"],
        relist_interval=flags["resync"],
        sync_period=flags["sync_period"] or None,
        namespaces=flags["namespaces"],
    )


def _election(flags: dict[str, Any]) -> Any:
    from controller.client import in_cluster_namespace
    from controller.leaderelection import LeaderElectionConfig
    from controller.reconcilers import rivals_of, shard_lease

    name, shard = flags["lease_name"], flags["shard"]
    return LeaderElectionConfig(
        namespace=flags["leader_elect_namespace"] or in_cluster_namespace() or "default",
        name=name if shard is None else shard_lease(name, shard),
        is_rival=None if shard is None else rivals_of(name, shard),
        identity=flags["identity"],
        lease_duration=flags["lease_duration"],
        renew_deadline=flags["renew_deadline"],
        retry_period=flags["retry_period"],
    )


def _controller_options(flags: dict[str, Any]) -> Any:
    from controller.client import in_cluster_namespace
    from controller.reconcilers import ModelControllerOptions

    return ModelControllerOptions(
        downloader_image=flags["downloader_image"],
        runtime_image=flags["runtime_image"],
        hostpath_prefixes=flags["hostpath_prefixes"],
        namespace=in_cluster_namespace() or flags["leader_elect_namespace"],
        config_map=flags["config_map"],
        workers=flags["workers"],
        shard=flags["shard"],
        families=None if flags["families"] == "auto" else (flags["families"],),
    )


def _stop_on_signal() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once, with exit code 1 and the lease kept."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop
