"""The rules of a backend's engine: its workers, their config, ports, connector, names and the length of its command."""

import re
from collections.abc import Iterator, Mapping

from controller.api import derived
from controller.api.arguments import engine_command
from controller.api.model import BACKEND_TYPES, Backend, Model, Worker
from controller.api.validation.findings import UNSUPPORTED, Finding, error, tolerated, warning

SUPPORTED_TYPES = (derived.VLLM, derived.VLLM_DISAGGREGATED)
_ONE_SERVER = ("vLLM", "SGLang", "MindIE")
_MINDIE_ROLES = {"prefill", "decode", "controller", "coordinator"}
_LONGEST_ARGUMENT = 131_071
_LONGEST_SERVED_NAME = 256
_LONGEST_POD_NAME = 63


def engine(model: Model, backend: Backend, path: str) -> Iterator[Finding]:
    """Every rule of this room that concerns the backend."""
    for index, worker in enumerate(backend.workers):
        yield from _worker(model, backend, worker, f"{path}.workers[{index}]")
    if backend.type not in SUPPORTED_TYPES:
        yield from _unsupported(backend, path)
        return
    roles = ["server"] if backend.type == derived.VLLM else ["decode", "prefill"]
    if sorted(worker.type for worker in backend.workers) != roles:
        count = (
            "exactly one worker, of type server" if roles == ["server"] else "exactly one prefill and one decode worker"
        )
        rule = "M1" if roles == ["server"] else "M13"
        yield error(f"{path}.workers", f"a backend of type {backend.type} has {count}", rule)
    yield from _ports(backend, path)
    yield from _connector(backend, path)
    yield from _served_names(backend, path)
    yield from _command_length(model, backend, path)


def _unsupported(backend: Backend, path: str) -> Iterator[Finding]:
    """M29, and what the CRD's own rules say about the workers of types that are known but not implemented."""
    what = "is not implemented" if backend.type in BACKEND_TYPES else "is no backend type"
    message = f"{backend.type[:64]!r} {what}; supported are {' and '.join(SUPPORTED_TYPES)}"
    yield Finding(f"{path}.type", message, rule="M29", reason=UNSUPPORTED)
    types = [worker.type for worker in backend.workers]
    if backend.type in _ONE_SERVER and types != ["server"]:
        message = f"a backend of type {backend.type} has exactly one worker, of type server"
        yield tolerated(f"{path}.workers", message, "M1")
    if backend.type == "MindIEDisaggregated" and not set(types) <= _MINDIE_ROLES:
        message = "workers may be prefill, decode, controller and coordinator, not server"
        yield tolerated(f"{path}.workers", message, "M3")


def _worker(model: Model, backend: Backend, worker: Worker, path: str) -> Iterator[Finding]:
    """M14, M22, M27 and the rules of the config."""
    if not re.fullmatch(r"[!-~]+", worker.image):
        what = f"{worker.image[:64]!r} is no image reference" if worker.image else "is required"
        yield error(f"{path}.image", f"{what}; it must be printable ASCII without white space", "M14")
    if backend.type == derived.VLLM_DISAGGREGATED and derived.pods(worker) > 1:
        yield error(f"{path}.pods", "workers of disaggregated backends have one pod", "M27")
    numbers = (backend.max_replicas, derived.replicas(worker), derived.pods(worker) - 1)
    length = len(model.name) + len(backend.name) + sum(len(str(number)) for number in numbers)
    length += (7 if worker.type == "prefill" else 6) + 5
    if length > _LONGEST_POD_NAME:
        surplus = length - _LONGEST_POD_NAME
        message = (
            f"pod names would have {length} characters; shorten the names of the Model or the backend by {surplus}"
        )
        yield error(path, message, "M22")
    if worker.config is not None and not isinstance(worker.config, Mapping):
        yield error(f"{path}.config", "must be an object of engine arguments", "M26")
    yield from _config(backend, worker, f"{path}.config")


def _config(backend: Backend, worker: Worker, path: str) -> Iterator[Finding]:
    """M26 and W2. A key whose value is null counts as absent."""
    seen: dict[str, str] = {}
    for key in derived.config_of(worker):
        where = f"{path}.{key[:64]}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", key):
            message = "a key must start with a letter or digit and hold only letters, digits, '_', '.' and '-'"
            yield error(where, message, "M26")
        elif (other := seen.setdefault(derived.normal_key(key), key)) != key:
            yield error(where, f"is the same argument as {other[:64]}", "M26")
        elif re.search("[A-Z]", key):
            yield warning(where, "has upper-case letters; the engine will hardly know it", "W2")
    config = derived.effective_config(worker)
    if "model" in config:
        yield error(f"{path}.model", "is set by the controller, from modelURI", "M26")
    if "lora-modules" in config and backend.adapters:
        where = f"{path}.{derived.written_key(worker, 'lora-modules')}"
        yield error(where, "is set by the controller, from loraAdapters", "M26")
    if config.get("enable-lora") is False and (backend.adapters or derived.is_hot(backend)):
        where = f"{path}.{derived.written_key(worker, 'enable-lora')}"
        yield error(where, "cannot be false with adapters", "M26")


def _ports(backend: Backend, path: str) -> Iterator[Finding]:
    """M15 and M30."""
    agreed: int | None = None
    for index, worker in enumerate(backend.workers):
        where, port = f"{path}.workers[{index}].config.port", derived.worker_port(worker)
        if port is None:
            yield error(where, "must be a port number, 1 to 65535", "M15")
        elif port != (agreed := agreed or port):
            yield error(where, f"all workers of a backend must use the same port; an earlier one uses {agreed}", "M15")
    yield from _runtime_port(backend, path)
    engine_port, runtime_port = derived.engine_port(backend), derived.runtime_port(backend)
    if agreed is not None and engine_port == runtime_port:
        yield error(path, f"port {engine_port} is used by both the engine and the runtime sidecar", "M30")
    for port, user in ((engine_port, "the engine"), (runtime_port, "the runtime sidecar")):
        if port == derived.KV_EVENTS_PORT:
            yield error(path, f"port {port} is used by both {user} and kv-events", "M30")


def _runtime_port(backend: Backend, path: str) -> Iterator[Finding]:
    literal = derived.env_literal(backend, "RUNTIME_PORT")
    if literal is not None and derived.parse_port(literal) is None:
        index = next(i for i, entry in enumerate(backend.env) if entry.get("name") == "RUNTIME_PORT")
        message = f"{literal[:32]!r} is no port; {derived.RUNTIME_PORT} is used"
        yield warning(f"{path}.env[{index}].value", message, "M30")


def _connector(backend: Backend, path: str) -> Iterator[Finding]:
    """M16."""
    given = ["kv-transfer-config" in derived.effective_config(worker) for worker in backend.workers]
    if backend.type != derived.VLLM_DISAGGREGATED or not any(given):
        return
    types: set[str] = set()
    for index, worker in enumerate(backend.workers):
        where = f"{path}.workers[{index}].config.{derived.written_key(worker, 'kv-transfer-config')}"
        config = derived.kv_transfer_config(worker)
        if not given[index]:
            yield error(where, "must be given on both workers or on neither", "M16")
        elif config is None:
            yield error(where, "must be a JSON object, or a string of one", "M16")
        else:
            connector = config.get("kv_connector")
            if not isinstance(connector, str) or connector not in derived.KV_CONNECTORS:
                yield error(where, f"kv_connector must be one of {', '.join(derived.KV_CONNECTORS)}", "M16")
            else:
                types.add(derived.KV_CONNECTORS[connector])
            yield from _kv_role(worker, config.get("kv_role"), where)
    if len(types) > 1:
        yield error(f"{path}.workers", f"the workers use different connectors: {', '.join(sorted(types))}", "M16")


def _kv_role(worker: Worker, role: object, path: str) -> Iterator[Finding]:
    allowed = {"prefill": ("kv_producer", "kv_both"), "decode": ("kv_consumer", "kv_both")}.get(worker.type)
    if allowed and role not in allowed:
        yield error(path, f"kv_role of the {worker.type} worker must be {' or '.join(allowed)}", "M16")


def _served_names(backend: Backend, path: str) -> Iterator[Finding]:
    """M28."""
    agreed: list[str] | None = None
    for index, worker in enumerate(backend.workers):
        config = derived.effective_config(worker)
        if "served-model-name" not in config:
            continue
        where = f"{path}.workers[{index}].config.{derived.written_key(worker, 'served-model-name')}"
        value = config["served-model-name"]
        names = list(value) if isinstance(value, list | tuple) else [value]
        if not names or not all(isinstance(name, str) and 0 < len(name) <= _LONGEST_SERVED_NAME for name in names):
            yield error(where, "must be a name of 1 to 256 characters, or a list of such names", "M28")
        elif names != (agreed := agreed or names):
            yield error(where, "must be the same on prefill and decode", "M28")


def _command_length(model: Model, backend: Backend, path: str) -> Iterator[Finding]:
    """M35: the whole command of a multi-node engine is one argument, and the kernel limits those."""
    worker = derived.worker_of(backend, "server")
    if backend.type != derived.VLLM or worker is None or derived.pods(worker) == 1:
        return
    size = len(engine_command(model, backend, worker)[-1].encode("utf-8", "surrogatepass"))
    if size > _LONGEST_ARGUMENT:
        message = f"the engine's command would be {size} bytes long; one argument holds at most {_LONGEST_ARGUMENT}"
        yield error(f"{path}.workers[{backend.workers.index(worker)}].config", message, "M35")
