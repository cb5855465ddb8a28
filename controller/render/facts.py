"""The facts of a backend: everything that follows from a Model and one of its backends, computed once. Pure and total."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from controller import meta
from controller.api.model import Backend, LoraAdapter, Model, Worker
from controller.api.storage import Cache, ModelSource, adapter_key, cache_of, download_dir, model_source, mounted_claims
from controller.api.variables import env_entries, env_literal
from controller.render.config import EngineConfig, parse_port
from controller.render.options import option_table

RUNTIME_PORT = 8100
KV_EVENTS_PORT = 5557
HOT_LORA_VARIABLE = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
"""By this variable a user asks for adapters in running engines. vLLM reads it too."""
AUTOSCALED_ROLE = "leader"
"""The role whose pods Kthena's autoscaler scrapes."""
_DEVICES = ("nvidia.com/gpu", "huawei.com/ascend-1980")


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """The differences of one backend type from other types, as plain values.

    ``worker_types`` are the workers of a backend, each exactly once, in the order of the ModelInfer's roles. ``named_by`` are those whose
    config decides the served name, the first first. ``inference_engine`` is the ModelServer's word for the engine, ``sidecar_engine`` that
    of the runtime sidecar's ``--engine``. ``scaled_role`` is the role that an autoscaling target names, ``options`` the engine whose table of options counts.
    ``loads_at_run_time`` says whether engines take adapters while they run, ``lora_prefix`` what their paths for that begin with, and
    ``loaded_by_sidecar`` whether the sidecar knows these paths. ``key_variable`` gives the engine its API key. ``parallel_sizes`` are the
    options whose product is the number of devices that a replica uses.
    """

    backend_type: str
    worker_types: tuple[str, ...] = ("server",)
    named_by: tuple[str, ...] = ("server",)
    inference_engine: str = "vLLM"
    sidecar_engine: str = "vllm"
    default_port: int = 8000
    scaled_role: str = AUTOSCALED_ROLE
    disaggregated: bool = False
    loads_at_run_time: bool = False
    options: str | None = None
    lora_prefix: str = "/v1"
    loaded_by_sidecar: bool = True
    key_variable: str | None = None
    parallel_sizes: tuple[str, ...] = ()

    @property
    def workers_sentence(self) -> str:
        """The rule of ``worker_types`` as the end of a sentence."""
        if len(self.worker_types) == 1:
            return f"exactly one worker, of type {self.worker_types[0]}"
        return f"exactly {' and '.join(f'one {role}' for role in self.worker_types)} worker"


@dataclass(frozen=True, slots=True)
class PortUse:
    """A port of a pod, and the part that listens on it, in the words of a message."""

    port: int
    user: str


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """One worker: its config, its number of instances, the pods of an instance, and the accelerators of one pod."""

    worker: Worker
    config: EngineConfig
    instances: int
    pods: int
    devices: int

    @classmethod
    def of(cls, worker: Worker, traits: EngineTraits) -> Self:
        """The facts of this worker; absent numbers and 0 count as 1."""
        table = option_table(traits.options, worker.image) if traits.options else None
        return cls(
            worker,
            EngineConfig(worker, table),
            worker.replicas or worker.min_replicas or 1,
            worker.pods or 1,
            _devices(worker),
        )


@dataclass(frozen=True, slots=True)
class BackendFacts:
    """A backend and what follows from it. ``claims`` are the claims that sources are copied from, beside the cache's own."""

    model: Model
    backend: Backend
    traits: EngineTraits
    workers: tuple[WorkerFacts, ...]
    cache: Cache
    source: ModelSource
    claims: tuple[str, ...]
    env: tuple[Mapping[str, Any], ...]
    engine_port: int
    runtime_port: int
    runtime_url: str
    metrics_path: str
    served_name: str
    served_names: frozenset[str]
    is_hot: bool

    @classmethod
    def of(cls, model: Model, backend: Backend, traits: EngineTraits) -> Self:
        """The facts of this backend of the Model, rendered as ``traits`` say."""
        workers = tuple(WorkerFacts.of(worker, traits) for worker in backend.workers)
        cache, names = cache_of(backend), _served_names(workers, traits)
        port = next((engine_port(worker, traits) for worker in workers), None) or traits.default_port
        return cls(
            model=model,
            backend=backend,
            traits=traits,
            workers=workers,
            cache=cache,
            source=model_source(backend),
            claims=mounted_claims(backend),
            env=tuple(env_entries(backend)),
            engine_port=port,
            runtime_port=parse_port(env_literal(backend, "RUNTIME_PORT")) or RUNTIME_PORT,
            runtime_url=env_literal(backend, "RUNTIME_URL") or f"http://localhost:{port}",
            metrics_path=env_literal(backend, "RUNTIME_METRICS_PATH") or "/metrics",
            served_name=next(iter(names), model.request_name),
            served_names=frozenset(names) or frozenset({model.request_name}),
            is_hot=_is_hot(backend, workers, cache, traits),
        )

    def worker(self, role: str) -> WorkerFacts | None:
        """The first worker of this type."""
        return next((facts for facts in self.workers if facts.worker.type == role), None)

    def directory(self, adapter: LoraAdapter) -> str:
        """The directory of an adapter inside the pods."""
        return download_dir(self.cache.mount, adapter_key(adapter))


def engine_port(worker: WorkerFacts, traits: EngineTraits) -> int | None:
    """The engine port that one worker asks for; None when its config names something that is not a port."""
    return parse_port(worker.config.get("port")) if "port" in worker.config else traits.default_port


def _served_names(workers: tuple[WorkerFacts, ...], traits: EngineTraits) -> list[str]:
    """The names under which the configs let the engines serve, in the order in which they decide."""
    names: list[str] = []
    for role in traits.named_by:
        value = next((item.config.get("served-model-name") for item in workers if item.worker.type == role), None)
        given = value if isinstance(value, list | tuple) else (value,)
        names += [name for name in given if isinstance(name, str) and name]
    return names


def _is_hot(backend: Backend, workers: tuple[WorkerFacts, ...], cache: Cache, traits: EngineTraits) -> bool:
    """Whether adapters are loaded and unloaded while the engine runs.

    The user asks for it with a variable. On several nodes every node must see the adapter's files, which needs a claim as cache.
    """
    asked = (env_literal(backend, HOT_LORA_VARIABLE) or "").lower() in ("1", "true")
    if not (asked and traits.loads_at_run_time):
        return False
    return all(item.pods == 1 for item in workers) or cache.claim is not None


def _devices(worker: Worker) -> int:
    """Accelerators of one pod: for each known resource the limit, else the request. Anything but a positive integer counts as 0."""
    return sum(_device_amount(worker.resources, name) for name in _DEVICES)


def _device_amount(resources: Any, name: str) -> int:
    for part in ("limits", "requests"):
        amounts = resources.get(part) if isinstance(resources, Mapping) else None
        value = amounts.get(name) if isinstance(amounts, Mapping) else None
        if value is not None:
            try:
                amount = meta.parse_quantity(value)
            except (ValueError, TypeError, AttributeError):
                return 0
            return int(amount) if amount.denominator == 1 and amount > 0 else 0
    return 0
