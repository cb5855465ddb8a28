"""vLLM: one role, ``leader``, of one pod or of an entry pod with Ray workers."""

from typing import Any

from controller.api import arguments, derived
from controller.api.model import Backend, Model, Worker
from controller.dialects import Workload
from controller.render import pods
from controller.render.names import bounded, child_name, pod_labels
from controller.render.pods import RenderOptions, some

_DRAIN = """\
deadline=$(( $(date +%s) + 240 ))
fails=0
while [ "$(date +%s)" -lt "$deadline" ]; do
  if m=$(curl -sf --max-time 2 http://localhost:{port}/metrics); then
    fails=0
    n=$(printf '%s\\n' "$m" | awk '/^vllm:num_requests_(running|waiting)[{ ]/ {s+=$NF} END {print s+0}')
    [ "$n" = "0" ] && exit 0
  else
    fails=$((fails+1))
    [ "$fails" -ge 3 ] && exit 0
  fi
  sleep 5
done
exit 0
"""


def workload(model: Model, backend: Backend, options: RenderOptions) -> Workload:
    """What runs for the backend. The role's name is what the autoscaler looks for."""
    worker = backend.workers[0]
    role: dict[str, Any] = {
        "name": "leader",
        "replicas": derived.replicas(worker),
        "entryTemplate": _entry(model, backend, worker, options),
        "workerReplicas": derived.pods(worker) - 1,
    }
    if derived.pods(worker) > 1:
        role["workerTemplate"] = _ray_worker(model, backend, worker, options)
    return Workload(
        name=child_name(model, backend),
        replicas=backend.min_replicas,
        scheduler_name=backend.scheduler_name or "volcano",
        roles=(role,),
        one_per_node=True,
    )


def _entry(model: Model, backend: Backend, worker: Worker, options: RenderOptions) -> dict[str, Any]:
    env = pods.engine_env(backend)
    runtime = pods.runtime_container(model, backend, options, engine="vllm", env=env)
    runtime["readinessProbe"] = {
        "httpGet": {"path": "/health", "port": derived.runtime_port(backend)},
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
    }
    return {
        "metadata": {"labels": pod_labels(model, backend, options.dialect)},
        "spec": {
            "initContainers": pods.downloaders(model, backend, options),
            "containers": [runtime, _engine(model, backend, worker, env)],
            "terminationGracePeriodSeconds": 300,
            "volumes": pods.volumes(backend),
            **pods.placement(backend, worker),
        },
    }


def _engine(model: Model, backend: Backend, worker: Worker, env: list[Any]) -> dict[str, Any]:
    port = derived.engine_port(backend)
    return {
        "name": "engine",
        "image": worker.image,
        "command": arguments.engine_command(model, backend, worker),
        "env": env,
        **some(resources=worker.resources),
        "volumeMounts": pods.engine_mounts(backend),
        "readinessProbe": {
            "httpGet": {"path": "/health", "port": port, "scheme": "HTTP"},
            "initialDelaySeconds": 90,
            "periodSeconds": 5,
            "timeoutSeconds": 1,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", _DRAIN.replace("{port}", str(port))]}}},
    }


def _ray_worker(model: Model, backend: Backend, worker: Worker, options: RenderOptions) -> dict[str, Any]:
    """Ray workers carry no labels of ours: they serve no HTTP and must not be selected."""
    return {
        "spec": {
            "initContainers": pods.downloaders(model, backend, options),
            "containers": [
                {
                    "name": bounded(backend.name.lower(), f"-{backend.type.lower()}-worker"),
                    "image": worker.image,
                    "command": arguments.ray_worker_command(),
                    **some(env=derived.env_entries(backend), resources=worker.resources),
                    "volumeMounts": pods.engine_mounts(backend),
                }
            ],
            "volumes": pods.volumes(backend),
            **pods.placement(backend, worker),
        }
    }
