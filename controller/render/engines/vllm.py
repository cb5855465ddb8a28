"""vLLM: one role, ``leader``, of one pod or of an entry pod with Ray workers."""

from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding
from controller.dialects import Workload
from controller.render import pods
from controller.render.engines.vllm_command import config_findings, engine_command, ray_worker_command
from controller.render.facts import BackendFacts, EngineTraits, WorkerFacts
from controller.render.names import bounded, child_name, pod_labels
from controller.render.pods import RenderOptions, non_empty

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


class VLLM:
    """Backends of type ``vLLM``."""

    traits = EngineTraits("vLLM", options="vllm", hot_lora_variable="VLLM_ALLOW_RUNTIME_LORA_UPDATING")

    def command(self, facts: BackendFacts, worker: WorkerFacts) -> list[str]:
        """The argv itself, or on several pods one shell string that first gathers a Ray cluster."""
        return engine_command(facts, worker)

    def kv_connector(self, facts: BackendFacts) -> str | None:
        """Only disaggregated backends have one."""
        return None

    def findings(self, facts: BackendFacts, path: str) -> Iterator[Finding]:
        """The rules of the config."""
        yield from config_findings(facts, path)

    def workload(self, facts: BackendFacts, options: RenderOptions) -> Workload:
        """One role, with the name that the autoscaler looks for."""
        worker = facts.workers[0]
        role: dict[str, Any] = {
            "name": "leader",
            "replicas": worker.instances,
            "entryTemplate": _entry(facts, worker, options),
            "workerReplicas": worker.pods - 1,
        }
        if worker.pods > 1:
            role["workerTemplate"] = _ray_worker(facts, worker, options)
        return Workload(
            name=child_name(facts.model, facts.backend),
            replicas=facts.backend.min_replicas,
            scheduler_name=facts.backend.scheduler_name or "volcano",
            roles=(role,),
            one_per_node=True,
        )


def _entry(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    env = pods.engine_env(facts)
    runtime = pods.runtime_container(facts, options, env)
    runtime["readinessProbe"] = {
        "httpGet": {"path": "/health", "port": facts.runtime_port},
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
    }
    return {
        "metadata": {"labels": pod_labels(facts.model, facts.backend, options.dialect)},
        "spec": {
            **non_empty(initContainers=pods.downloaders(facts, options)),
            "containers": [runtime, _engine(facts, worker, env)],
            "terminationGracePeriodSeconds": 300,
            "volumes": pods.volumes(facts),
            **pods.placement(facts.backend, worker.worker),
        },
    }


def _engine(facts: BackendFacts, worker: WorkerFacts, env: list[Any]) -> dict[str, Any]:
    port = facts.engine_port
    return {
        "name": "engine",
        "image": worker.worker.image,
        "command": engine_command(facts, worker),
        "env": env,
        **non_empty(resources=worker.worker.resources),
        "volumeMounts": pods.engine_mounts(facts),
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


def _ray_worker(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    """Ray workers carry no labels of ours: they serve no HTTP and must not be selected."""
    return {
        "spec": {
            **non_empty(initContainers=pods.downloaders(facts, options)),
            "containers": [
                {
                    "name": bounded(facts.backend.name.lower(), "-vllm-worker"),
                    "image": worker.worker.image,
                    "command": ray_worker_command(),
                    **non_empty(env=list(facts.env), resources=worker.worker.resources),
                    "volumeMounts": pods.engine_mounts(facts),
                }
            ],
            "volumes": pods.volumes(facts),
            **pods.placement(facts.backend, worker.worker),
        }
    }
