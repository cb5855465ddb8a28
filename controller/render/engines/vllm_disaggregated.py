"""vLLMDisaggregated: the roles ``prefill`` and ``decode``, in one group each pair."""

from typing import Any

from controller.api import arguments, derived
from controller.api.model import Backend, Model, Worker
from controller.dialects import Workload
from controller.render import pods
from controller.render.names import child_name, pod_labels
from controller.render.pods import RenderOptions, some

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


def workload(model: Model, backend: Backend, options: RenderOptions) -> Workload:
    """What runs for the backend."""
    workers = [worker for role in _EXTRAS if (worker := derived.worker_of(backend, role)) is not None]
    return Workload(
        name=child_name(model, backend),
        replicas=backend.min_replicas,
        scheduler_name=backend.scheduler_name or "volcano",
        roles=tuple(_role(model, backend, worker, options) for worker in workers),
    )


def _role(model: Model, backend: Backend, worker: Worker, options: RenderOptions) -> dict[str, Any]:
    """One role. The empty worker template makes the headless Service that the entry address names."""
    env = pods.engine_env(backend, _EXTRAS[worker.type])
    runtime = pods.runtime_container(model, backend, options, engine="vllmdisaggregated", env=env)
    return {
        "name": worker.type,
        "replicas": derived.replicas(worker),
        "entryTemplate": {
            "metadata": {"labels": pod_labels(model, backend, options.dialect)},
            "spec": {
                "initContainers": pods.downloaders(model, backend, options),
                "containers": [runtime, _engine(model, backend, worker, env)],
                "volumes": pods.volumes(backend),
                **pods.placement(backend, worker),
            },
        },
        "workerReplicas": 0,
        "workerTemplate": {"spec": {"containers": []}},
    }


def _engine(model: Model, backend: Backend, worker: Worker, env: list[Any]) -> dict[str, Any]:
    port = derived.engine_port(backend)
    health = {"httpGet": {"path": "/health", "port": port}}
    return {
        "name": "vllm",
        "image": worker.image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "env": env,
        "command": arguments.engine_command(model, backend, worker),
        **some(resources=worker.resources),
        "startupProbe": {**health, "periodSeconds": 10, "failureThreshold": 360},
        "readinessProbe": {**health, "initialDelaySeconds": 5, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**health, "initialDelaySeconds": 90, "periodSeconds": 5, "failureThreshold": 3},
        "volumeMounts": pods.engine_mounts(backend),
    }
