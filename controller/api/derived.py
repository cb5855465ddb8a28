"""What follows from a backend before anything is rendered. Pure and total: a broken Model gives a sensible value or None, no exception."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.api.model import Backend, Model, Worker

VLLM = "vLLM"
VLLM_DISAGGREGATED = "vLLMDisaggregated"
ENGINE_PORT = 8000
RUNTIME_PORT = 8100
KV_EVENTS_PORT = 5557
SHM_MOUNT = "/dev/shm"  # noqa: S108 - the pod's own, not ours
DEVICES = ("nvidia.com/gpu", "huawei.com/ascend-1980")
KV_CONNECTORS = {
    "MooncakeConnectorV1": "mooncake",
    "MooncakeConnector": "mooncake",
    "LMCacheConnectorV1": "lmcache",
    "NixlConnector": "nixl",
}


def normal_key(key: str) -> str:
    """Config keys are compared with dashes: ``served_model_name`` is ``served-model-name``."""
    return key.replace("_", "-")


def config_of(worker: Worker) -> dict[str, Any]:
    """The worker's config without nulls, keys as written; empty when it is no object."""
    if not isinstance(worker.config, Mapping):
        return {}
    return {str(key): value for key, value in worker.config.items() if value is not None}


def effective_config(worker: Worker) -> dict[str, Any]:
    """The config under normalised keys, nulls absent."""
    return {normal_key(key): value for key, value in config_of(worker).items()}


def written_key(worker: Worker, name: str) -> str:
    """The key under which the worker's config holds this normalised name; the name itself where it does not."""
    return next((key for key in config_of(worker) if normal_key(key) == name), name)


def replicas(worker: Worker) -> int:
    """Instances of the role; absent and 0 are 1."""
    return worker.replicas or 1


def pods(worker: Worker) -> int:
    """Pods of one instance; absent and 0 are 1."""
    return worker.pods or 1


def env_entries(backend: Backend) -> list[Mapping[str, Any]]:
    """The well-formed entries of ``env``."""
    entries = backend.env if isinstance(backend.env, list | tuple) else ()
    return [entry for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)]


def env_literal(backend: Backend, name: str) -> str | None:
    """The literal, non-empty value of a variable; None where it is absent or comes from elsewhere."""
    for entry in env_entries(backend):
        if entry["name"] == name:
            value = entry.get("value")
            return value if isinstance(value, str) and value and not entry.get("valueFrom") else None
    return None


def parse_port(value: Any) -> int | None:
    """A port of 1…65535, given as an integer or its decimal digits; else None."""
    if isinstance(value, str) and re.fullmatch(r"0*[0-9]{1,5}", value):
        value = int(value)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if is_integer and 1 <= value <= 65535 else None


def worker_port(worker: Worker) -> int | None:
    """The engine port that one worker asks for; None when its config names something that is no port."""
    config = effective_config(worker)
    return parse_port(config["port"]) if "port" in config else ENGINE_PORT


def engine_port(backend: Backend) -> int:
    """The port the engine listens on."""
    ports = [worker_port(worker) for worker in backend.workers]
    return (ports[0] if ports else None) or ENGINE_PORT


def runtime_port(backend: Backend) -> int:
    """The port of the runtime sidecar; text that is no number falls back to the default."""
    return parse_port(env_literal(backend, "RUNTIME_PORT")) or RUNTIME_PORT


def runtime_url(backend: Backend) -> str:
    """The engine's base URL as the sidecar sees it."""
    return env_literal(backend, "RUNTIME_URL") or f"http://localhost:{engine_port(backend)}"


def metrics_path(backend: Backend) -> str:
    """The engine's metrics path."""
    return env_literal(backend, "RUNTIME_METRICS_PATH") or "/metrics"


@dataclass(frozen=True, slots=True)
class Cache:
    """Where weights are kept: the mount path, and the claim or the host path behind it (neither: an emptyDir)."""

    mount: str
    claim: str | None = None
    host_path: str | None = None


def normal_path(text: str) -> str:
    """Without empty and ``.`` segments, with one leading slash."""
    return "/" + "/".join(segment for segment in text.split("/") if segment not in ("", "."))


def cache(backend: Backend) -> Cache:
    """The backend's cache volume."""
    uri = backend.cache_uri or ""
    scheme, _, rest = uri.partition("://")
    if scheme == "hostpath":
        return Cache(normal_path(rest), host_path=normal_path(rest))
    if scheme == "pvc":
        path = normal_path(rest)
        return Cache(path, claim=path[1:])
    return Cache("/cache")


def cache_mount(backend: Backend) -> str:
    """The path at which the cache is mounted."""
    return cache(backend).mount


def download_dir(mount: str, uri: str) -> str:
    """Where the downloader puts this source: the MD5 of the URI as written, below the mount."""
    return f"{mount}/{hashlib.md5(uri.encode('utf-8', 'surrogatepass'), usedforsecurity=False).hexdigest()}"


def source_claim(uri: str) -> str | None:
    """The claim that a ``pvc://`` source lies in."""
    if not uri.startswith("pvc://"):
        return None
    return normal_path(uri.removeprefix("pvc://"))[1:].partition("/")[0] or None


def mounted_claims(backend: Backend) -> tuple[str, ...]:
    """The claims that sources need beside the cache, in order of first use: the model's, then the adapters'."""
    own = cache(backend).claim
    found: dict[str, None] = {}
    for uri in (backend.model_uri, *(adapter.artifact_url for adapter in backend.adapters)):
        claim = source_claim(uri)
        if claim and claim != own:
            found[claim] = None
    return tuple(found)


def devices(worker: Worker) -> int:
    """Accelerators of one pod: for each known resource the limit, else the request; what is no whole number above 0 counts as 0."""
    total = 0
    for name in DEVICES:
        for part in ("limits", "requests"):
            amounts = worker.resources.get(part) if isinstance(worker.resources, Mapping) else None
            value = amounts.get(name) if isinstance(amounts, Mapping) else None
            if value is None:
                continue
            try:
                amount = meta.parse_quantity(value)
            except (ValueError, TypeError, AttributeError):
                break
            total += int(amount) if amount.denominator == 1 and amount > 0 else 0
            break
    return total


def worker_of(backend: Backend, role: str) -> Worker | None:
    """The first worker of this type."""
    return next((worker for worker in backend.workers if worker.type == role), None)


def _first_name(worker: Worker | None) -> str | None:
    value = effective_config(worker).get("served-model-name") if worker else None
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    return value if isinstance(value, str) and value else None


def served_name(model: Model, backend: Backend) -> str:
    """The name under which the engine serves the base model."""
    roles = ("decode", "prefill") if backend.type == VLLM_DISAGGREGATED else ("server",)
    for role in roles:
        if name := _first_name(worker_of(backend, role)):
            return name
    return model.request_name


def is_hot(backend: Backend) -> bool:
    """Whether adapters are loaded and unloaded while the engine runs.

    The engine must allow it, and on several nodes every node must see the adapter's files, which needs a claim as cache.
    """
    allowed = (env_literal(backend, "VLLM_ALLOW_RUNTIME_LORA_UPDATING") or "").lower() in ("1", "true")
    if backend.type != VLLM or not allowed:
        return False
    return all(pods(worker) == 1 for worker in backend.workers) or cache(backend).claim is not None


def kv_transfer_config(worker: Worker) -> Mapping[str, Any] | None:
    """The ``kv-transfer-config`` of a worker, given as an object or as the JSON of one; None when absent or neither."""
    value = effective_config(worker).get("kv-transfer-config")
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping) else None


def kv_connector_type(backend: Backend) -> str | None:
    """The ModelServer's connector of a disaggregated backend; None without one."""
    if backend.type != VLLM_DISAGGREGATED:
        return None
    for worker in backend.workers:
        connector = (kv_transfer_config(worker) or {}).get("kv_connector")
        if isinstance(connector, str) and connector in KV_CONNECTORS:
            return KV_CONNECTORS[connector]
    return None


def adapter_names(model: Model) -> Iterator[tuple[Backend, str]]:
    """Every adapter of every backend, in spec order."""
    for backend in model.spec.backends:
        for adapter in backend.adapters:
            yield backend, adapter.name
