"""vLLM: one role, ``leader``, of one pod or of an entry pod and further nodes."""

from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding
from controller.dialects import Workload
from controller.render import pods
from controller.render.engines.health import GRACE_SECONDS, drain, running_probe, startup_probe
from controller.render.engines.vllm_command import (
    GAUGES,
    KEY_VARIABLE,
    config_findings,
    engine_command,
    engine_env,
    further_command,
)
from controller.render.engines.vllm_connectors import ports
from controller.render.facts import BackendFacts, EngineTraits, PortUse, WorkerFacts
from controller.render.names import bounded
from controller.render.pods import RenderOptions, non_empty


class VLLM:
    """Backends of type ``vLLM``."""

    traits = EngineTraits(
        "vLLM",
        options="vllm",
        loads_at_run_time=True,
        key_variable=KEY_VARIABLE,
        parallel_sizes=(
            "tensor-parallel-size",
            "pipeline-parallel-size",
            "data-parallel-size",
            "prefill-context-parallel-size",
        ),
    )

    def command(self, facts: BackendFacts, worker: WorkerFacts) -> list[str]:
        """The argv itself, or on several pods one shell string that first gathers a Ray cluster."""
        return engine_command(facts, worker)

    def ports(self, facts: BackendFacts, worker: WorkerFacts) -> Iterator[PortUse]:
        """kv-events, and what connectors and data parallelism open."""
        yield from ports(facts, worker)

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
            role["workerTemplate"] = _further(facts, worker, options)
        return pods.workload(facts, (role,), one_per_node=True)


def _entry(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    env = engine_env(facts, worker)
    runtime = pods.runtime_container(facts, options, env)
    runtime["readinessProbe"] = pods.runtime_probe(facts)
    containers = [runtime, _engine(facts, worker, env)]
    return {
        "metadata": pods.entry_metadata(facts, options),
        "spec": pods.pod_spec(facts, worker, options, containers, grace_seconds=GRACE_SECONDS),
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
        "startupProbe": startup_probe("/health", port),
        "readinessProbe": running_probe("/health", port),
        "lifecycle": drain(port, GAUGES),
    }


def _further(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    """The other nodes carry no labels of ours: they serve no HTTP and must not be selected."""
    container = {
        "name": bounded(facts.backend.name.lower(), "-vllm-worker"),
        "image": worker.worker.image,
        "command": further_command(facts, worker),
        **non_empty(env=list(facts.env), resources=worker.worker.resources),
        "volumeMounts": pods.engine_mounts(facts),
    }
    return pods.further_template(facts, worker, options, container)
