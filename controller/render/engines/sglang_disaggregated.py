"""SGLangDisaggregated: the roles ``prefill`` and ``decode``, in one group each pair.

The router sends a request to both at once, with the prefill pod's address; the decode engine then asks for the cache at its own
``disaggregation-bootstrap-port`` there. So both have the same port, and a ModelServer needs no connector.
"""

from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding, error
from controller.api.rules import Rule
from controller.dialects import Workload
from controller.render import pods
from controller.render.engines.sglang_command import (
    bootstrap_port,
    config_findings,
    engine_command,
    entry_template,
    ports,
)
from controller.render.facts import BackendFacts, EngineTraits, PortUse, WorkerFacts
from controller.render.pods import RenderOptions


class SGLangDisaggregated:
    """Backends of type ``SGLangDisaggregated``."""

    traits = EngineTraits(
        "SGLangDisaggregated",
        worker_types=("prefill", "decode"),
        named_by=("decode", "prefill"),
        inference_engine="SGLang",
        sidecar_engine="sglang",
        default_port=30000,
        scaled_role="decode",
        disaggregated=True,
        options="sglang",
        lora_prefix="",
        loaded_by_sidecar=False,
    )

    def command(self, facts: BackendFacts, worker: WorkerFacts) -> list[str]:
        """The argv itself: a worker is one pod."""
        return engine_command(facts, worker)

    def ports(self, facts: BackendFacts, worker: WorkerFacts) -> Iterator[PortUse]:
        """The port where decode engines ask for caches, and those that the config names."""
        yield from ports(facts, worker)

    def kv_connector(self, facts: BackendFacts) -> str | None:
        """None: the router knows the way from the engine's name."""
        return None

    def findings(self, facts: BackendFacts, path: str) -> Iterator[Finding]:
        """The rules of the config, and those of a pair."""
        yield from config_findings(facts, path)
        for name, values in (
            ("bootstrap-port", map(bootstrap_port, facts.workers)),
            ("transfer-backend", map(_backend, facts.workers)),
        ):
            if len(set(values)) > 1:
                message = f"prefill and decode must have the same disaggregation-{name}"
                yield error(f"{path}.workers", message, Rule.CONNECTOR)

    def workload(self, facts: BackendFacts, options: RenderOptions) -> Workload:
        """Two roles."""
        workers = [worker for role in self.traits.worker_types if (worker := facts.worker(role)) is not None]
        return pods.workload(facts, tuple(_role(facts, worker, options) for worker in workers))


def _backend(worker: WorkerFacts) -> Any:
    return worker.config.get("disaggregation-transfer-backend") or "mooncake"


def _role(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    return {
        "name": worker.worker.type,
        "replicas": worker.instances,
        "entryTemplate": entry_template(facts, worker, options),
        "workerReplicas": 0,
    }
