"""The hand-over of a prompt's cache between vLLM engines: connectors, what they need in a pod, and the ports that they open."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.api.findings import Finding, error
from controller.api.rules import Rule
from controller.api.variables import env_literal
from controller.render.config import parse_port
from controller.render.facts import KV_EVENTS_PORT, BackendFacts, PortUse, WorkerFacts

CONNECTORS = {
    "MooncakeConnectorV1": "mooncake",
    "MooncakeConnector": "mooncake",
    "LMCacheConnectorV1": "lmcache",
    "NixlConnector": "nixl",
}
"""The ModelServer's word for each ``kv_connector``."""
NIXL_HOST, NIXL_PORT = "VLLM_NIXL_SIDE_CHANNEL_HOST", "VLLM_NIXL_SIDE_CHANNEL_PORT"
DEFAULT_NIXL_PORT = 5600
"""The default of vLLM up to 0.11 is 5557, which kv-events use."""
_MULTI = "MultiConnector"
_KV_ROLES = {"prefill": ("kv_producer", "kv_both"), "decode": ("kv_consumer", "kv_both")}
_PORT_VARIABLES = {
    "VLLM_MOONCAKE_BOOTSTRAP_PORT": "the Mooncake bootstrap server",
    "LMCACHE_INTERNAL_API_SERVER_PORT_START": "LMCache",
    "VLLM_PORT": "VLLM_PORT",
}
_PORT_OPTIONS = ("data-parallel-rpc-port", "master-port", "grpc-port", "data-parallel-supervisor-port")


def connectors(worker: WorkerFacts) -> list[Mapping[str, Any]]:
    """The connectors of a worker: the one of ``kv-transfer-config``, or those inside a MultiConnector."""
    config = worker.config.mapping("kv-transfer-config")
    if config is None:
        return []
    if config.get("kv_connector") != _MULTI:
        return [config]
    extra = config.get("kv_connector_extra_config")
    inner = extra.get("connectors") if isinstance(extra, Mapping) else None
    return [item for item in inner if isinstance(item, Mapping)] if isinstance(inner, list | tuple) else []


def connector_type(worker: WorkerFacts) -> str | None:
    """The ModelServer's word: of the only connector that has one."""
    known = [name for item in connectors(worker) if (name := item.get("kv_connector")) in CONNECTORS]
    return CONNECTORS[known[0]] if len(known) == 1 else None


def uses_nixl(worker: WorkerFacts) -> bool:
    """Whether a side channel of NIXL runs in the pod."""
    return any(item.get("kv_connector") == "NixlConnector" for item in connectors(worker))


def nixl_env(worker: WorkerFacts) -> list[dict[str, Any]]:
    """The side channel at the pod's own address: the default is localhost, where the other pod is not."""
    if not uses_nixl(worker):
        return []
    return [
        {"name": NIXL_HOST, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": NIXL_PORT, "value": str(DEFAULT_NIXL_PORT)},
    ]


def ports(facts: BackendFacts, worker: WorkerFacts) -> Iterator[PortUse]:
    """The ports that this worker's engine opens beside that of its API, one for each of its data-parallel ranks where they differ."""
    ranks = _ranks(worker)
    if (events := _events_port(worker)) is not None:
        yield from (PortUse(events + rank, "kv-events") for rank in range(ranks))
    if uses_nixl(worker):
        channel = parse_port(env_literal(facts.backend, NIXL_PORT)) or DEFAULT_NIXL_PORT
        yield from (PortUse(channel + rank, "the NIXL side channel") for rank in range(ranks))
    for item in connectors(worker):
        if port := parse_port(item.get("kv_port")):
            yield PortUse(port, f"kv_port of {item.get('kv_connector')}")
    for name, user in _PORT_VARIABLES.items():
        if port := parse_port(env_literal(facts.backend, name)):
            yield PortUse(port, user)
    for name in _PORT_OPTIONS:
        if port := parse_port(worker.config.get(name)):
            yield PortUse(port, name)


def _events_port(worker: WorkerFacts) -> int | None:
    """The port of kv-events: the controller's own unless the user's config says another, or switches them off."""
    given = worker.config.mapping("kv-events-config")
    if "kv-events-config" not in worker.config or given is None:
        return KV_EVENTS_PORT
    if given.get("enable_kv_cache_events") is False:
        return None
    found = re.search(r":([0-9]+)$", str(given.get("endpoint", "")))
    return (parse_port(found[1]) if found else None) or KV_EVENTS_PORT


def _ranks(worker: WorkerFacts) -> int:
    """Data-parallel ranks in one pod, as far as it matters for a conflict."""
    for name in ("data-parallel-size-local", "data-parallel-size"):
        value = worker.config.get(name)
        if isinstance(value, int | str) and re.fullmatch(r"[0-9]{1,4}", str(value)):
            return min(max(int(value), 1), 64)
    return 1


def connector_findings(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """The connector of the two workers: one kind, in the role of each."""
    given = ["kv-transfer-config" in worker.config for worker in facts.workers]
    if not any(given):
        return
    types: set[str] = set()
    for index, worker in enumerate(facts.workers):
        where = f"{path}.workers[{index}].config.{worker.config.written_key('kv-transfer-config')}"
        config = worker.config.mapping("kv-transfer-config")
        if not given[index]:
            yield error(where, "must be given on both workers or on neither", Rule.CONNECTOR)
        elif config is None:
            yield error(where, "must be a JSON object, or a string of one", Rule.CONNECTOR)
        else:
            found = connector_type(worker)
            if found is None:
                yield error(where, _connector_message(config), Rule.CONNECTOR)
            else:
                types.add(found)
            yield from _kv_role(worker.worker.type, config.get("kv_role"), where)
    if len(types) > 1:
        yield error(
            f"{path}.workers", f"the workers use different connectors: {', '.join(sorted(types))}", Rule.CONNECTOR
        )


def _connector_message(config: Mapping[str, Any]) -> str:
    known = ", ".join(CONNECTORS)
    if config.get("kv_connector") == _MULTI:
        return f"exactly one connector of the MultiConnector must be one of {known}"
    return f"kv_connector must be one of {known}, or a MultiConnector with one of them"


def _kv_role(worker_type: str, role: object, path: str) -> Iterator[Finding]:
    allowed = _KV_ROLES.get(worker_type)
    if allowed and role not in allowed:
        yield error(path, f"kv_role of the {worker_type} worker must be {' or '.join(allowed)}", Rule.CONNECTOR)
