"""The rules of the Model API, all findings at once, in spec order.

``validate`` never raises, whatever JSON it is given. A ``terminal`` finding is one that cannot be converted into working children: the
controller writes nothing for such a Model until its spec changes. The other errors are refused where the CRD's own rules are installed, and
tolerated by the controller where they are not, because such Models exist and must keep working.
"""

import difflib
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from controller import meta
from controller.api import derived
from controller.api.model import (
    Backend,
    LoraAdapter,
    Model,
    ModelParseError,
    ModelSpec,
    Worker,
)
from controller.meta import UNDECODABLE, Object

INVALID = "InvalidSpec"
UNSUPPORTED = "UnsupportedBackend"
BACKEND_TYPES = ("vLLM", "vLLMDisaggregated", "SGLang", "MindIE", "MindIEDisaggregated")
SUPPORTED_TYPES = (derived.VLLM, derived.VLLM_DISAGGREGATED)
_DEEPEST = 64
_LONGEST_ARGUMENT = 131_071
_MOST_ADAPTERS = 10
_MOST_REPLICAS = 1_000_000


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """The operator's own restrictions: host directories below which caches may lie; none means anywhere."""

    hostpath_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that deserves attention (``level`` ``warning``)."""

    path: str
    message: str
    level: Literal["error", "warning"] = "error"
    rule: str = ""
    terminal: bool = True
    reason: str = INVALID


def validate(obj: Object, options: ValidationOptions | None = None) -> list[Finding]:
    """Everything that is wrong with a Model."""
    options = options or ValidationOptions()
    if UNDECODABLE in obj:
        return [Finding("spec", f"cannot be read: {obj[UNDECODABLE]}", rule="M33")]
    broken = [*_depth_and_text(obj)]
    if broken:
        return broken
    if not isinstance(obj.get("spec"), Mapping):
        return [*_name(obj), Finding("spec", "is missing", rule="M31")]
    try:
        model = Model.from_object(obj)
    except ModelParseError as error:
        problems = [Finding(path, _plain(message), rule="schema") for path, message in error.problems]
        return [*_name(obj), *problems, *_unknown_fields(obj)]
    findings = [*_name(obj), *_required(obj), *_unknown_fields(obj), *_spec(model)]
    for index, backend in enumerate(model.spec.backends):
        findings += _backend(model, backend, f"spec.backends[{index}]", options)
    return sorted(findings, key=lambda finding: _order(finding.path))


def _order(path: str) -> tuple[Any, ...]:
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[^.\[\]]+", path))


def _plain(message: str) -> str:
    return message[:1].lower() + message[1:]


def _error(path: str, message: str, rule: str) -> Finding:
    return Finding(path, message, rule=rule)


def _tolerated(path: str, message: str, rule: str) -> Finding:
    return Finding(path, message, rule=rule, terminal=False)


def _warning(path: str, message: str, rule: str) -> Finding:
    return Finding(path, message, level="warning", rule=rule, terminal=False)


def _depth_and_text(obj: Object) -> Iterator[Finding]:
    """Nesting and U+0000, without recursion. The value of ``config`` is level 1 of its own count."""
    stack: list[tuple[Any, str, int]] = [(obj.get("spec"), "spec", -8)]
    while stack:
        value, path, depth = stack.pop()
        if depth > _DEEPEST:
            yield _error(path[:200], f"is nested more than {_DEEPEST} levels deep", "M33")
            return
        if isinstance(value, str) and "\0" in value:
            yield _error(path[:200], "holds the character U+0000, which no argument can carry", "M34")
        elif isinstance(value, Mapping):
            for key, item in value.items():
                if "\0" in key:
                    yield _error(path[:200], "has a key with the character U+0000", "M34")
                stack.append(
                    (
                        item,
                        f"{path}.{key}" if len(path) < 200 else path,
                        1 if key == "config" and depth < 1 else depth + 1,
                    )
                )
        elif isinstance(value, list | tuple):
            stack.extend(
                (item, f"{path}[{index}]" if len(path) < 200 else path, depth + 1) for index, item in enumerate(value)
            )


def _name(obj: Object) -> Iterator[Finding]:
    name = meta.name_of(obj)
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) or len(name) > 63:
        yield _error(
            "metadata.name",
            f"{name[:80]!r} must start with a letter and hold only lower-case letters, digits and dashes, because child names are made of it",
            "M21",
        )


_REQUIRED = {
    "backend": ("name", "type", "modelURI", "minReplicas", "maxReplicas", "workers"),
    "adapter": ("name", "artifactURL"),
}


def _required(obj: Object) -> Iterator[Finding]:
    spec = meta.spec_of(obj)
    backends = spec.get("backends")
    if not isinstance(backends, list | tuple) or not backends:
        yield _error("spec.backends", "at least one backend is needed", "schema")
        return
    for index, backend in enumerate(backends):
        if not isinstance(backend, Mapping):
            continue
        path = f"spec.backends[{index}]"
        for key in _REQUIRED["backend"]:
            if backend.get(key) is None:
                yield _error(f"{path}.{key}", "is required", "schema")
        for number, adapter in enumerate(backend.get("loraAdapters") or ()):
            for key in _REQUIRED["adapter"]:
                if isinstance(adapter, Mapping) and adapter.get(key) is None:
                    yield _error(f"{path}.loraAdapters[{number}].{key}", "is required", "schema")


def _fields(kind: type) -> set[str]:
    return {field.alias or name for name, field in kind.model_fields.items()}  # type: ignore[attr-defined]


def _unknown_fields(obj: Object) -> Iterator[Finding]:
    """Misspelt names, with the nearest known one."""
    spec = meta.spec_of(obj)
    yield from _unknown_in(spec, "spec", _fields(ModelSpec))
    for index, backend in enumerate(_maps(spec.get("backends"))):
        path = f"spec.backends[{index}]"
        yield from _unknown_in(backend, path, _fields(Backend))
        for number, worker in enumerate(_maps(backend.get("workers"))):
            yield from _unknown_in(worker, f"{path}.workers[{number}]", _fields(Worker))
        for number, adapter in enumerate(_maps(backend.get("loraAdapters"))):
            yield from _unknown_in(adapter, f"{path}.loraAdapters[{number}]", _fields(LoraAdapter))


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _unknown_in(value: Mapping[str, Any], path: str, known: set[str]) -> Iterator[Finding]:
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(key[:64], sorted(known), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield _warning(f"{path}.{key[:64]}", f"is no field of the Model and is ignored{hint}", "unknown-field")


def _spec(model: Model) -> Iterator[Finding]:
    spec = model.spec
    backends = spec.backends
    names = Counter(backend.name for backend in backends)
    for name, count in names.items():
        if count > 1:
            yield _error(
                "spec.backends", f"the name {name!r} is used by {count} backends; names must be unique", "schema"
            )
    total = sum(backend.max_replicas for backend in backends)
    if total > _MOST_REPLICAS:
        yield _error("spec.backends", f"maxReplicas add up to {total}; at most {_MOST_REPLICAS} are possible", "M5")
    if backends and not sum(backend.weight for backend in backends):
        yield _error("spec.backends", "the route weights add up to 0; at least one must be above", "M23")
    adapters = {name for _, name in derived.adapter_names(model)}
    if len(adapters) > _MOST_ADAPTERS:
        yield _error(
            "spec.backends", f"{len(adapters)} different adapters; a route can name at most {_MOST_ADAPTERS}", "M24"
        )
    yield from _autoscaling_levels(spec)
    if spec.autoscaling_policy is not None:
        yield from _policy(spec.autoscaling_policy, "spec.autoscalingPolicy")
    body = spec.model_match.get("body") if isinstance(spec.model_match, Mapping) else None
    if len(backends) == 1 and adapters and isinstance(body, Mapping) and body.get("model"):
        yield _warning("spec.modelMatch.body.model", "requests for the adapters cannot match it", "W3")
    yield from _same_adapter(model)


def _same_adapter(model: Model) -> Iterator[Finding]:
    urls: dict[str, str] = {}
    for index, backend in enumerate(model.spec.backends):
        for number, adapter in enumerate(backend.adapters):
            if urls.setdefault(adapter.name, adapter.artifact_url) != adapter.artifact_url:
                yield _warning(
                    f"spec.backends[{index}].loraAdapters[{number}].artifactURL",
                    f"adapter {adapter.name} comes from another source in an earlier backend",
                    "W5",
                )


def _autoscaling_levels(spec: ModelSpec) -> Iterator[Finding]:
    whole = spec.autoscaling_policy is not None
    single = [backend.autoscaling_policy is not None for backend in spec.backends]
    if whole and any(single):
        yield _tolerated(
            "spec.autoscalingPolicy", "choose one level of autoscaling: of the model or of single backends", "M8"
        )
    if not whole and spec.cost_expansion_rate_percent is not None:
        yield _tolerated("spec.costExpansionRatePercent", "has a meaning only with autoscaling at model level", "M9")
    for index, backend in enumerate(spec.backends):
        path = f"spec.backends[{index}]"
        if not whole and backend.scaling_cost:
            yield _tolerated(f"{path}.scalingCost", "has a meaning only with autoscaling at model level", "M9")
        if not whole and backend.scale_to_zero_grace_period is not None:
            yield _tolerated(
                f"{path}.scaleToZeroGracePeriod", "has a meaning only with autoscaling at model level", "M9"
            )
        if single[index] and backend.min_replicas < 1:
            yield _tolerated(f"{path}.minReplicas", "must be at least 1 with autoscaling of the backend", "M10")
        if not whole and not any(single) and backend.min_replicas != backend.max_replicas:
            yield _tolerated(
                f"{path}.minReplicas", "must equal maxReplicas without autoscaling; minReplicas is used", "M11"
            )
        if whole and not backend.scaling_cost:
            yield _tolerated(f"{path}.scalingCost", "is needed with autoscaling at model level; 0 is used", "M12b")
    if whole and not sum(backend.min_replicas for backend in spec.backends):
        yield _tolerated(
            "spec.backends", "minReplicas add up to 0; at least 1 is needed with autoscaling at model level", "M12a"
        )


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": "1e-9", "us": "1e-6", "µs": "1e-6", "ms": "1e-3", "s": "1", "m": "60", "h": "3600"}


def parse_duration(text: str) -> Fraction | None:
    """Seconds of a duration such as ``1m30s``; None for anything else."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    if not rest or len(text) > 64:
        return None
    parts = _DURATION.findall(rest)
    if "".join(number + unit for number, unit in parts) != rest:
        return Fraction(0) if rest == "0" else None
    return sign * sum((Fraction(number) * Fraction(_UNITS[unit]) for number, unit in parts), Fraction(0))


def _duration(value: Any, path: str, limit: int, rule: str, *, terminal: bool) -> Iterator[Finding]:
    if value is None:
        return
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None:
        yield Finding(path, f"{str(value)[:40]!r} is no duration such as 30s or 5m", rule=rule, terminal=terminal)
    elif not 0 <= seconds <= limit:
        yield Finding(path, f"must lie between 0s and {limit}s", rule=rule, terminal=terminal)


def _policy(policy: Mapping[str, Any], path: str) -> Iterator[Finding]:
    metrics = policy.get("metrics")
    if not isinstance(metrics, list | tuple) or not metrics:
        yield _error(f"{path}.metrics", "at least one metric is needed", "schema")
        metrics = ()
    seen: set[str] = set()
    for index, metric in enumerate(metrics):
        where = f"{path}.metrics[{index}]"
        if not isinstance(metric, Mapping) or not isinstance(metric.get("metricName"), str):
            yield _error(f"{where}.metricName", "is required", "schema")
            continue
        if metric["metricName"] in seen:
            yield _error(f"{where}.metricName", f"{metric['metricName'][:64]!r} is given twice", "P2")
        seen.add(metric["metricName"])
        try:
            positive = meta.parse_quantity(metric.get("targetValue", "")) > 0
        except (ValueError, TypeError, AttributeError):
            positive = False
        if not positive:
            yield _error(f"{where}.targetValue", "must be a quantity above 0", "P1")
    yield from _behavior(policy.get("behavior"), f"{path}.behavior")


def _behavior(behavior: Any, path: str) -> Iterator[Finding]:
    if behavior is None:
        return
    if not isinstance(behavior, Mapping):
        yield _error(path, "must be an object", "schema")
        return
    up = behavior.get("scaleUp")
    up = up if isinstance(up, Mapping) else {}
    for value, where, fields, rule in (
        (behavior.get("scaleDown"), "scaleDown", ("period", "stabilizationWindow"), "P3"),
        (up.get("stablePolicy"), "scaleUp.stablePolicy", ("period", "stabilizationWindow"), "P3"),
        (up.get("panicPolicy"), "scaleUp.panicPolicy", ("period", "panicModeHold"), "P4"),
    ):
        if isinstance(value, Mapping):
            for name in fields:
                yield from _duration(value.get(name), f"{path}.{where}.{name}", 1800, rule, terminal=True)


def _backend(model: Model, backend: Backend, path: str, options: ValidationOptions) -> Iterator[Finding]:
    if backend.type not in SUPPORTED_TYPES:
        known = backend.type in BACKEND_TYPES
        message = f"{backend.type[:64]!r} is not implemented" if known else f"{backend.type[:64]!r} is no backend type"
        supported = " and ".join(SUPPORTED_TYPES)
        yield Finding(f"{path}.type", f"{message}; supported are {supported}", rule="M29", reason=UNSUPPORTED)
        yield from _worker_types(backend, path)
        return
    if backend.min_replicas > backend.max_replicas:
        yield _error(
            f"{path}.minReplicas", f"{backend.min_replicas} is above maxReplicas, {backend.max_replicas}", "M4"
        )
    yield from _duration(
        backend.scale_to_zero_grace_period, f"{path}.scaleToZeroGracePeriod", 1800, "M6", terminal=False
    )
    if backend.autoscaling_policy is not None:
        yield from _policy(backend.autoscaling_policy, f"{path}.autoscalingPolicy")
    workers = [*_worker_types(backend, path)]
    yield from workers
    yield from _adapters(model, backend, path)
    yield from _storage(backend, path, options)
    yield from _environment(backend, path)
    for index, worker in enumerate(backend.workers):
        yield from _worker(model, backend, worker, f"{path}.workers[{index}]")
    if not workers:
        yield from _ports(backend, path)
        yield from _connector(backend, path)
        yield from _served_names(backend, path)
        yield from _command_length(model, backend, path)


def _worker_types(backend: Backend, path: str) -> Iterator[Finding]:
    types = [worker.type for worker in backend.workers]
    if backend.type in ("vLLM", "SGLang", "MindIE") and types != ["server"]:
        yield _error(
            f"{path}.workers", f"a backend of type {backend.type} has exactly one worker, of type server", "M1"
        )
    elif backend.type == derived.VLLM_DISAGGREGATED and sorted(types) != ["decode", "prefill"]:
        yield _error(
            f"{path}.workers", f"a backend of type {backend.type} has exactly one prefill and one decode worker", "M13"
        )
    elif backend.type == "MindIEDisaggregated" and not set(types) <= {"prefill", "decode", "controller", "coordinator"}:
        yield _tolerated(
            f"{path}.workers", "workers may be prefill, decode, controller and coordinator, not server", "M3"
        )


def _adapters(model: Model, backend: Backend, path: str) -> Iterator[Finding]:
    served = {derived.served_name(model, other) for other in model.spec.backends}
    seen: set[str] = set()
    for index, adapter in enumerate(backend.adapters):
        where = f"{path}.loraAdapters[{index}]"
        if adapter.name in seen:
            yield _error(f"{where}.name", f"{adapter.name!r} is used twice in this backend", "L2")
        seen.add(adapter.name)
        if adapter.name == model.name:
            yield _error(f"{where}.name", "is the name of the Model; requests could not tell them apart", "L1")
        elif adapter.name == model.spec.name or adapter.name in served:
            yield _error(f"{where}.name", "is a name under which the base model is served", "M25")
        yield from _source(adapter.artifact_url, f"{where}.artifactURL")


_CLAIM = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"


def _source(uri: str, path: str) -> Iterator[Finding]:
    if _has_bad_text(uri):
        yield _error(path, "must be printable text without white space", "M17")
    elif uri.startswith("pvc://"):
        if not re.match(rf"pvc://+{_CLAIM}/+[^/]", uri) or "%2e" in uri.lower():
            yield _error(path, "must name a claim and a path in it: pvc://CLAIM/PATH", "M17")
        elif ".." in uri.split("/"):
            yield _error(path, "must not hold .. segments", "M17")


def _has_bad_text(text: str) -> bool:
    return any(not character.isprintable() or character.isspace() for character in text)


def _storage(backend: Backend, path: str, options: ValidationOptions) -> Iterator[Finding]:
    findings = [*_source(backend.model_uri, f"{path}.modelURI"), *_cache(backend, f"{path}.cacheURI", options)]
    yield from findings
    yield from _credentials(backend, path)
    if findings:
        return
    mounts = [(derived.cache_mount(backend), f"{path}.cacheURI"), (derived.SHM_MOUNT, "")]
    mounts += [(f"/{claim}", f"{path}.modelURI") for claim in derived.mounted_claims(backend)]
    for index, (mount, where) in enumerate(mounts):
        for other, _ in mounts[:index]:
            if (mount + "/").startswith(other + "/") or (other + "/").startswith(mount + "/"):
                yield _error(
                    where or f"{path}.cacheURI", f"the mounts {other} and {mount} lie inside each other", "M20"
                )


def _cache(backend: Backend, path: str, options: ValidationOptions) -> Iterator[Finding]:
    uri = backend.cache_uri
    if uri is None:
        return
    scheme, _, rest = uri.partition("://")
    if _has_bad_text(uri):
        yield _error(path, "must be printable text without white space", "M19")
    elif scheme == "pvc":
        if not re.fullmatch(rf"/?{_CLAIM}/?", rest):
            yield _error(path, "must name one claim and nothing else: pvc://CLAIM", "M18")
    elif not re.match(r"/*[^/]", rest) or ".." in rest.split("/") or derived.normal_path(rest) == "/":
        yield _error(path, "must be an absolute path without .. segments: hostpath:///PATH", "M19")
    elif ":" in rest:
        yield _error(path, "must not hold a colon: mount paths cannot", "M19")
    elif options.hostpath_prefixes:
        mount = derived.normal_path(rest)
        allowed = [derived.normal_path(prefix) for prefix in options.hostpath_prefixes]
        if not any((mount + "/").startswith(prefix.rstrip("/") + "/") for prefix in allowed):
            yield _error(
                path, f"{mount} does not lie under a directory that the operator allows: {', '.join(allowed)}", "M32"
            )


def _credentials(backend: Backend, path: str) -> Iterator[Finding]:
    names = {entry["name"] for entry in derived.env_entries(backend)}
    if backend.env_from or {"ACCESS_KEY", "SECRET_KEY"} <= names:
        return
    sources = [(f"{path}.modelURI", backend.model_uri)]
    sources += [(f"{path}.loraAdapters[{i}].artifactURL", a.artifact_url) for i, a in enumerate(backend.adapters)]
    for where, uri in sources:
        if uri.startswith(("s3://", "obs://")):
            message = "needs ACCESS_KEY and SECRET_KEY; without them the downloader leaves the directory empty and reports success"
            yield _warning(where, message, "W1")


def _environment(backend: Backend, path: str) -> Iterator[Finding]:
    for field, given in (("env", backend.env), ("envFrom", backend.env_from)):
        if given is not None and not isinstance(given, list | tuple):
            yield _error(f"{path}.{field}", "must be a list", "schema")
    entries = backend.env if isinstance(backend.env, list | tuple) else ()
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        where = f"{path}.env[{index}]"
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not (isinstance(name, str) and name):
            yield _error(f"{where}.name", "is required", "schema")
            continue
        if name in seen:
            yield _error(f"{where}.name", f"{name[:64]!r} is given twice", "schema")
        seen.add(name)
        value = entry.get("value")
        if value is not None and not isinstance(value, str):
            yield _error(f"{where}.value", "must be a string; put numbers in quotes", "schema")
    literal = derived.env_literal(backend, "RUNTIME_PORT")
    if literal is not None and (not literal.isdecimal() or derived.parse_port(literal) is None):
        yield _warning(
            f"{path}.env", f"RUNTIME_PORT {literal[:32]!r} is no port; {derived.RUNTIME_PORT} is used", "M30"
        )


def _worker(model: Model, backend: Backend, worker: Worker, path: str) -> Iterator[Finding]:
    if not re.fullmatch(r"[!-~]+", worker.image):
        what = f"{worker.image[:64]!r} is no image reference" if worker.image else "is required"
        yield _error(f"{path}.image", f"{what}; it must be printable ASCII without white space", "M14")
    if backend.type == derived.VLLM_DISAGGREGATED and derived.pods(worker) > 1:
        yield _error(f"{path}.pods", "workers of disaggregated backends have one pod", "M27")
    numbers = (backend.max_replicas, derived.replicas(worker), derived.pods(worker) - 1)
    length = len(model.name) + len(backend.name) + sum(len(str(number)) for number in numbers)
    length += (7 if worker.type == "prefill" else 6) + 5
    if length > 63:
        yield _error(
            path,
            f"pod names would have {length} characters; shorten the names of the Model or the backend by {length - 63}",
            "M22",
        )
    if worker.config is not None and not isinstance(worker.config, Mapping):
        yield _error(f"{path}.config", "must be an object of engine arguments", "M26")
    else:
        yield from _config(backend, worker, f"{path}.config")


def _config(backend: Backend, worker: Worker, path: str) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for key in worker.config or {}:
        where = f"{path}.{key[:64]}"
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", key):
            yield _error(
                where, "a key must start with a letter or digit and hold only letters, digits, '_', '.' and '-'", "M26"
            )
        elif (other := seen.setdefault(derived.normal_key(key), key)) != key:
            yield _error(where, f"is the same argument as {other}", "M26")
        elif re.search("[A-Z]", key):
            yield _warning(where, "has upper-case letters; the engine will hardly know it", "W2")
    config = derived.effective_config(worker)
    if "model" in config:
        yield _error(f"{path}.model", "is set by the controller, from modelURI", "M26")
    if "lora-modules" in config and backend.adapters:
        yield _error(f"{path}.lora-modules", "is set by the controller, from loraAdapters", "M26")
    if config.get("enable-lora") is False and (backend.adapters or derived.is_hot(backend)):
        yield _error(f"{path}.enable-lora", "cannot be false with adapters", "M26")


def _ports(backend: Backend, path: str) -> Iterator[Finding]:
    ports = [derived.worker_port(worker) for worker in backend.workers]
    for index, port in enumerate(ports):
        where = f"{path}.workers[{index}].config.port"
        if port is None:
            yield _error(where, "must be a port number, 1 to 65535", "M15")
        elif port != ports[0] and ports[0] is not None:
            yield _error(where, f"all workers of a backend must agree; the first one uses {ports[0]}", "M15")
    if None in ports:
        return
    named = {
        "the engine": derived.engine_port(backend),
        "the runtime sidecar": derived.runtime_port(backend),
        "kv-events": derived.KV_EVENTS_PORT,
    }
    for port, count in Counter(named.values()).items():
        if count > 1:
            users = " and ".join(name for name, used in named.items() if used == port)
            yield _error(path, f"port {port} is used by {users}", "M30")


def _connector(backend: Backend, path: str) -> Iterator[Finding]:
    if backend.type != derived.VLLM_DISAGGREGATED:
        return
    given = ["kv-transfer-config" in derived.effective_config(worker) for worker in backend.workers]
    if not any(given):
        return
    types: set[str] = set()
    for index, worker in enumerate(backend.workers):
        where = f"{path}.workers[{index}].config.kv-transfer-config"
        config = derived.kv_transfer_config(worker)
        if not given[index]:
            yield _error(where, "must be given on both workers or on neither", "M16")
            continue
        if config is None:
            yield _error(where, "must be a JSON object, or a string of one", "M16")
            continue
        connector, role = config.get("kv_connector"), config.get("kv_role")
        if not isinstance(connector, str) or connector not in derived.KV_CONNECTORS:
            yield _error(where, f"kv_connector must be one of {', '.join(derived.KV_CONNECTORS)}", "M16")
        else:
            types.add(derived.KV_CONNECTORS[connector])
        roles = ("kv_producer" if worker.type == "prefill" else "kv_consumer", "kv_both")
        if role not in roles:
            yield _error(where, f"kv_role of the {worker.type} worker must be {' or '.join(roles)}", "M16")
    if len(types) > 1:
        yield _error(f"{path}.workers", f"the workers use different connectors: {', '.join(sorted(types))}", "M16")


def _served_names(backend: Backend, path: str) -> Iterator[Finding]:
    names: list[str] = []
    for index, worker in enumerate(backend.workers):
        config = derived.effective_config(worker)
        if "served-model-name" not in config:
            continue
        value = config["served-model-name"]
        values = value if isinstance(value, list | tuple) else [value]
        if not values or not all(isinstance(item, str) and 0 < len(item) <= 256 for item in values):
            where = f"{path}.workers[{index}].config.served-model-name"
            yield _error(where, "must be a name of 1 to 256 characters, or a list of such names", "M28")
        else:
            names.append(json.dumps(values))
    if len(set(names)) > 1:
        yield _error(f"{path}.workers", "served-model-name must be the same on prefill and decode", "M28")


def _command_length(model: Model, backend: Backend, path: str) -> Iterator[Finding]:
    """The whole command of a multi-node engine is one argument, and the kernel limits those."""
    worker = backend.workers[0]
    if backend.type != derived.VLLM or derived.pods(worker) == 1:
        return
    config = json.dumps(derived.config_of(worker), ensure_ascii=False, default=str)
    size = len(shlex.quote(config).encode("utf-8", "surrogatepass")) + 2048 + 256 * len(backend.adapters)
    if size > _LONGEST_ARGUMENT and _exact_command_size(model, backend) > _LONGEST_ARGUMENT:
        yield _error(
            f"{path}.workers[0].config", f"the engine's command would be longer than {_LONGEST_ARGUMENT} bytes", "M35"
        )


def _exact_command_size(model: Model, backend: Backend) -> int:
    values = derived.config_of(backend.workers[0]).items()
    text = " ".join(shlex.quote(f"--{key} {value}") for key, value in values).replace("$", "$$")
    return len(text.encode("utf-8", "surrogatepass")) + len(model.request_name) + 1024
