"""The CRD of Model, made from its types."""

import functools
import json
from importlib import resources
from typing import Any, get_args

from pydantic import BaseModel

from controller.api.crds.pod_fields import POD_FIELDS, resources_only
from controller.api.crds.policy import policy_schema
from controller.api.crds.rules import RULES
from controller.api.crds.schemas import crd, described, integer, list_, object_, root, string
from controller.api.kinds import MODEL
from controller.api.model import Backend, LoraAdapter, ModelSpec, Worker

_STRING_MATCH = object_(
    "How a string must look; the first one set decides.",
    exact=string("Equal to this."),
    prefix=string("Beginning with this."),
    regex=string("Matching this expression."),
)
MODEL_MATCH = object_(
    "Conditions that a request must meet.",
    headers={"description": "Headers that must all match.", "type": "object", "additionalProperties": _STRING_MATCH},
    uri=described(_STRING_MATCH, "The request's path."),
    body=object_("The request's body.", model=string("Equal to the model of the request.")),
)
_REQUIRED = {
    Backend: ["name", "type", "modelURI", "minReplicas", "maxReplicas", "workers"],
    LoraAdapter: ["name", "artifactURL"],
    ModelSpec: ["backends"],
}
_ITEMS: dict[str, type[BaseModel]] = {"backends": Backend, "workers": Worker, "loraAdapters": LoraAdapter}
_CONFIG = {"x-kubernetes-preserve-unknown-fields": True}


@functools.cache
def _core_v1() -> dict[str, Any]:
    """The parts of a pod, as Kubernetes 1.33 describes them, by the name of the field."""
    schemas: dict[str, Any] = json.loads(resources.files(__package__).joinpath("core_v1.json").read_bytes())
    return schemas


def type_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of one of the Model's types."""
    schema: dict[str, Any] = {
        "description": (kind.__doc__ or "").strip().splitlines()[0],
        "type": "object",
        "properties": {
            field.alias or name: _field_schema(field.alias or name, field) for name, field in kind.model_fields.items()
        },
    }
    if required := _REQUIRED.get(kind):
        schema["required"] = required
    schema["x-kubernetes-validations"] = RULES[kind.__name__]
    return schema


def _field_schema(name: str, field: Any) -> dict[str, Any]:
    description = field.description
    match name:
        case "autoscalingPolicy":
            return policy_schema(description)
        case "modelMatch":
            return described(MODEL_MATCH, description)
        case "config":
            return described(_CONFIG, description)
        case "backends" | "workers" | "loraAdapters":
            schema = list_(description, type_schema(_ITEMS[name]))
            if name == "backends":
                schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        case _ if name in POD_FIELDS:
            return described(POD_FIELDS[name], description)
        case "downloader" | "runtime":
            return described(resources_only(_core_v1()["resources"]), description)
        case _ if name in _core_v1():
            return described(_core_v1()[name], description)
        case _:
            schema = string(description) if _is_text(field.annotation) else integer(description)
    schema.update(field.json_schema_extra)
    return schema


def _is_text(annotation: Any) -> bool:
    return annotation is str or any(_is_text(part) for part in get_args(annotation))


_CONDITION = object_(
    "An aspect of the current state.",
    ("type", "status", "reason", "message", "lastTransitionTime"),
    type=string(
        "Type of the condition.",
        maxLength=316,
        pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
    ),
    status=string("True, False or Unknown.", enum=["True", "False", "Unknown"]),
    reason=string(
        "Machine-readable reason.", minLength=1, maxLength=1024, pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
    ),
    message=string("Explanation for people.", maxLength=32768),
    lastTransitionTime=string("When the status changed last.", format="date-time"),
    observedGeneration={
        "description": "The generation this is about.",
        "type": "integer",
        "format": "int64",
        "minimum": 0,
    },
)
_MODEL_STATUS = object_(
    "What the controller observed.",
    conditions=list_(
        "Initialized, Active, Failed, Ready; Stalled where nothing goes on before the spec changes.",
        _CONDITION,
        **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
    backendStatuses=list_(
        "One entry per backend, in their order.",
        object_(
            "The state of a backend.",
            ("name", "replicas"),
            name=string("Name of the backend."),
            replicas=integer("Replicas that exist."),
            readyReplicas=integer("Replicas that are available."),
            desiredReplicas=integer("Replicas that are asked for."),
            adapters=list_(
                "LoRA adapters that are loaded at run time.",
                object_(
                    "An adapter.",
                    ("name", "loadedPods", "pods"),
                    name=string("Name of the adapter."),
                    loadedPods=integer("Pods that have it."),
                    pods=integer("Pods that should have it."),
                ),
                **{"x-kubernetes-list-type": "atomic"},
            ),
            heldRevision=string(
                "Revision of the pod template that would be rendered today, where the running one is kept until the Model changes."
            ),
        ),
        **{"x-kubernetes-list-type": "atomic"},
    ),
    replicas=string("Available and desired replicas of all backends, such as 2/3."),
    route=object_(
        "How the model is called.",
        ("name", "modelName"),
        name=string("Name of the route."),
        modelName=string("Name that clients put into the model field of a request."),
        loraAdapters=list_(
            "Names of adapters that are answered too.", string("Name."), **{"x-kubernetes-list-type": "atomic"}
        ),
        conflictsWith=list_(
            "Routes of others, as namespace/name, that answer one of these names too; the router keeps one of them.",
            string("Namespace and name."),
            **{"x-kubernetes-list-type": "atomic"},
        ),
    ),
    observedGeneration={"description": "The generation last acted on.", "type": "integer", "format": "int64"},
)


def _condition_path(type_: str, field: str = "status") -> str:
    return f".status.conditions[?(@.type=='{type_}')].{field}"


def model_crd() -> dict[str, Any]:
    """The CRD of Model."""
    schema = root("One model and everything that serves it.", type_schema(ModelSpec), _MODEL_STATUS)
    schema["x-kubernetes-validations"] = RULES["Model"]
    columns = [
        {"name": "Active", "type": "string", "jsonPath": _condition_path("Active")},
        {"name": "Failed", "type": "string", "jsonPath": _condition_path("Failed")},
        {"name": "Replicas", "type": "string", "jsonPath": ".status.replicas"},
        {"name": "Reason", "type": "string", "jsonPath": _condition_path("Ready", "reason")},
        {"name": "Message", "type": "string", "jsonPath": _condition_path("Ready", "message"), "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    return crd(MODEL, schema, shortNames=["mdl"], categories=["serving"], columns=columns)


@functools.cache
def model_schema() -> dict[str, Any]:
    """The schema of the whole object, as in the CRD."""
    (version,) = model_crd()["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema
