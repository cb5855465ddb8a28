"""ModelBooster to Model, which is always possible, and back, where the Model says nothing that a ModelBooster cannot."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.api import annotations
from controller.api.crds.model import type_schema
from controller.api.model import Backend, ModelSpec, Worker
from controller.convert.result import Converted, Note, without_server_fields
from controller.fronts import BOOSTER, MODEL_FRONT
from controller.fronts.booster import BACKEND_FIELDS, PREFIX, SPEC_FIELDS, WORKER_FIELDS, booster_schema
from controller.meta import Object, schema

_WITHOUT_EFFECT = {
    "routeWeight": "one backend gets all requests",
    "scalingCost": "nothing is scaled by cost",
    "scaleToZeroGracePeriod": "no component uses it",
}
_TYPES = ("vLLM", "vLLMDisaggregated")
_WORKERS = "spec.backend.workers"
_REPLACED = {"backends", "minReplicas", "maxReplicas"}
"""What ``backend`` and ``replicas`` say instead, where a document has both."""


def to_model(booster: Object) -> Converted:
    """The Model that says the same as a ModelBooster; no document where a part is of a type that cannot be read.

    Fields of older releases of ModelBooster, such as ``backends``, are fields of a Model, and are taken over.
    """
    if broken := [*_unreadable(booster)]:
        return Converted([], broken)
    resource = MODEL_FRONT.resource
    model = without_server_fields(BOOSTER.model(booster)) | {"apiVersion": resource.api_version, "kind": resource.kind}
    if isinstance(model.get("spec"), Mapping):
        model["spec"] = _with_older_fields(model["spec"], booster)
    converted = Converted([model], [*_beyond(booster)])
    for backend in model["spec"].get("backends", ()) if isinstance(model.get("spec"), Mapping) else ():
        if isinstance(backend, dict) and backend.get("maxReplicas") == 0:
            backend["maxReplicas"] = 1
            message = (
                "becomes minReplicas 0 and maxReplicas 1, which the Model's CRD admits only with an autoscalingPolicy"
            )
            converted.notes.append(Note(booster, "spec.backend.replicas", message))
    return converted


def _unreadable(booster: Object) -> Iterator[Note]:
    """The parts that are of another type than every release has them."""
    spec = booster.get("spec")
    backend = spec.get("backend") if isinstance(spec, Mapping) else None
    workers = backend.get("workers") if isinstance(backend, Mapping) else None
    for path, value, type_ in (("spec", spec, Mapping), ("spec.backend", backend, Mapping), (_WORKERS, workers, list)):
        if value is not None and not isinstance(value, type_):
            what = "a list" if type_ is list else "an object"
            yield Note(booster, path, f"is not {what}, so that nothing can be read from it", lost=True)
    for index, worker in enumerate(workers if isinstance(workers, list) else ()):
        if not isinstance(worker, Mapping):
            yield Note(
                booster, f"{_WORKERS}[{index}]", "is not an object, so that nothing can be read from it", lost=True
            )


def _with_older_fields(spec: Mapping[str, Any], booster: Object) -> dict[str, Any]:
    """The spec of the Model with what only a Model and older releases of ModelBooster have."""
    given = meta.spec_of(booster)
    whole = {**_more(given, ModelSpec), **spec}
    if isinstance(backend := given.get("backend"), Mapping):
        (known,) = spec["backends"]
        own = {**_more(backend, Backend), **known}
        if workers := backend.get("workers"):
            own["workers"] = [_more(worker, Worker) for worker in workers]
        whole["backends"] = [own]
    return whole


def _more(given: Mapping[str, Any], kind: type[ModelSpec | Backend | Worker]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key in type_schema(kind)["properties"]}


def _beyond(booster: Object) -> Iterator[Note]:
    """Fields that today's ModelBooster does not have: the API server would have dropped them."""
    for path, given, known, kind in _parts(booster):
        replaced = _REPLACED & given.keys() if known & given.keys() & {"backend", "replicas"} else ()
        for key in given:
            if key in known:
                continue
            taken = key not in replaced and key in type_schema(kind)["properties"]
            what = "taken over, since a Model has it" if taken else "left out"
            yield Note(booster, f"{path}.{key}", f"is not a field of a ModelBooster and is {what}")


_Part = tuple[str, Mapping[str, Any], frozenset[str], type[ModelSpec | Backend | Worker]]


def _parts(booster: Object) -> Iterator[_Part]:
    spec = meta.spec_of(booster)
    yield "spec", spec, frozenset({*SPEC_FIELDS, "backend"}), ModelSpec
    if isinstance(backend := spec.get("backend"), Mapping):
        yield "spec.backend", backend, frozenset({*BACKEND_FIELDS, "replicas"}), Backend
        for index, worker in enumerate(backend.get("workers") or ()):
            yield f"{_WORKERS}[{index}]", worker, frozenset(WORKER_FIELDS), Worker


def to_booster(model: Object) -> Converted:
    """The ModelBooster that says the same as a Model; no document where something would be lost."""
    notes = [*_losses(model)]
    if any(note.lost for note in notes):
        return Converted([], notes)
    (backend,) = meta.spec_of(model)["backends"]
    wanted = {key: backend[key] for key in BACKEND_FIELDS if backend.get(key) is not None}
    wanted["replicas"] = backend["minReplicas"]
    wanted["workers"] = [_worker(worker) for worker in wanted.pop("workers", ())]
    spec = {key: value for key in SPEC_FIELDS if (value := meta.spec_of(model).get(key)) is not None}
    booster = without_server_fields(model) | {
        "apiVersion": BOOSTER.resource.api_version,
        "kind": BOOSTER.resource.kind,
        "spec": {**spec, "backend": wanted},
    }
    if refused := [*_refused(model, booster)]:
        return Converted([], [*notes, *refused])
    return Converted([_with_own_annotations(booster)], notes)


def _refused(model: Object, booster: Object) -> Iterator[Note]:
    """The fields that the CRD of ModelBooster does not admit, such as a scheme that only a Model has."""
    for cause in schema.violations(booster, booster_schema()):
        path = cause.field.replace("spec.backend.replicas", "spec.backend.minReplicas")
        path = path.replace("spec.backend", "spec.backends[0]", 1)
        yield Note(
            model, path, f"no ModelBooster can have it: {cause.message[:1].lower()}{cause.message[1:]}", lost=True
        )


def _worker(worker: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that are absent mean 1 in a Model, and to the Go controller 0: they are written out."""
    given = {key: worker[key] for key in WORKER_FIELDS if worker.get(key) is not None}
    return {**given, **{key: worker.get(key) or 1 for key in ("replicas", "pods")}}


def _with_own_annotations(booster: dict[str, Any]) -> dict[str, Any]:
    metadata = dict(booster["metadata"])
    if given := metadata.get("annotations"):
        metadata["annotations"] = {
            annotations.under(PREFIX, key) if key in annotations.OWNERS else key: value
            for key, value in given.items()
            if key != annotations.DIALECT
        }
    return {**booster, "metadata": metadata}


def _losses(model: Object) -> Iterator[Note]:
    spec = meta.spec_of(model)
    backends = spec.get("backends")
    if not isinstance(backends, list) or len(backends) != 1 or not isinstance(backends[0], Mapping):
        count = len(backends) if isinstance(backends, list) else 0
        yield Note(model, "spec.backends", f"a ModelBooster has exactly one backend, this Model {count}", lost=True)
        return
    yield from _unknown(model, "spec", spec, (*SPEC_FIELDS, "backends"))
    backend, path = backends[0], "spec.backends[0]"
    yield from _unknown(model, path, backend, (*BACKEND_FIELDS, "minReplicas", "maxReplicas"))
    if backend.get("type") not in _TYPES:
        yield Note(model, f"{path}.type", f"a ModelBooster has no backends of type {backend.get('type')}", lost=True)
    if not isinstance(backend.get("minReplicas"), int) or isinstance(backend["minReplicas"], bool):
        yield Note(model, f"{path}.minReplicas", "is not a number", lost=True)
    elif backend["minReplicas"] != backend.get("maxReplicas") and backend.get("autoscalingPolicy") is None:
        yield Note(model, f"{path}.maxReplicas", "a ModelBooster has a fixed number of replicas", lost=True)
    workers = backend.get("workers")
    for index, worker in enumerate(workers if isinstance(workers, list) else ()):
        if isinstance(worker, Mapping):
            yield from _unknown(model, f"{path}.workers[{index}]", worker, WORKER_FIELDS)
        else:
            yield Note(model, f"{path}.workers[{index}]", "is not an object", lost=True)
    if workers is not None and not isinstance(workers, list):
        yield Note(model, f"{path}.workers", "is not a list", lost=True)


def _unknown(model: Object, path: str, given: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[Note]:
    for key, value in given.items():
        if key in known or value in (None, [], {}):
            continue
        if why := _WITHOUT_EFFECT.get(key):
            yield Note(model, f"{path}.{key}", f"is left out: {why}")
        else:
            yield Note(model, f"{path}.{key}", "a ModelBooster has no such field", lost=True)


def is_model(document: Object) -> bool:
    """Whether it is a Model."""
    return (document.get("apiVersion"), document.get("kind")) == (
        MODEL_FRONT.resource.api_version,
        MODEL_FRONT.resource.kind,
    )
