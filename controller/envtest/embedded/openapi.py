"""``/openapi/v3``: the schemas that kubectl explains, and that the server validates fields itself. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.envtest.embedded.resources import TypeInfo

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_HEADER = {
    "apiVersion": {"type": "string", "description": "The versioned schema of this representation of an object."},
    "kind": {"type": "string", "description": "The REST resource this object represents."},
    "metadata": {
        "allOf": [{"$ref": f"#/components/schemas/{_METADATA}"}],
        "description": "Standard object's metadata.",
    },
}
_VALIDATION = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}


def index(types: Iterable[TypeInfo]) -> dict[str, Any]:
    """``/openapi/v3``."""
    names = {f"apis/{info.group}/{info.version}" if info.group else f"api/{info.version}" for info in types}
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in sorted(names)}}


def document(types: Iterable[TypeInfo], group: str, version: str) -> dict[str, Any] | None:
    """The document of one group and version; None when it is not served."""
    served = [info for info in types if (info.group, info.version) == (group, version)]
    if not served:
        return None
    schemas: dict[str, Any] = {
        _METADATA: {"type": "object", "description": "Metadata that all persisted resources have."}
    }
    paths: dict[str, Any] = {}
    for info in served:
        schemas[_component(info)] = _schema(info)
        prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"
        where = f"{prefix}/namespaces/{{namespace}}" if info.namespaced else prefix
        paths[f"{where}/{info.plural}"] = {"get": _operation(info, "list"), "post": _operation(info, "post")}
        paths[f"{where}/{info.plural}/{{name}}"] = {
            "get": _operation(info, "get"),
            "put": _operation(info, "put"),
            "patch": _operation(info, "patch"),
        }
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "embedded"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _component(info: TypeInfo) -> str:
    reversed_group = ".".join(reversed(info.group.split("."))) if info.group else "io.k8s.api.core"
    return f"{reversed_group}.{info.version}.{info.kind}"


def _names(info: TypeInfo) -> dict[str, str]:
    return {"group": info.group, "version": info.version, "kind": info.kind}


def _operation(info: TypeInfo, action: str) -> dict[str, Any]:
    body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_component(info)}"}}}
    return {
        "parameters": [_VALIDATION],
        "responses": {"200": {"description": "OK", "content": body}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _names(info),
    }


def _schema(info: TypeInfo) -> dict[str, Any]:
    properties = info.schema.get("properties") or {}
    assert isinstance(properties, Mapping)
    return {
        **info.schema,
        "properties": {**properties, **_HEADER},
        "x-kubernetes-group-version-kind": [_names(info)],
    }
