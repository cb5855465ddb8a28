"""vLLMDisaggregated: the roles ``prefill`` and ``decode``, in one group each pair."""

from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding, error
from controller.dialects import Workload
from controller.render import pods
from controller.render.engines.vllm_command import config_findings, engine_command
from controller.render.facts import BackendFacts, EngineTraits, WorkerFacts
from controller.render.names import child_name, pod_labels
from controller.render.pods import RenderOptions, non_empty

_CONNECTORS = {
    "MooncakeConnectorV1": "mooncake",
    "MooncakeConnector": "mooncake",
    "LMCacheConnectorV1": "lmcache",
    "NixlConnector": "nixl",
}
"""The ModelServer's word for each ``kv_connector``."""
_KV_ROLES = {"prefill": ("kv_producer", "kv_both"), "decode": ("kv_consumer", "kv_both")}

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

    def kv_connector(self, facts: BackendFacts) -> str | None:
        """The type of the first connector that the table knows."""
        named = (_connector(worker) for worker in facts.workers)
        return next((_CONNECTORS[name] for name in named if name in _CONNECTORS), None)

    def findings(self, facts: BackendFacts, path: str) -> Iterator[Finding]:
        """The rules of the config and of the connector."""
        yield from config_findings(facts, path)
        yield from _connector_findings(facts, path)

    def workload(self, facts: BackendFacts, options: RenderOptions) -> Workload:
        """Two roles."""
        workers = [worker for role in self.traits.worker_types if (worker := facts.worker(role)) is not None]
        return Workload(
            name=child_name(facts.model, facts.backend),
            replicas=facts.backend.min_replicas,
            scheduler_name=facts.backend.scheduler_name or "volcano",
            roles=tuple(_role(facts, worker, options) for worker in workers),
        )


def _role(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    """One role. The empty worker template makes the headless Service that the entry address names."""
    env = pods.engine_env(facts, _EXTRAS[worker.worker.type])
    runtime = pods.runtime_container(facts, options, env)
    return {
        "name": worker.worker.type,
        "replicas": worker.instances,
        "entryTemplate": {
            "metadata": {"labels": pod_labels(facts.model, facts.backend, options.dialect)},
            "spec": {
                **non_empty(initContainers=pods.downloaders(facts, options)),
                "containers": [runtime, _engine(facts, worker, env)],
                "volumes": pods.volumes(facts),
                **pods.placement(facts.backend, worker.worker),
            },
        },
        "workerReplicas": 0,
        "workerTemplate": {"spec": {"containers": []}},
    }


def _engine(facts: BackendFacts, worker: WorkerFacts, env: list[Any]) -> dict[str, Any]:
    port = facts.engine_port
    health = {"httpGet": {"path": "/health", "port": port}}
    return {
        "name": "vllm",
        "image": worker.worker.image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "env": env,
        "command": engine_command(facts, worker),
        **non_empty(resources=worker.worker.resources),
        "startupProbe": {**health, "periodSeconds": 10, "failureThreshold": 360},
        "readinessProbe": {**health, "initialDelaySeconds": 5, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**health, "initialDelaySeconds": 90, "periodSeconds": 5, "failureThreshold": 3},
        "volumeMounts": pods.engine_mounts(facts),
    }


def _connector(worker: WorkerFacts) -> str | None:
    name = (worker.config.mapping("kv-transfer-config") or {}).get("kv_connector")
    return name if isinstance(name, str) else None


def _connector_findings(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """M16."""
    given = ["kv-transfer-config" in worker.config for worker in facts.workers]
    if not any(given):
        return
    types: set[str] = set()
    for index, worker in enumerate(facts.workers):
        where = f"{path}.workers[{index}].config.{worker.config.written_key('kv-transfer-config')}"
        config, name = worker.config.mapping("kv-transfer-config"), _connector(worker)
        if not given[index]:
            yield error(where, "must be given on both workers or on neither", "M16")
        elif config is None:
            yield error(where, "must be a JSON object, or a string of one", "M16")
        else:
            if name not in _CONNECTORS:
                yield error(where, f"kv_connector must be one of {', '.join(_CONNECTORS)}", "M16")
            else:
                types.add(_CONNECTORS[name])
            yield from _kv_role(worker.worker.type, config.get("kv_role"), where)
    if len(types) > 1:
        yield error(f"{path}.workers", f"the workers use different connectors: {', '.join(sorted(types))}", "M16")


def _kv_role(worker_type: str, role: object, path: str) -> Iterator[Finding]:
    allowed = _KV_ROLES.get(worker_type)
    if allowed and role not in allowed:
        yield error(path, f"kv_role of the {worker_type} worker must be {' or '.join(allowed)}", "M16")
