"""Building blocks of structural schemas."""

from collections.abc import Mapping
from typing import Any

from controller.meta import Resource

OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
QUANTITY = {
    "x-kubernetes-int-or-string": True,
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "pattern": r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
}
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}


def described(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """The schema with a description."""
    return {**schema, "description": description}


def unbounded(schema: Any) -> Any:
    """The schema without CEL rules and without the bounds that keep those within their cost."""
    if isinstance(schema, dict):
        left_out = ("x-kubernetes-validations", "maxLength", "maxItems")
        return {key: unbounded(value) for key, value in schema.items() if key not in left_out}
    return [unbounded(item) for item in schema] if isinstance(schema, list) else schema


def object_(description: str, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object with these properties."""
    schema: dict[str, Any] = {"description": description, "type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def string(description: str, **more: Any) -> dict[str, Any]:
    """A string."""
    return {"description": description, "type": "string", **more}


def integer(description: str, **more: Any) -> dict[str, Any]:
    """A 32-bit integer."""
    return {"description": description, "type": "integer", "format": "int32", **more}


def list_(description: str, items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A list of such items."""
    return {"description": description, "type": "array", "items": dict(items), **more}


def crd(resource: Resource, schema: dict[str, Any], **names: Any) -> dict[str, Any]:
    """The definition of a namespaced kind with one version and a status. ``names`` are further names, ``columns`` printer columns."""
    columns = names.pop("columns", None)
    version: dict[str, Any] = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    if columns:
        version["additionalPrinterColumns"] = columns
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.key},
        "spec": {
            "group": resource.group,
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                **names,
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def root(description: str, spec: dict[str, Any], status: dict[str, Any], *required: str) -> dict[str, Any]:
    """The schema of the whole object."""
    return object_(
        description,
        required,
        apiVersion=string("Version of the schema of this object."),
        kind=string("Kind of this object."),
        metadata={"type": "object"},
        spec=spec,
        status=status,
    )
