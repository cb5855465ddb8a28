"""A worker's config as engine arguments, and the whole engine command."""

import shlex
from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.api import derived
from controller.api.model import Backend, Model, Worker

KV_EVENTS = '{"enable_kv_cache_events":true,"publisher":"zmq","topic":"kv-events","endpoint":"tcp://*:5557"}'
_SCRIPTS = (
    "/vllm-workspace/vllm/examples/online_serving/multi-node-serving.sh",
    "/vllm-workspace/examples/online_serving/multi-node-serving.sh",
    "examples/online_serving/multi-node-serving.sh",
)
_FIND = f'for s in {" ".join(_SCRIPTS)}; do [ -f "$s" ] && break; done; bash "$s"'


def literal(text: str) -> str:
    """Text from a Model for ``command`` or ``args``: Kubernetes expands ``$(NAME)`` there, and turns ``$$`` into ``$``."""
    return text.replace("$", "$$")


def config_arguments(config: Mapping[str, Any]) -> list[str]:
    """The flags of a config, sorted by the bytes of the keys as written; nulls are absent."""
    arguments: list[str] = []
    for key in sorted(config, key=lambda key: key.encode("utf-8", "surrogatepass")):
        arguments += _flag(derived.normal_key(key), config[key])
    return arguments


def _flag(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    if value is False:
        return [f"--no-{name}"]
    if value is True or value == "":
        return [f"--{name}"]
    if isinstance(value, list | tuple):
        return [f"--{name}", *(_text(item) for item in value)]
    return [f"--{name}", _text(value)]


def _text(value: Any) -> str:
    """Strings as they are; everything else as compact JSON with sorted keys, integral numbers as plain digits."""
    return value if isinstance(value, str) else meta.canonical_json(value)


def engine_arguments(model: Model, backend: Backend, worker: Worker) -> list[str]:
    """The engine's argv, before any quoting."""
    config = derived.effective_config(worker)
    mount = derived.cache_mount(backend)
    arguments = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
    arguments += ["--model", derived.download_dir(mount, backend.model_uri)]
    arguments += config_arguments(derived.config_of(worker))
    if "served-model-name" not in config:
        arguments += ["--served-model-name", derived.served_name(model, backend)]
    if backend.type == derived.VLLM and derived.pods(worker) > 1 and "distributed-executor-backend" not in config:
        arguments += ["--distributed_executor_backend", "ray"]
    if "kv-events-config" not in config:
        arguments += ["--kv-events-config", KV_EVENTS]
    hot = derived.is_hot(backend)
    if (backend.adapters or hot) and "enable-lora" not in config:
        arguments.append("--enable-lora")
    if backend.adapters and not hot:
        modules = (f"{item.name}={derived.download_dir(mount, item.artifact_url)}" for item in backend.adapters)
        arguments += ["--lora-modules", *modules]
    return arguments


def engine_command(model: Model, backend: Backend, worker: Worker) -> list[str]:
    """The container command: the argv itself, or on several pods one shell string that first gathers a Ray cluster."""
    arguments = engine_arguments(model, backend, worker)
    if backend.type != derived.VLLM or derived.pods(worker) == 1:
        return [literal(argument) for argument in arguments]
    devices = derived.devices(worker)
    leader = f"{_FIND} leader --ray_cluster_size={derived.pods(worker)}" + (f" --num-gpus={devices}" if devices else "")
    return ["bash", "-c", f"{leader} && exec {literal(shlex.join(arguments))}"]


def ray_worker_command() -> list[str]:
    """The command of a pod that joins the entry pod's Ray cluster."""
    return ["bash", "-c", f"{_FIND} worker --ray_address=$(ENTRY_ADDRESS)"]
