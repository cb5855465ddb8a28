"""The command line of vLLM, on one pod and on several, and the rules of its config."""

import shlex
from collections.abc import Iterator

from controller.api.findings import Finding, error
from controller.render.arguments import config_arguments, literal
from controller.render.facts import BackendFacts, WorkerFacts

KV_EVENTS = '{"enable_kv_cache_events":true,"publisher":"zmq","topic":"kv-events","endpoint":"tcp://*:5557"}'
_SCRIPTS = (
    "/vllm-workspace/vllm/examples/online_serving/multi-node-serving.sh",
    "/vllm-workspace/examples/online_serving/multi-node-serving.sh",
    "examples/online_serving/multi-node-serving.sh",
)
_FIND = f'for s in {" ".join(_SCRIPTS)}; do [ -f "$s" ] && break; done; bash "$s"'


def engine_arguments(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    """The engine's argv, before any quoting."""
    config = worker.config
    arguments = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
    arguments += ["--model", facts.source.directory]
    arguments += config_arguments(config, {"kv-events-config": KV_EVENTS})
    if "served-model-name" not in config:
        arguments += ["--served-model-name", facts.served_name]
    if _gathers_ray(facts, worker) and "distributed-executor-backend" not in config:
        arguments += ["--distributed_executor_backend", "ray"]
    if "kv-events-config" not in config:
        arguments += ["--kv-events-config", KV_EVENTS]
    return [*arguments, *_adapter_arguments(facts, worker)]


def _adapter_arguments(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    adapters = facts.backend.adapters
    arguments = ["--enable-lora"] if (adapters or facts.is_hot) and "enable-lora" not in worker.config else []
    if adapters and not facts.is_hot:
        arguments += ["--lora-modules", *(f"{item.name}={facts.directory(item.artifact_url)}" for item in adapters)]
    return arguments


def engine_command(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    """The container command: the argv itself, or on several pods one shell string that first gathers a Ray cluster."""
    arguments = engine_arguments(facts, worker)
    if not _gathers_ray(facts, worker):
        return [literal(argument) for argument in arguments]
    leader = f"{_FIND} leader --ray_cluster_size={worker.pods}"
    leader += f" --num-gpus={worker.devices}" if worker.devices else ""
    return ["bash", "-c", f"{leader} && exec {literal(shlex.join(arguments))}"]


def ray_worker_command() -> list[str]:
    """The command of a pod that joins the entry pod's Ray cluster."""
    return ["bash", "-c", f"{_FIND} worker --ray_address=$(ENTRY_ADDRESS)"]


def _gathers_ray(facts: BackendFacts, worker: WorkerFacts) -> bool:
    return not facts.traits.disaggregated and worker.pods > 1


def config_findings(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """Arguments that the controller sets itself (M26)."""
    for index, worker in enumerate(facts.workers):
        config, where = worker.config, f"{path}.workers[{index}].config"
        if "model" in config:
            yield error(f"{where}.model", "is set by the controller, from modelURI", "M26")
        if "lora-modules" in config and facts.backend.adapters:
            key = config.written_key("lora-modules")
            yield error(f"{where}.{key}", "is set by the controller, from loraAdapters", "M26")
        if config.get("enable-lora") is False and (facts.backend.adapters or facts.is_hot):
            yield error(f"{where}.{config.written_key('enable-lora')}", "cannot be false with adapters", "M26")
