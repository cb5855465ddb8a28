"""``/openapi/v2`` and ``/openapi/v3``: the schemas that clients explain, and the sign that the server validates fields itself. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.envtest.embedded.builtin import catalog
from controller.envtest.embedded.resources import TypeInfo

_V3, _V2 = "#/components/schemas/", "#/definitions/"
_HEADER = {
    "apiVersion": {"type": "string", "description": "The versioned schema of this representation of an object."},
    "kind": {"type": "string", "description": "The REST resource this object represents."},
    "metadata": {"allOf": [{"$ref": f"{_V3}{catalog.OBJECT_META}"}], "description": "Standard object's metadata."},
}
_OWN_KEYS = ("x-field-number", "x-presence")
_NOT_IN_V2 = ("oneOf", "anyOf", "not", "nullable")
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
SWAGGER_PROTOBUF = b"\x0a\x032.0"
"""A document in protobuf with its version and no definitions: kubectl asks for it when the v3 documents do not have a kind."""
_INFO = {"title": "Kubernetes", "version": "embedded"}


def index(types: Iterable[TypeInfo]) -> dict[str, Any]:
    """``/openapi/v3``."""
    names = {f"apis/{info.group}/{info.version}" if info.group else f"api/{info.version}" for info in types}
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in sorted(names)}}


def document(types: Iterable[TypeInfo], group: str, version: str) -> dict[str, Any] | None:
    """The OpenAPI v3 document of one group and version; None when it is not served."""
    served = [info for info in types if (info.group, info.version) == (group, version)]
    if not served:
        return None
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": _paths(served, _V3),
        "components": {"schemas": _schemas(served)},
    }


def swagger(types: Iterable[TypeInfo]) -> dict[str, Any]:
    """The OpenAPI v2 document of everything."""
    served = list(types)
    definitions = {name: _as_v2(schema) for name, schema in _schemas(served).items()}
    return {"swagger": "2.0", "info": _INFO, "paths": _paths(served, _V2), "definitions": definitions}


def wants_protobuf(accept: str) -> bool:
    """Whether an ``Accept`` header admits protobuf only, as client-go's for the v2 document does."""
    kinds = [kind.partition(";")[0].strip() for kind in accept.split(",")]
    return bool(kinds) and all(kind.startswith("application/com.github.proto-openapi.") for kind in kinds)


def _paths(served: list[TypeInfo], prefix: str) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for info in served:
        base = f"/apis/{info.group}/{info.version}" if info.group else f"/api/{info.version}"
        where = f"{base}/namespaces/{{namespace}}" if info.namespaced else base
        collection = {"post": _operation(info, "post", prefix)}
        if "list" in info.verbs:
            collection["get"] = _operation(info, "list", prefix)
            paths[f"{where}/{info.plural}/{{name}}"] = {
                method: _operation(info, method, prefix) for method in ("get", "put", "patch", "delete")
            }
        paths[f"{where}/{info.plural}"] = collection
    return paths


def _component(info: TypeInfo) -> str:
    if not info.custom and (name := catalog.name_of_kind(info.group, info.version, info.kind)):
        return name
    return f"{'.'.join(reversed(info.group.split('.')))}.{info.version}.{info.kind}"


def _names(info: TypeInfo) -> dict[str, str]:
    return {"group": info.group, "version": info.version, "kind": info.kind}


def _operation(info: TypeInfo, action: str, prefix: str) -> dict[str, Any]:
    schema = {"$ref": f"{prefix}{_component(info)}"}
    validation: dict[str, Any] = {"name": "fieldValidation", "in": "query"}
    parameter = {**validation, "schema": {"type": "string"}} if prefix == _V3 else {**validation, "type": "string"}
    content = {"content": {"application/json": {"schema": schema}}} if prefix == _V3 else {"schema": schema}
    return {
        "parameters": [parameter],
        "responses": {"200": {"description": "OK", **content}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _names(info),
    }


def _schemas(served: list[TypeInfo]) -> dict[str, Any]:
    wanted = {catalog.OBJECT_META, *(_component(info) for info in served if not info.custom)}
    found = {_component(info): _custom(info) for info in served if info.custom}
    while wanted:
        name = wanted.pop()
        found[name] = _published(catalog.definitions()[name])
        wanted |= {reference for reference in catalog.references(catalog.definitions()[name]) if reference not in found}
    return found


def _custom(info: TypeInfo) -> dict[str, Any]:
    properties = info.schema.get("properties") or {}
    assert isinstance(properties, Mapping)
    header = {"x-kubernetes-group-version-kind": [_names(info)]}
    return {**info.schema, "properties": {**properties, **_HEADER}, **header}


def _published(schema: Any) -> Any:
    """A schema of the catalog without the keys that are the catalog's own."""
    if isinstance(schema, dict):
        return {key: _published(value) for key, value in schema.items() if key not in _OWN_KEYS}
    return [_published(item) for item in schema] if isinstance(schema, list) else schema


def _as_v2(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_as_v2(item) for item in schema]
    if not isinstance(schema, dict):
        return schema.replace(_V3, _V2) if isinstance(schema, str) else schema
    parts = list(schema.get("allOf") or ())
    if len(parts) == 1 and "$ref" in parts[0]:
        return {
            "$ref": parts[0]["$ref"].replace(_V3, _V2),
            **({"description": text} if (text := schema.get("description")) else {}),
        }
    return {key: _as_v2(value) for key, value in schema.items() if key not in _NOT_IN_V2}
