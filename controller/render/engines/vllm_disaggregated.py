"""vLLMDisaggregated: the roles ``prefill`` and ``decode``, in one group each pair."""

from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding
from controller.dialects import Workload
from controller.render import pods
from controller.render.engines.health import GRACE_SECONDS, drain, running_probe, startup_probe
from controller.render.engines.vllm_command import (
    GAUGES,
    config_findings,
    drains_itself,
    engine_command,
    engine_env,
)
from controller.render.engines.vllm_connectors import connector_findings, connector_type, ports
from controller.render.facts import BackendFacts, EngineTraits, PortUse, WorkerFacts
from controller.render.pods import RenderOptions, non_empty

_OFFLINE = {"name": "HF_HUB_OFFLINE", "value": "1"}
_EXTRAS: dict[str, list[dict[str, Any]]] = {
    "prefill": [_OFFLINE, pods.field_variable("HCCL_IF_IP", "status.podIP")],
    "decode": [
        _OFFLINE,
        {"name": "GLOO_SOCKET_IFNAME", "value": "eth0"},
        {"name": "TP_SOCKET_IFNAME", "value": "eth0"},
        {"name": "HCCL_SOCKET_IFNAME", "value": "eth0"},
    ],
}


class VLLMDisaggregated:
    """Backends of type ``vLLMDisaggregated``."""

    traits = EngineTraits(
        "vLLMDisaggregated",
        worker_types=("prefill", "decode"),
        named_by=("decode", "prefill"),
        sidecar_engine="vllmdisaggregated",
        scaled_role="decode",
        disaggregated=True,
        options="vllm",
    )

    def command(self, facts: BackendFacts, worker: WorkerFacts) -> list[str]:
        """The argv itself: a worker is one pod."""
        return engine_command(facts, worker)

    def ports(self, facts: BackendFacts, worker: WorkerFacts) -> Iterator[PortUse]:
        """kv-events, and what connectors and data parallelism open."""
        yield from ports(facts, worker)

    def kv_connector(self, facts: BackendFacts) -> str | None:
        """The type of the first connector that the table knows."""
        return next(filter(None, map(connector_type, facts.workers)), None)

    def findings(self, facts: BackendFacts, path: str) -> Iterator[Finding]:
        """The rules of the config and of the connector."""
        yield from config_findings(facts, path)
        yield from connector_findings(facts, path)

    def workload(self, facts: BackendFacts, options: RenderOptions) -> Workload:
        """Two roles."""
        workers = [worker for role in self.traits.worker_types if (worker := facts.worker(role)) is not None]
        return pods.workload(facts, tuple(_role(facts, worker, options) for worker in workers))


def _role(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    """One role, each instance of which is one pod."""
    env = engine_env(facts, worker, _EXTRAS[worker.worker.type])
    runtime = pods.runtime_container(facts, options, env)
    containers = [runtime, _engine(facts, worker, env)]
    return {
        "name": worker.worker.type,
        "replicas": worker.instances,
        "entryTemplate": {
            "metadata": pods.entry_metadata(facts, options),
            "spec": pods.pod_spec(facts, worker, options, containers, grace_seconds=GRACE_SECONDS),
        },
        "workerReplicas": 0,
    }


def _engine(facts: BackendFacts, worker: WorkerFacts, env: list[Any]) -> dict[str, Any]:
    port = facts.engine_port
    return {
        "name": "vllm",
        "image": worker.worker.image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "env": env,
        "command": engine_command(facts, worker),
        **non_empty(resources=worker.worker.resources),
        "startupProbe": startup_probe("/health", port),
        "readinessProbe": running_probe("/health", port),
        "livenessProbe": running_probe("/health", port),
        **({} if drains_itself(facts, worker) else {"lifecycle": drain(port, GAUGES)}),
        "volumeMounts": pods.engine_mounts(facts),
    }
