"""The command line of vLLM, on one pod and on several, and the rules of its config."""

import shlex
from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding, error
from controller.api.rules import Rule
from controller.render import pods
from controller.render.arguments import config_arguments, literal
from controller.render.engines.adapters import adapter_findings
from controller.render.engines.health import DRAIN_SECONDS
from controller.render.engines.vllm_connectors import nixl_env
from controller.render.facts import BackendFacts, WorkerFacts
from controller.render.options import image_version

KV_EVENTS = '{"enable_kv_cache_events":true,"publisher":"zmq","topic":"kv-events","endpoint":"tcp://*:5557"}'
KEY_VARIABLE = "VLLM_API_KEY"
GAUGES = "vllm:num_requests_(running|waiting)"
"""A regular expression for the names of the gauges that count the requests in an engine."""
_SCRIPTS = (
    "/vllm-workspace/vllm/examples/online_serving/multi-node-serving.sh",
    "/vllm-workspace/examples/online_serving/multi-node-serving.sh",
    "examples/online_serving/multi-node-serving.sh",
)
_START = ("python3", "-m", "vllm.entrypoints.openai.api_server")
_WITHOUT_V1 = _WITHOUT_RAY = (0, 19, 0)
_WITH_SHUTDOWN_TIMEOUT = (0, 19, 1)
_PLAIN_HTTP = (
    "is not possible: probes, sidecar and router speak plain HTTP to the engine; end TLS in front of the router"
)
_UNREACHABLE = {
    "host": "must be 0.0.0.0 or ::, since probes and router reach the engine at the pod's address",
    "uds": "is not possible: probes and router reach the engine at a port",
    "headless": "is not possible: the engine would serve no HTTP",
    "ssl-keyfile": _PLAIN_HTTP,
    "ssl-certfile": _PLAIN_HTTP,
    "ssl-ca-certs": _PLAIN_HTTP,
}
_HARMLESS = {"host": ("0.0.0.0", "::", ""), "headless": (False,)}  # noqa: S104 - values that users write
_FIND = f'for s in {" ".join(_SCRIPTS)}; do [ -f "$s" ] && break; done; bash "$s"'


def engine_arguments(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    """The engine's argv, before any quoting."""
    config = worker.config
    arguments = [*_START, "--model", facts.source.directory]
    arguments += config_arguments(config, {"kv-events-config": KV_EVENTS})
    if "served-model-name" not in config:
        arguments += ["--served-model-name", facts.served_name]
    if _gathers_ray(facts, worker) and "distributed-executor-backend" not in config:
        arguments += ["--distributed_executor_backend", "ray"]
    if "kv-events-config" not in config:
        arguments += ["--kv-events-config", KV_EVENTS]
    if drains_itself(facts, worker) and "shutdown-timeout" not in config:
        arguments += ["--shutdown-timeout", str(DRAIN_SECONDS)]
    return [*arguments, *_adapter_arguments(facts, worker)]


def drains_itself(facts: BackendFacts, worker: WorkerFacts) -> bool:
    """Whether the engine ends its requests after SIGTERM: disaggregated ones in versions that are known to have the option for it."""
    version = image_version(worker.worker.image)
    return facts.traits.disaggregated and version is not None and version >= _WITH_SHUTDOWN_TIMEOUT


def _adapter_arguments(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    adapters = facts.backend.adapters
    arguments = ["--enable-lora"] if (adapters or facts.is_hot) and "enable-lora" not in worker.config else []
    if adapters and not facts.is_hot:
        arguments += ["--lora-modules", *(f"{item.name}={facts.directory(item)}" for item in adapters)]
    return arguments


def engine_command(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    """The container command: the argv itself, or with Ray one shell string that first gathers the cluster."""
    arguments = engine_arguments(facts, worker)
    if not _gathers_ray(facts, worker):
        return [literal(argument) for argument in arguments] + _node_arguments(worker)
    leader = f"{_FIND} leader --ray_cluster_size={worker.pods}"
    leader += f" --num-gpus={worker.devices}" if worker.devices else ""
    return ["bash", "-c", f"{leader} && exec {literal(shlex.join(arguments))}"]


def further_command(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    """The command of the other pods of a replica: they join the Ray cluster, or run the same engine without an API.

    ``api_server`` knows no headless engine; ``vllm serve`` does, and takes the model first.
    """
    if _gathers_ray(facts, worker):
        return ["bash", "-c", f"{_FIND} worker --ray_address=$(ENTRY_ADDRESS)"]
    arguments = ["vllm", "serve", *engine_arguments(facts, worker)[len(_START) + 1 :]]
    return [literal(argument) for argument in arguments] + ["--headless", *_node_arguments(worker)]


def _node_arguments(worker: WorkerFacts) -> list[str]:
    """The arguments by which the nodes of a replica find each other; Kubernetes expands what the workload's controller gives to each pod."""
    if worker.pods == 1:
        return []
    return ["--nnodes", str(worker.pods), "--node-rank", "$(WORKER_INDEX)", "--master-addr", "$(ENTRY_ADDRESS)"]


def _gathers_ray(facts: BackendFacts, worker: WorkerFacts) -> bool:
    """Several pods without the engine's own options for that: images before 0.19 have Ray instead. The user may ask for it too."""
    if facts.traits.disaggregated or worker.pods == 1:
        return False
    if "distributed-executor-backend" in worker.config:
        return worker.config.get("distributed-executor-backend") == "ray" or not _knows_nodes(worker)
    return not _knows_nodes(worker)


def _knows_nodes(worker: WorkerFacts) -> bool:
    version = image_version(worker.worker.image)
    return version is None or version >= _WITHOUT_RAY


def engine_env(facts: BackendFacts, worker: WorkerFacts, extras: list[dict[str, Any]] | None = None) -> list[Any]:
    """The variables of the engine. VLLM_USE_V1 is unknown to versions from 0.19 on, which would log a warning about it."""
    version = image_version(worker.worker.image)
    first = [] if version is not None and version >= _WITHOUT_V1 else [{"name": "VLLM_USE_V1", "value": "1"}]
    return pods.engine_env(facts, first, [*(extras or ()), *nixl_env(worker)])


def config_findings(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """Arguments that the controller sets itself, and those with which a pod could not become Ready or load adapters."""
    yield from adapter_findings(facts, path)
    for index, worker in enumerate(facts.workers):
        config, where = worker.config, f"{path}.workers[{index}].config"
        for name, message in _UNREACHABLE.items():
            if name in config and config.get(name) not in _HARMLESS.get(name, ()):
                yield error(f"{where}.{config.written_key(name)}", message, Rule.UNREACHABLE_ENGINE)
        for name, message in _controlled(facts, worker).items():
            if name in config:
                yield error(f"{where}.{config.written_key(name)}", message, Rule.CONTROLLED_OPTION)


def _controlled(facts: BackendFacts, worker: WorkerFacts) -> dict[str, str]:
    """The options that the controller sets on this worker, each with the reason for refusing it."""
    refused = {"model": "is set by the controller, from modelURI"}
    if worker.pods > 1:
        refused |= dict.fromkeys(("nnodes", "node-rank", "master-addr"), "is set by the controller, from pods")
    if facts.backend.adapters:
        refused["lora-modules"] = "is set by the controller, from loraAdapters"
    if worker.config.get("enable-lora") is False and (facts.backend.adapters or facts.is_hot):
        refused["enable-lora"] = "cannot be false with adapters"
    return refused
