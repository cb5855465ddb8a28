"""Errors that an API server would find in the pods of a backend, at the paths of the Model that cause them."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.api.findings import Finding, error, warning
from controller.api.rules import Rule
from controller.dialects import Dialect
from controller.render import pods as rendered
from controller.render.facts import BackendFacts
from controller.validation import kubernetes
from controller.validation.kubernetes import Problem

_NAMES = ("runtime_class_name", "priority_class_name", "service_account_name")


def pods(facts: BackendFacts, path: str, dialect: Dialect) -> Iterator[Finding]:
    """Everything that the pods of this backend would be refused for, and annotations that their controller may not survive."""
    if facts.backend.annotations and not dialect.annotates_pods:
        message = "the infer-controller of Kthena before v1 stops at annotations of pod templates; use a later one"
        yield warning(f"{path}.annotations", message, Rule.POD_ANNOTATIONS)
    for start, problems in (*_of_backend(facts, path), *_of_workers(facts, path)):
        for end, message in problems:
            yield error(f"{start}{end}", message, Rule.POD)


def _of_backend(facts: BackendFacts, path: str) -> Iterator[tuple[str, Iterator[Problem]]]:
    backend = facts.backend
    yield path, _names(facts)
    yield f"{path}.env", kubernetes.variables(backend.env)
    yield f"{path}.envFrom", kubernetes.variable_sources(backend.env_from)
    yield f"{path}.annotations", kubernetes.annotations(backend.annotations)
    yield f"{path}.sharedMemorySize", _size(backend.shared_memory_size)
    for field, settings in (("downloader", backend.downloader), ("runtime", backend.runtime)):
        given = settings.get("resources") if isinstance(settings, Mapping) else None
        yield f"{path}.{field}.resources", kubernetes.resources(given)
    yield f"{path}.volumes", _volumes(facts)
    own = (
        {str(item.get("name")) for item in backend.volumes if isinstance(item, Mapping)}
        if _is_list(backend.volumes)
        else set()
    )
    taken = {mount["mountPath"] for mount in rendered.own_engine_mounts(facts)}
    yield f"{path}.volumeMounts", kubernetes.volume_mounts(backend.volume_mounts, own, taken)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _names(facts: BackendFacts) -> Iterator[Problem]:
    for field in _NAMES:
        text = getattr(facts.backend, field)
        if text and not kubernetes.is_subdomain(text):
            name = type(facts.backend).model_fields[field].alias
            yield f".{name}", f"{text[:40]!r} is not the name of an object"


def _size(value: Any) -> Iterator[Problem]:
    if value is None:
        return
    try:
        if meta.parse_quantity(value) < 0:
            yield "", "must not be negative"
    except (ValueError, TypeError, AttributeError):
        return


def _volumes(facts: BackendFacts) -> Iterator[Problem]:
    yield from kubernetes.volumes(facts.backend.volumes)
    ours = {volume["name"] for volume in rendered.own_volumes(facts)}
    for index, item in enumerate(facts.backend.volumes if _is_list(facts.backend.volumes) else ()):
        if isinstance(item, Mapping) and item.get("name") in ours:
            yield f"[{index}].name", f"{item['name']!r} is a volume of the controller"


def _of_workers(facts: BackendFacts, path: str) -> Iterator[tuple[str, Iterator[Problem]]]:
    for index, item in enumerate(facts.workers):
        worker, where = item.worker, f"{path}.workers[{index}]"
        yield f"{where}.resources", kubernetes.resources(worker.resources)
        yield f"{where}.tolerations", kubernetes.tolerations(worker.tolerations)
        yield f"{where}.nodeSelector", kubernetes.labels(worker.node_selector)
        yield f"{where}.affinity", kubernetes.affinity(worker.affinity)
