"""The rules of a backend's engine: its workers, their config, ports, names, and the length of its command; then those of its type."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from controller.api.findings import UNSUPPORTED, Finding, error, tolerated, warning
from controller.api.model import WORKERS_OF
from controller.api.rules import Rule
from controller.api.variables import env_literal
from controller.render.config import parse_port
from controller.render.engines import ENGINES, NOT_SUPPORTED, Engine
from controller.render.facts import RUNTIME_PORT, BackendFacts, PortUse, WorkerFacts, engine_port
from controller.validation.arguments import arguments

_LONGEST_ARGUMENT = 131_071
"""Bytes of one argument of a process: MAX_ARG_STRLEN of Linux, without the final zero."""
_LONGEST_SERVED_NAME = 256
_LONGEST_POD_NAME = 63


def engine(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """Every rule about engines that concerns the backend."""
    for index, worker in enumerate(facts.workers):
        yield from _worker(facts, worker, f"{path}.workers[{index}]")
    found = ENGINES.get(facts.backend.type)
    if found is None:
        yield from _unsupported(facts, path)
        return
    wanted = facts.traits.worker_types
    if sorted(item.worker.type for item in facts.workers) != sorted(wanted):
        message = f"a backend of type {facts.backend.type} has {facts.traits.workers_sentence}"
        yield error(f"{path}.workers", message, Rule.WORKERS)
    yield from _ports(found, facts, path)
    yield from _served_names(facts, path)
    yield from _gang(facts, f"{path}.gangScheduling.minRoleReplicas")
    yield from _rollout(facts, f"{path}.rollout.maxUnavailable")
    yield from found.findings(facts, path)
    yield from _command_length(found, facts, path)


def _unsupported(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """The type itself, and the CRD's own rules about the workers of types that are known but not supported."""
    given = facts.backend.type
    what = NOT_SUPPORTED.get(given, "is not a backend type")
    yield Finding(
        f"{path}.type",
        f"{given[:64]!r} {what}; supported are {', '.join(ENGINES)}",
        rule=Rule.BACKEND_TYPE,
        reason=UNSUPPORTED,
    )
    types = [item.worker.type for item in facts.workers]
    if given == "MindIE" and types != ["server"]:
        message = f"a backend of type {given} has exactly one worker, of type server"
        yield tolerated(f"{path}.workers", message, Rule.WORKERS)
    if given == "MindIEDisaggregated" and not set(types) <= set(WORKERS_OF[given]):
        message = "workers may be prefill, decode, controller and coordinator, not server"
        yield tolerated(f"{path}.workers", message, Rule.WORKERS)


def _worker(facts: BackendFacts, item: WorkerFacts, path: str) -> Iterator[Finding]:
    """One worker: its image, number of pods and their names, then its config."""
    worker = item.worker
    if not re.fullmatch(r"[!-~]+", worker.image):
        what = f"{worker.image[:64]!r} is not an image reference" if worker.image else "is required"
        yield error(f"{path}.image", f"{what}; it must be printable ASCII without white space", Rule.IMAGE)
    if facts.traits.disaggregated and item.pods > 1:
        yield error(f"{path}.pods", "workers of disaggregated backends have one pod", Rule.DISAGGREGATED_PODS)
    length = _pod_name_length(facts, item)
    if (surplus := length - _LONGEST_POD_NAME) > 0:
        message = (
            f"pod names would have {length} characters; shorten the names of the Model or the backend by {surplus}"
        )
        yield error(path, message, Rule.POD_NAME_LENGTH)
    if worker.config is not None and not isinstance(worker.config, Mapping):
        yield error(f"{path}.config", "must be an object of engine arguments", Rule.CONFIG)
    yield from _parallel_sizes(item, facts.traits.parallel_sizes, path)
    yield from _keys(item, f"{path}.config")
    yield from arguments(facts, item, f"{path}.config")


def _parallel_sizes(item: WorkerFacts, parallel_sizes: Sequence[str], path: str) -> Iterator[Finding]:
    """Devices that the engine lacks, and pods that it has no rank for: the product of its parallel sizes is the number of devices it uses."""
    sizes = [_size(item.config.get(name)) for name in parallel_sizes if name in item.config]
    if not parallel_sizes or None in sizes:
        return
    ranks = math.prod(size for size in sizes if size is not None)
    if 0 < item.devices * item.pods < ranks and "enable-dp-attention" not in item.config:
        message = f"has {item.devices * item.pods} devices in all, and its parallel sizes multiply to {ranks}"
        yield warning(f"{path}.resources", message, Rule.DEVICES)
    if item.pods > 1 and ranks <= max(item.devices, 1) * (item.pods - 1):
        message = f"has more pods than the engine uses: its parallel sizes multiply to {ranks}"
        yield warning(f"{path}.pods", message, Rule.IDLE_PODS)


def _size(value: object) -> int | None:
    """A positive number, as one or as its digits; else None."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if re.fullmatch("[1-9][0-9]{0,5}", text) else None


def _pod_name_length(facts: BackendFacts, item: WorkerFacts) -> int:
    """Characters of the longest pod name: MODEL-BACKEND-GROUP-ROLE-INSTANCE-POD, each number at its highest."""
    instances = max(item.instances, item.worker.max_replicas or 0)
    numbers = (facts.backend.max_replicas, instances, item.pods - 1)
    length = len(facts.model.name) + len(facts.backend.name) + sum(len(str(number)) for number in numbers)
    return length + (7 if item.worker.type == "prefill" else 6) + 5


def _keys(item: WorkerFacts, path: str) -> Iterator[Finding]:
    """The keys of a config. A key whose value is null counts as absent."""
    seen: dict[object, str] = {}
    for entry in item.config.entries:
        key, where = entry.key, f"{path}.{entry.key[:64]}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", key):
            message = "a key must start with a letter or digit and hold only letters, digits, '_', '.' and '-'"
            yield error(where, message, Rule.CONFIG_KEY)
        elif (other := seen.setdefault((entry.name, entry.path), key)) != key:
            yield error(where, f"is the same argument as {other[:64]}", Rule.CONFIG_KEY)
        elif re.search("[A-Z]", key):
            yield warning(where, "has upper-case letters; the engine probably does not accept it", Rule.UPPER_CASE_KEY)


def _ports(found: Engine, facts: BackendFacts, path: str) -> Iterator[Finding]:
    """The engine's port, and every port beside it."""
    agreed: int | None = None
    for index, item in enumerate(facts.workers):
        where, port = f"{path}.workers[{index}].config.port", engine_port(item, facts.traits)
        if port is None:
            yield error(where, "must be a port number, 1 to 65535", Rule.PORT)
        elif port != (agreed := agreed or port):
            yield error(
                where, f"all workers of a backend must use the same port; an earlier one uses {agreed}", Rule.PORT
            )
    yield from _runtime_port(facts, path)
    if agreed is not None:
        yield from _conflicts(found, facts, path)


def _gang(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """Roles that the workload has, with no more instances than it starts."""
    gang = facts.backend.gang_scheduling
    least = gang.get("minRoleReplicas") if isinstance(gang, Mapping) else None
    if not isinstance(least, Mapping):
        return
    instances = {
        "leader" if item.worker.type == "server" else item.worker.type: item.instances for item in facts.workers
    }
    for role, number in least.items():
        if role not in instances:
            yield error(f"{path}.{role[:64]}", f"is not a role; there are {', '.join(instances)}", Rule.GANG_SCHEDULING)
        elif isinstance(number, int) and number > instances[role]:
            yield error(
                f"{path}.{role}", f"{number} is above the {instances[role]} instances of the role", Rule.GANG_SCHEDULING
            )


def _rollout(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """At least one replica may be unavailable, rounded down, however few there are: Kthena's webhook refuses a rollout that cannot go on."""
    rollout = facts.backend.rollout
    given = rollout.get("maxUnavailable") if isinstance(rollout, Mapping) else None
    least = facts.backend.min_replicas
    percentage = isinstance(given, str) and re.fullmatch(r"(\d{1,3})%", given)
    if given == 0 or (percentage and least * int(percentage[1]) < 100):
        yield error(
            path, f"{given} of {least} replicas is less than one; no replica could ever be replaced", Rule.ROLLOUT
        )


def _conflicts(found: Engine, facts: BackendFacts, path: str) -> Iterator[Finding]:
    """No two parts of a pod listen on one port, whatever sets it."""
    reported: set[tuple[int, str, str]] = set()
    for item in facts.workers:
        users: dict[int, str] = {facts.engine_port: "the engine"}
        for use in (PortUse(facts.runtime_port, "the runtime sidecar"), *found.ports(facts, item)):
            other = users.setdefault(use.port, use.user)
            conflict = (use.port, other, use.user)
            if other != use.user and conflict not in reported:
                reported.add(conflict)
                yield error(path, f"port {use.port} is used by both {other} and {use.user}", Rule.PORT_CONFLICT)


def _runtime_port(facts: BackendFacts, path: str) -> Iterator[Finding]:
    literal = env_literal(facts.backend, "RUNTIME_PORT")
    if literal is not None and parse_port(literal) is None:
        index = next(i for i, entry in enumerate(facts.backend.env) if entry.get("name") == "RUNTIME_PORT")
        message = f"{literal[:32]!r} is not a port; {RUNTIME_PORT} is used"
        yield warning(f"{path}.env[{index}].value", message, Rule.RUNTIME_PORT)


def _served_names(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """Names of the served model, the same on all workers."""
    agreed: list[str] | None = None
    for index, item in enumerate(facts.workers):
        if "served-model-name" not in item.config:
            continue
        where = f"{path}.workers[{index}].config.{item.config.written_key('served-model-name')}"
        value = item.config.get("served-model-name")
        names = list(value) if isinstance(value, list | tuple) else [value]
        if not names or not all(isinstance(name, str) and 0 < len(name) <= _LONGEST_SERVED_NAME for name in names):
            yield error(where, "must be a name of 1 to 256 characters, or a list of such names", Rule.SERVED_MODEL_NAME)
        elif names != (agreed := agreed or names):
            yield error(where, "must be the same on prefill and decode", Rule.SERVED_MODEL_NAME)


def _command_length(found: Engine, facts: BackendFacts, path: str) -> Iterator[Finding]:
    """The kernel limits every single argument; on several pods the whole command is one."""
    for index, item in enumerate(facts.workers):
        size = max(len(part.encode("utf-8", "surrogatepass")) for part in found.command(facts, item))
        if size > _LONGEST_ARGUMENT:
            message = (
                f"the engine's command would be {size} bytes long; one argument holds at most {_LONGEST_ARGUMENT}"
                if item.pods > 1
                else f"an argument would be {size} bytes long; one argument holds at most {_LONGEST_ARGUMENT}"
            )
            yield error(f"{path}.workers[{index}].config", message, Rule.COMMAND_LENGTH)
