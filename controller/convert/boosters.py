"""ModelBooster to Model, which is always possible, and back, where the Model says nothing that a ModelBooster cannot."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.api import annotations
from controller.convert.result import Converted, Note, without_server_fields
from controller.fronts import BOOSTER, MODEL_FRONT
from controller.fronts.booster import BACKEND_FIELDS, PREFIX, SPEC_FIELDS, WORKER_FIELDS
from controller.meta import Object

_WITHOUT_EFFECT = {
    "routeWeight": "one backend gets all requests",
    "scalingCost": "nothing is scaled by cost",
    "scaleToZeroGracePeriod": "no component uses it",
}
_TYPES = ("vLLM", "vLLMDisaggregated")


def to_model(booster: Object) -> Converted:
    """The Model that says the same as a ModelBooster."""
    resource = MODEL_FRONT.resource
    model = without_server_fields(BOOSTER.model(booster)) | {"apiVersion": resource.api_version, "kind": resource.kind}
    converted = Converted([model], [*_beyond(booster)])
    for backend in model["spec"].get("backends", ()) if isinstance(model.get("spec"), Mapping) else ():
        if isinstance(backend, dict) and backend.get("maxReplicas") == 0:
            backend["maxReplicas"] = 1
            message = (
                "becomes minReplicas 0 and maxReplicas 1, which the Model's CRD admits only with an autoscalingPolicy"
            )
            converted.notes.append(Note(booster, "spec.backend.replicas", message))
    return converted


def _beyond(booster: Object) -> Iterator[Note]:
    """Fields that no ModelBooster has: the API server would have dropped them."""
    for path, given, known in _parts(booster):
        for key in given:
            if key not in known:
                yield Note(booster, f"{path}.{key}", "is not a field of a ModelBooster and is left out")


def _parts(booster: Object) -> Iterator[tuple[str, Mapping[str, Any], tuple[str, ...]]]:
    spec = meta.spec_of(booster)
    yield "spec", spec, (*SPEC_FIELDS, "backend")
    if isinstance(backend := spec.get("backend"), Mapping):
        yield "spec.backend", backend, (*BACKEND_FIELDS, "replicas")
        for index, worker in enumerate(backend.get("workers") or ()):
            if isinstance(worker, Mapping):
                yield f"spec.backend.workers[{index}]", worker, WORKER_FIELDS


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
    return Converted([_with_own_annotations(booster)], notes)


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
    if not isinstance(backend.get("minReplicas"), int):
        yield Note(model, f"{path}.minReplicas", "is missing", lost=True)
    elif backend["minReplicas"] != backend.get("maxReplicas") and backend.get("autoscalingPolicy") is None:
        yield Note(model, f"{path}.maxReplicas", "a ModelBooster has a fixed number of replicas", lost=True)
    for index, worker in enumerate(backend.get("workers") or ()):
        if isinstance(worker, Mapping):
            yield from _unknown(model, f"{path}.workers[{index}]", worker, WORKER_FIELDS)


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
