"""SGLang: one role, ``leader``, of one pod or of several that run the same command."""

from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding
from controller.dialects import Workload
from controller.render import pods
from controller.render.engines.sglang_command import config_findings, engine_command, entry_template, ports
from controller.render.facts import BackendFacts, EngineTraits, PortUse, WorkerFacts
from controller.render.names import bounded
from controller.render.pods import RenderOptions, non_empty


class SGLang:
    """Backends of type ``SGLang``."""

    traits = EngineTraits(
        "SGLang",
        inference_engine="SGLang",
        sidecar_engine="sglang",
        default_port=30000,
        options="sglang",
        loads_at_run_time=True,
        lora_prefix="",
        loaded_by_sidecar=False,
        parallel_sizes=(
            "tensor-parallel-size",
            "pipeline-parallel-size",
            "data-parallel-size",
            "tp-size",
            "pp-size",
            "dp-size",
        ),
    )

    def command(self, facts: BackendFacts, worker: WorkerFacts) -> list[str]:
        """The argv; on several pods each runs the same one, with its own number from the workload's controller."""
        return engine_command(facts, worker)

    def ports(self, facts: BackendFacts, worker: WorkerFacts) -> Iterator[PortUse]:
        """The port where nodes meet, and those that the config names."""
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
            "entryTemplate": entry_template(facts, worker, options),
            "workerReplicas": worker.pods - 1,
        }
        if worker.pods > 1:
            role["workerTemplate"] = _further(facts, worker, options)
        return pods.workload(facts, (role,), one_per_node=True)


def _further(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    """The other nodes carry no labels of ours: they serve no requests and must not be selected."""
    container = {
        "name": bounded(facts.backend.name.lower(), "-sglang-worker"),
        "image": worker.worker.image,
        "command": engine_command(facts, worker),
        **non_empty(env=list(facts.env), resources=worker.worker.resources),
        "volumeMounts": pods.engine_mounts(facts),
    }
    return pods.further_template(facts, worker, options, container)
