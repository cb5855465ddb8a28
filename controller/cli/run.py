"""``run``: the controller itself, against any cluster.

It imports the controller only when it runs: ``--help`` of every command stays quick.
"""

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
from typing import TYPE_CHECKING, Any

import click

from controller.cli.app import Failure, Unusable
from controller.cli.options import PROGRAM, version, version_option
from controller.cli.run_flags import RunFlags, run_options

if TYPE_CHECKING:
    from controller.client import ClientConfig
    from controller.leaderelection import LeaderElectionConfig
    from controller.reconcilers import ModelControllerOptions
    from controller.runtime import ManagerOptions

_BIND_FLAGS = ("health_probe_bind_address", "metrics_bind_address")
"""In the order in which they are bound."""


@click.command()
@version_option
@run_options
def run(**values: Any) -> None:
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

    flags = RunFlags(**values)
    configure_logging(level=flags.log_level, format=flags.log_format)
    gc.disable()
    try:
        asyncio.run(_run(flags))
    except Exception as error:  # noqa: BLE001 - every failure becomes a sentence and an exit code
        if flags.log_level == "debug":
            traceback.print_exc()
        raise _failure(error, flags) from None
    finally:
        gc.enable()


def _failure(error: Exception, flags: RunFlags) -> Failure:
    from controller.client import ConfigError
    from controller.leaderelection import ElectionConfigError
    from controller.metrics import BindAddressError, BindError, CertificateError

    unusable = (ConfigError, ElectionConfigError, BindAddressError, CertificateError)
    sentence = str(error) or type(error).__name__
    if isinstance(error, BindError):
        guilty = [flag for flag in _BIND_FLAGS if error.bind == getattr(flags, flag)]
        sentence += "".join(f" Choose another address with --{flag.replace('_', '-')}." for flag in guilty[:1])
    return (Unusable if isinstance(error, unusable) else Failure)(sentence)


async def _run(flags: RunFlags) -> None:
    stop = _stop_on_signal()
    from controller.client import Client, load_config
    from controller.reconcilers import setup
    from controller.runtime import Manager

    identity = f"{socket.gethostname()}_{uuid.uuid4()}"
    options = manager_options(flags, identity)
    config = await load_config(flags.kubeconfig, flags.context)
    config = config.with_user_agent(f"{PROGRAM}/{version()} ({identity})").with_limits(
        qps=flags.client_qps, burst=flags.client_burst
    )
    _log_start(config, flags)
    async with await Client.connect(config) as client:
        manager = Manager(client, options)
        setup(manager, controller_options(flags))
        _collect_garbage_less_often()
        await manager.run(stop)


def _collect_garbage_less_often() -> None:
    """Modules and types stay for good, so the collector never looks at them, not even while they are loaded; a pass leaves few cycles behind."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def _log_start(config: "ClientConfig", flags: RunFlags) -> None:
    """The first line of the log: what runs, and against which cluster."""
    import structlog

    structlog.get_logger(__name__).info(
        "Starting",
        version=version(),
        server=config.host,
        context=config.context or "in-cluster",
        namespaces=list(flags.namespaces) or "all",
        leader_election=flags.leader_elect,
        shard=str(flags.shard or "all"),
    )


def manager_options(flags: RunFlags, identity: str) -> "ManagerOptions":
    """The manager's part of the flags; ``identity`` names this process in the Lease."""
    from controller.runtime import ManagerOptions

    return ManagerOptions(
        leader_election=_election(flags, identity) if flags.leader_elect else None,
        metrics_bind_address=flags.metrics_bind_address,
        metrics_secure=flags.metrics_secure,
        metrics_cert_path=Path(flags.metrics_cert_path) if flags.metrics_cert_path else None,
        health_probe_bind_address=flags.health_probe_bind_address,
        shutdown_grace=flags.shutdown_grace,
        watch_timeout=flags.watch_timeout,
        relist_interval=flags.resync,
        sync_period=flags.sync_period or None,
        namespaces=flags.namespaces,
    )


def _election(flags: RunFlags, identity: str) -> "LeaderElectionConfig":
    from controller.client import in_cluster_namespace
    from controller.leaderelection import LeaderElectionConfig
    from controller.reconcilers import rivals_of, shard_lease

    name, shard = flags.lease_name, flags.shard
    return LeaderElectionConfig(
        namespace=flags.leader_elect_namespace or in_cluster_namespace() or "default",
        name=name if shard is None else shard_lease(name, shard),
        is_rival=None if shard is None else rivals_of(name, shard),
        identity=identity,
        lease_duration=flags.lease_duration,
        renew_deadline=flags.renew_deadline,
        retry_period=flags.retry_period,
    )


def controller_options(flags: RunFlags) -> "ModelControllerOptions":
    """The Model controller's part of the flags."""
    from controller.client import in_cluster_namespace
    from controller.reconcilers import ModelControllerOptions

    return ModelControllerOptions(
        downloader_image=flags.downloader_image,
        runtime_image=flags.runtime_image,
        hostpath_prefixes=flags.hostpath_prefixes,
        namespace=in_cluster_namespace() or flags.leader_elect_namespace,
        config_map=flags.config_map,
        workers=flags.workers,
        shard=flags.shard,
        families=None if flags.families == "auto" else (flags.families,),
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
