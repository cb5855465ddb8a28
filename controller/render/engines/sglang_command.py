"""The command line of SGLang, the rules of its config, and the container around it.

Facts about the engine are those of SGLang 0.5.23: its parser is ``tables/sglang-0.5.23.json``. By default it listens on loopback alone and
publishes no metrics. ``/health`` generates a token and takes a second or more; ``/ready`` answers at once.
"""

from collections.abc import Iterator
from typing import Any

from controller.api.findings import Finding, error
from controller.api.rules import Rule
from controller.render import pods
from controller.render.arguments import config_arguments, literal
from controller.render.config import EngineConfig, parse_port
from controller.render.engines.adapters import adapter_findings
from controller.render.engines.health import GRACE_SECONDS, drain, running_probe, startup_probe
from controller.render.facts import BackendFacts, PortUse, WorkerFacts
from controller.render.pods import RenderOptions, non_empty

BOOTSTRAP_PORT = 8998
"""Where the engine of a decode pod finds that of a prefill pod, unless the config says another."""
_GAUGES = "sglang:num_(running|queue)_reqs"
_HANDOVER_GAUGES = "sglang:num_(running|queue|prefill_bootstrap_queue|prefill_inflight_queue|decode_prealloc_queue|decode_transfer_queue)_reqs"
_PROBE_SECONDS = 5
_INIT_PORT = 20000
"""Where the nodes of a replica find the first one."""
_PORT_OPTIONS = ("nccl-port", "smg-http-sidecar-port")
_PLAIN_HTTP = (
    "is not possible: probes, sidecar and router speak plain HTTP to the engine; end TLS in front of the router"
)
_REFUSED = {
    "model-path": "is set by the controller, from modelURI",
    "ssl-keyfile": _PLAIN_HTTP,
    "ssl-certfile": _PLAIN_HTTP,
}
_OF_SEVERAL = ("nnodes", "node-rank", "dist-init-addr")


def engine_command(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    """The argv; on several pods each runs the same one, with its own number from the workload's controller."""
    command = [literal(argument) for argument in _arguments(facts, worker)]
    if worker.pods > 1:
        command += ["--nnodes", str(worker.pods), "--node-rank", "$(WORKER_INDEX)"]
        command += ["--dist-init-addr", f"$(ENTRY_ADDRESS):{_INIT_PORT}"]
    return command


def entry_template(facts: BackendFacts, worker: WorkerFacts, options: RenderOptions) -> dict[str, Any]:
    """The pod that serves: the engine and the runtime sidecar."""
    env, port = pods.engine_env(facts, [], []), facts.engine_port
    runtime = pods.runtime_container(facts, options, env)
    runtime["readinessProbe"] = pods.runtime_probe(facts)
    engine = {
        "name": "engine",
        "image": worker.worker.image,
        "command": engine_command(facts, worker),
        "env": env,
        **non_empty(resources=worker.worker.resources),
        "volumeMounts": pods.engine_mounts(facts),
        "startupProbe": startup_probe("/ready", port, timeout=_PROBE_SECONDS),
        "readinessProbe": running_probe("/ready", port, timeout=_PROBE_SECONDS),
        "lifecycle": drain(port, _HANDOVER_GAUGES if facts.traits.disaggregated else _GAUGES),
    }
    return {
        "metadata": pods.entry_metadata(facts, options),
        "spec": pods.pod_spec(facts, worker, options, [runtime, engine], grace_seconds=GRACE_SECONDS),
    }


def ports(facts: BackendFacts, worker: WorkerFacts) -> Iterator[PortUse]:
    """The ports where nodes and roles meet, and those that the config names."""
    if worker.pods > 1:
        yield PortUse(_INIT_PORT, "the meeting of the nodes")
    if facts.traits.disaggregated:
        yield PortUse(bootstrap_port(worker), "disaggregation-bootstrap-port")
    for name in _PORT_OPTIONS:
        if port := parse_port(worker.config.get(name)):
            yield PortUse(port, name)


def bootstrap_port(worker: WorkerFacts) -> int:
    """The port of the server by which a decode engine finds the cache of a prompt."""
    return parse_port(worker.config.get("disaggregation-bootstrap-port")) or BOOTSTRAP_PORT


def config_findings(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """Options that the controller sets, and those with which a pod could not become Ready or load adapters."""
    yield from adapter_findings(facts, path)
    for index, worker in enumerate(facts.workers):
        config, where = worker.config, f"{path}.workers[{index}].config"
        for name, message in _controlled(facts, worker).items():
            if name in config:
                yield error(f"{where}.{config.written_key(name)}", message, Rule.CONTROLLED_OPTION)
        if config.get("host") not in (None, "0.0.0.0", "::"):  # noqa: S104 - values that users write
            message = "must be 0.0.0.0 or ::, since probes and router reach the engine at the pod's address"
            yield error(f"{where}.{config.written_key('host')}", message, Rule.UNREACHABLE_ENGINE)
        if facts.is_hot:
            yield from _hot(worker, where)


def _controlled(facts: BackendFacts, worker: WorkerFacts) -> dict[str, str]:
    """The options that the controller sets on this worker, or cannot do with, each with the reason for refusing it."""
    refused = dict(_REFUSED)
    if facts.backend.adapters and not facts.is_hot:
        refused["lora-paths"] = "is set by the controller, from loraAdapters"
    if worker.pods > 1:
        refused |= dict.fromkeys(_OF_SEVERAL, "is set by the controller, from pods")
    if facts.traits.disaggregated:
        refused["disaggregation-mode"] = "is set by the controller, from the type of the worker"
    elif worker.config.get("disaggregation-mode") not in (None, "null"):
        refused["disaggregation-mode"] = "is not possible on one role: use type SGLangDisaggregated"
    return refused


def _hot(worker: WorkerFacts, where: str) -> Iterator[Finding]:
    """Options that the engine asserts when it starts without adapters, and when it is given the first one."""
    config = worker.config
    if "max-lora-rank" not in config and "lora-paths" not in config:
        message = "is required: the engine reserves memory for adapters that come later"
        yield error(f"{where}.max-lora-rank", message, Rule.RUNTIME_ADAPTERS)
    if config.get("dp-size") not in (None, 1, "1"):
        message = "must be 1 where adapters are loaded into running engines"
        yield error(f"{where}.{config.written_key('dp-size')}", message, Rule.RUNTIME_ADAPTERS)


def _arguments(facts: BackendFacts, worker: WorkerFacts) -> list[str]:
    """The engine's argv, without what depends on the pod."""
    config = worker.config
    arguments = ["python3", "-m", "sglang.launch_server", "--model-path", facts.source.directory]
    arguments += config_arguments(config)
    for name, value in (
        ("host", "0.0.0.0"),  # noqa: S104 - the pod's address; the default is loopback
        ("port", str(facts.engine_port)),
        ("served-model-name", facts.served_name),
    ):
        if name not in config:
            arguments += [f"--{name}", value]
    if "enable-metrics" not in config:
        arguments.append("--enable-metrics")
    if facts.traits.disaggregated:
        arguments += ["--disaggregation-mode", worker.worker.type]
    return arguments + _adapter_arguments(facts, config)


def _adapter_arguments(facts: BackendFacts, config: EngineConfig) -> list[str]:
    """Adapters of the template by name and directory; memory for those that come later is reserved for every module."""
    adapters = facts.backend.adapters
    arguments = ["--enable-lora"] if (adapters or facts.is_hot) and "enable-lora" not in config else []
    if adapters and not facts.is_hot:
        paths = (f"{item.name}={facts.directory(item)}" for item in adapters)
        arguments += ["--lora-paths", *paths]
    if facts.is_hot and "lora-target-modules" not in config and "lora-paths" not in config:
        arguments += ["--lora-target-modules", "all"]
    return arguments
