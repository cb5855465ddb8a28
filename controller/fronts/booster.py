"""A ModelBooster of today's Kthena: one backend with a fixed number of replicas. Everything it can say, a Model can say too."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.api import annotations
from controller.api.crds.model import MODEL_MATCH, type_schema
from controller.api.crds.schemas import OPEN, crd, described, integer, object_, root, string, unbounded
from controller.api.model import MOST_REPLICAS, Backend, ModelSpec, Worker
from controller.dialects import V1
from controller.fronts.front import Front
from controller.meta import Object, Resource

MODEL_BOOSTER = Resource("workload.serving.volcano.sh", "v1alpha1", "modelboosters", "ModelBooster")

PREFIX = f"{MODEL_BOOSTER.group}/"
"""Of a ModelBooster's annotations for the controller."""
SPEC_FIELDS = ("name", "owner", "modelMatch")
BACKEND_FIELDS = (
    "name",
    "type",
    "modelURI",
    "cacheURI",
    "envFrom",
    "env",
    "schedulerName",
    "runtimeClassName",
    "workers",
)
WORKER_FIELDS = ("type", "image", "replicas", "pods", "resources", "affinity", "tolerations", "config")
"""The fields that a ModelBooster and a Model have in common, in the order of the Model."""
_TYPES = ["vLLM", "vLLMDisaggregated"]
_MODEL_PATTERN = r"^(hf://|s3://|obs://|pvc://|ms://).+"
_BACKEND = re.compile(r"spec\.backends\[\d+\]")
_BOUND = re.compile(r"spec\.backend\.(minReplicas|maxReplicas)")


def model_of(booster: Object) -> Object:
    """Its metadata, and the spec of the Model that says the same: the replicas are both bounds. Other fields are left out."""
    document = {**booster, "metadata": _metadata(booster)}
    spec = booster.get("spec")
    if not isinstance(spec, Mapping):
        return document
    wanted = {key: spec[key] for key in SPEC_FIELDS if key in spec}
    if "backend" in spec:
        wanted["backends"] = [_backend(spec["backend"])]
    return {**document, "spec": wanted}


def _metadata(booster: Object) -> Mapping[str, Any]:
    """The annotations for the controller have the booster's prefix here, and the Model's there."""
    given = meta.annotations_of(booster)
    found = {key: given[own] for key in annotations.OWNERS if (own := _own(key)) in given}
    if not found:
        return meta.metadata_of(booster)
    others = {key: value for key, value in given.items() if key not in map(_own, annotations.OWNERS)}
    return {**meta.metadata_of(booster), "annotations": {**others, **found}}


def _own(annotation: str) -> str:
    return annotations.under(PREFIX, annotation)


def _backend(backend: Any) -> Any:
    if not isinstance(backend, Mapping):
        return backend
    wanted = {key: backend[key] for key in BACKEND_FIELDS if key in backend}
    if isinstance(workers := wanted.get("workers"), list | tuple):
        wanted["workers"] = [_known(worker, WORKER_FIELDS) for worker in workers]
    if "replicas" in backend:
        wanted |= {"minReplicas": backend["replicas"], "maxReplicas": backend["replicas"]}
    return wanted


def _known(value: Any, fields: tuple[str, ...]) -> Any:
    return {key: value[key] for key in fields if key in value} if isinstance(value, Mapping) else value


def path_of(path: str) -> str:
    """The path of a Model's field in the words of a ModelBooster."""
    own = _BACKEND.sub("spec.backend", path)
    own = "spec.backend" if own == "spec.backends" else own
    return _BOUND.sub("spec.backend.replicas", own)


@functools.cache
def booster_schema() -> dict[str, Any]:
    """The schema of the whole object, made from the Model's types: what the released CRD asks for, with fields open as there."""
    backend = _part(Backend, BACKEND_FIELDS, ("name", "type", "modelURI", "replicas", "workers"))
    backend["properties"]["type"] = {**backend["properties"]["type"], "enum": _TYPES}
    backend["properties"]["modelURI"] = {**backend["properties"]["modelURI"], "pattern": _MODEL_PATTERN}
    backend["properties"]["replicas"] = integer("Number of replicas.", minimum=0, maximum=MOST_REPLICAS)
    workers = backend["properties"]["workers"]
    backend["properties"]["workers"] = {**workers, "items": _part(Worker, WORKER_FIELDS, ())}
    spec = object_(
        "Which model to serve, and how.",
        ("backend",),
        name=string("Name that clients ask for; absent means metadata.name.", **_bounds_of_name()),
        owner=string("Free text about who answers for the model."),
        modelMatch=described(MODEL_MATCH, "Further conditions that a request must meet."),
        backend=backend,
    )
    return root("One model on one backend.", spec, described(OPEN, "What the controller observed."))


def _part(kind: type[Backend | Worker], fields: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Any]:
    whole: dict[str, Any] = unbounded(type_schema(kind))
    part = {**whole, "properties": {key: whole["properties"][key] for key in fields}}
    part.pop("required", None)
    return {**part, "required": list(required)} if required else part


def _bounds_of_name() -> dict[str, Any]:
    name = type_schema(ModelSpec)["properties"]["name"]
    return {key: name[key] for key in ("pattern", "maxLength")}


def booster_crd() -> dict[str, Any]:
    """A small CRD of ModelBooster, for demo, tests and trials. Never install it over others."""
    active = {"name": "Active", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Active')].status"}
    return crd(MODEL_BOOSTER, booster_schema(), columns=[active])


BOOSTER = Front(
    resource=MODEL_BOOSTER,
    model=model_of,
    path=path_of,
    schema=booster_schema,
    dialect=V1,
    adapters=False,
    status_fields=("conditions", "observedGeneration"),
)
