"""The rules of the Model API, all findings at once, in the order of the fields in the schema.

``validate`` never raises, whatever JSON it is given. A ``terminal`` finding is one that cannot be converted into working children: the
controller writes nothing for such a Model until its spec changes. The other errors are refused where the CRD's own rules are installed, and
tolerated by the controller where they are not, because such Models exist and must keep working.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import replace
from typing import NamedTuple

from controller import meta
from controller.api.annotations import DIALECT
from controller.api.findings import Finding as Finding
from controller.api.findings import error, warning
from controller.api.model import MOST_REPLICAS, Backend, Model
from controller.api.rules import Rule
from controller.api.storage import adapter_key
from controller.dialects import unknown_dialect
from controller.fronts import MODEL_FRONT, Front
from controller.meta import UNDECODABLE, Object
from controller.render.engines import backend_facts
from controller.render.facts import BackendFacts
from controller.validation import autoscaling, shape
from controller.validation.engines import engine
from controller.validation.matching import matching
from controller.validation.options import ValidationOptions as ValidationOptions
from controller.validation.pods import pods
from controller.validation.roles import roles
from controller.validation.storage import shared_directories, storage

_MOST_BACKENDS = 16
_MOST_ADAPTERS = 10


class Examined(NamedTuple):
    """The findings about an object, the Model as far as it can be read (None without a spec), and the facts of its backends."""

    findings: list[Finding]
    model: Model | None = None
    backends: tuple[BackendFacts, ...] = ()


def validate(obj: Object, options: ValidationOptions | None = None, front: Front = MODEL_FRONT) -> list[Finding]:
    """Everything that is wrong with a Model, or with an object of another front in that one's own words."""
    return examine(obj, options, front).findings


def examine(obj: Object, options: ValidationOptions | None = None, front: Front = MODEL_FRONT) -> Examined:
    """As ``validate``, with what was read on the way: a Model without a terminal finding is read whole."""
    if UNDECODABLE in obj:
        return Examined([error("spec", f"cannot be read: {obj[UNDECODABLE]}", Rule.UNREADABLE)])
    document, own = front.model(obj), front.schema()
    findings = [*shape.metadata(obj), *_dialect(document, front)]
    if not shape.is_plain(document):
        if too_deep := [*_placed(shape.nesting(document), front)]:
            return Examined([*findings, *too_deep])
        findings += _placed(shape.texts(document), front)
    findings += shape.shape(obj, own, front.resource.kind)
    model: Model | None = None
    backends: tuple[BackendFacts, ...] = ()
    if isinstance(obj.get("spec"), Mapping):
        model = Model.from_readable_parts(document, front.resource)
        backends = tuple(backend_facts(model, backend) for backend in model.spec.backends)
        rules = _rules(model, backends, options or ValidationOptions())
        findings += _unexplained(_placed(rules, front), findings)
    elif obj.get("spec") is None:
        findings.append(error("spec", "is missing", Rule.MISSING_SPEC))
    return Examined(sorted(findings, key=lambda finding: shape.position(finding.path, own)), model, backends)


def _dialect(model: Object, front: Front) -> Iterator[Finding]:
    """A Model may name the dialect of its children; the one of another front is fixed."""
    named = None if front.dialect else meta.annotations_of(model).get(DIALECT)
    if isinstance(named, str) and (message := unknown_dialect(named)) is not None:
        yield error(f"metadata.annotations.{DIALECT}", message, Rule.DIALECT)


def _placed(findings: Iterator[Finding], front: Front) -> Iterator[Finding]:
    """The findings with their paths in the words of the front."""
    return (replace(finding, path=front.path(finding.path)) for finding in findings)


def _unexplained(rules: Iterator[Finding], known: list[Finding]) -> list[Finding]:
    """Without findings that only repeat that a part breaks the schema, follow from its having been left out, or warn of a refused value."""
    broken = {finding.path for finding in known if finding.terminal}
    left_out = tuple(f"{finding.path}." for finding in known if finding.rule == Rule.TYPE)
    found = [rule for rule in rules if rule.path not in broken and not rule.path.startswith(left_out)]
    refused = {rule.path for rule in found if rule.terminal}
    return [rule for rule in found if rule.level == "error" or rule.path not in refused]


def _rules(model: Model, facts: tuple[BackendFacts, ...], options: ValidationOptions) -> Iterator[Finding]:
    yield from _whole(model)
    yield from autoscaling.levels(model.spec)
    if model.spec.autoscaling_policy is not None:
        yield from autoscaling.policy(model.spec.autoscaling_policy, "spec.autoscalingPolicy", options.dialect)
    yield from matching(model.spec.model_match)
    yield from _same_adapter(model)
    yield from shared_directories(facts)
    served = frozenset[str]().union(*(item.served_names for item in facts))
    for index, item in enumerate(facts):
        path = f"spec.backends[{index}]"
        yield from _backend(item, path, options)
        yield from roles(item, path, options.dialect, whole=model.spec.autoscaling_policy is not None)
        yield from _adapters(model, item.backend, served, path)


def _whole(model: Model) -> Iterator[Finding]:
    """Rules for the Model as a whole: sums over its backends, and the size and match of its route."""
    spec, backends = model.spec, model.spec.backends
    total = sum(backend.max_replicas for backend in backends)
    if total > MOST_REPLICAS:
        yield error(
            "spec.backends", f"maxReplicas add up to {total}; at most {MOST_REPLICAS} are possible", Rule.TOTAL_REPLICAS
        )
    if backends and not sum(backend.weight for backend in backends):
        yield error(
            "spec.backends", "the route weights add up to 0; at least one must be greater than 0", Rule.ROUTE_WEIGHTS
        )
    if len(backends) > _MOST_BACKENDS:
        yield error(
            "spec.backends", f"{len(backends)} backends; a route can name at most {_MOST_BACKENDS}", Rule.ROUTE_SIZE
        )
    adapters = model.adapter_names
    if len(adapters) > _MOST_ADAPTERS:
        message = f"{len(adapters)} different adapters; a route can name at most {_MOST_ADAPTERS}"
        yield error("spec.backends", message, Rule.ROUTE_SIZE)
    body = spec.model_match.get("body") if isinstance(spec.model_match, Mapping) else None
    if len(backends) == 1 and adapters and isinstance(body, Mapping) and body.get("model"):
        yield warning("spec.modelMatch.body.model", "requests for the adapters cannot match it", Rule.MODEL_MATCH)


def _same_adapter(model: Model) -> Iterator[Finding]:
    """Adapters that two backends take from different sources. Repetitions within one backend are the duplicates' rule."""
    first: dict[str, tuple[int, str]] = {}
    for index, backend in enumerate(model.spec.backends):
        for number, adapter in enumerate(backend.adapters):
            earlier, source = first.setdefault(adapter.name, (index, adapter_key(adapter)))
            if earlier != index and source != adapter_key(adapter):
                where = f"spec.backends[{index}].loraAdapters[{number}].artifactURL"
                yield warning(
                    where,
                    f"adapter {adapter.name[:64]} comes from another source in an earlier backend",
                    Rule.ADAPTER_SOURCE,
                )


def _backend(facts: BackendFacts, path: str, options: ValidationOptions) -> Iterator[Finding]:
    """One backend: its bounds and its durations, then the rules of each part."""
    backend = facts.backend
    if backend.min_replicas > backend.max_replicas:
        message = f"{backend.min_replicas} is above maxReplicas, {backend.max_replicas}"
        yield error(f"{path}.minReplicas", message, Rule.REPLICA_BOUNDS)
    grace = backend.scale_to_zero_grace_period
    yield from autoscaling.duration(grace, f"{path}.scaleToZeroGracePeriod", Rule.GRACE_PERIOD, terminal=False)
    if backend.autoscaling_policy is not None:
        yield from autoscaling.policy(backend.autoscaling_policy, f"{path}.autoscalingPolicy", options.dialect)
    yield from storage(facts, path, options)
    yield from pods(facts, path, options.dialect)
    yield from engine(facts, path)


def _adapters(model: Model, backend: Backend, served: Set[str], path: str) -> Iterator[Finding]:
    """Names of the adapters of one backend; ``served`` are the names under which the engines serve the base model."""
    seen: set[str] = set()
    for index, adapter in enumerate(backend.adapters):
        where = f"{path}.loraAdapters[{index}].name"
        if adapter.name in seen:
            yield error(where, f"{adapter.name[:64]!r} is used twice in this backend", Rule.DUPLICATE_ADAPTER)
        seen.add(adapter.name)
        if adapter.name == model.name:
            yield error(where, "is the name of the Model; requests could not tell them apart", Rule.ADAPTER_NAME)
        elif adapter.name == model.spec.name or adapter.name in served:
            yield error(where, "is a name under which the base model is served", Rule.ADAPTER_NAME)
