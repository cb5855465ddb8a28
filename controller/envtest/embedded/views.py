"""How objects and resources are shown: discovery, tables, metadata only. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controller import meta
from controller.envtest.embedded.registry import TypeInfo
from controller.meta import Object

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.0-embedded", "platform": "embedded"}


def api_groups(types: Iterable[TypeInfo]) -> dict[str, Any]:
    """``/apis``."""
    groups: dict[str, list[str]] = {}
    for info in types:
        if info.group and info.version not in groups.setdefault(info.group, []):
            groups[info.group].append(info.version)
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, versions) for name, versions in sorted(groups.items())],
    }


def _group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def api_group(types: Iterable[TypeInfo], group: str) -> dict[str, Any] | None:
    """``/apis/GROUP``."""
    found = next((entry for entry in api_groups(types)["groups"] if entry["name"] == group), None)
    return {"kind": "APIGroup", "apiVersion": "v1", **found} if found else None


def api_resources(types: Iterable[TypeInfo], group: str, version: str) -> dict[str, Any] | None:
    """``/apis/GROUP/VERSION``; None when there is no such version."""
    found = [info for info in types if (info.group, info.version) == (group, version)]
    if not found:
        return None
    resources = []
    for info in found:
        entry: dict[str, Any] = {
            "name": info.plural,
            "singularName": info.singular,
            "namespaced": info.namespaced,
            "kind": info.kind,
            "verbs": _VERBS,
        }
        if info.short_names:
            entry["shortNames"] = list(info.short_names)
        if info.categories:
            entry["categories"] = list(info.categories)
        resources.append(entry)
        if info.has_status:
            status = {"name": f"{info.plural}/status", "singularName": "", "namespaced": info.namespaced}
            resources.append({**status, "kind": info.kind, "verbs": ["get", "patch", "update"]})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found[0].api_version, "resources": resources}


def openapi_index(types: Iterable[TypeInfo]) -> dict[str, Any]:
    """``/openapi/v3``."""
    names = {f"apis/{info.group}/{info.version}" if info.group else f"api/{info.version}" for info in types}
    return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in sorted(names)}}


def openapi_document(types: Iterable[TypeInfo], group: str, version: str) -> dict[str, Any]:
    """As much of a version's document as tells kubectl that the server validates fields itself."""
    paths = {}
    for info in types:
        if (info.group, info.version) != (group, version):
            continue
        kind = {"group": info.group, "version": info.version, "kind": info.kind}
        parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
        prefix = f"/apis/{group}/{version}" if group else f"/api/{version}"
        where = f"{prefix}/namespaces/{{namespace}}" if info.namespaced else prefix
        operation = {"parameters": [parameter], "x-kubernetes-group-version-kind": kind, "responses": {}}
        paths[f"{where}/{info.plural}/{{name}}"] = {"patch": operation}
    return {"openapi": "3.0.0", "info": {"title": "embedded", "version": "1"}, "paths": paths}


def metadata_only(obj: Object) -> dict[str, Any]:
    """The object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def table(info: TypeInfo, objects: Sequence[Object], list_metadata: Object) -> dict[str, Any]:
    """The objects as a Table."""
    columns: list[Object] = [{"name": "Name", "type": "string", "format": "name", "priority": 0, "description": "Name"}]
    columns += [
        {
            "name": column["name"],
            "type": column.get("type", "string"),
            "format": column.get("format", ""),
            "priority": column.get("priority", 0),
            "description": column.get("description", ""),
        }
        for column in info.columns
    ]
    if not info.columns:
        columns.append({"name": "Age", "type": "date", "format": "", "priority": 0, "description": "Age"})
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": columns,
        "rows": [{"cells": _cells(info, obj), "object": metadata_only(obj)} for obj in objects],
    }


def _cells(info: TypeInfo, obj: Object) -> list[Any]:
    cells: list[Any] = [meta.name_of(obj)]
    if not info.columns:
        return [*cells, obj["metadata"].get("creationTimestamp")]
    return cells + [_json_path(obj, str(column.get("jsonPath", ""))) for column in info.columns]


def _json_path(obj: Any, path: str) -> Any:
    """The first value of a path of fields, indexes and ``[?(@.key=='value')]`` filters."""
    import re

    for field, key, wanted in re.findall(
        r"\.([A-Za-z0-9_-]+)|\[\?\(@\.([A-Za-z0-9_]+)\s*==\s*['\"]([^'\"]*)['\"]\)\]", path
    ):
        if field:
            obj = obj.get(field) if isinstance(obj, Mapping) else None
        else:
            items = obj if isinstance(obj, list) else []
            obj = next((item for item in items if isinstance(item, Mapping) and item.get(key) == wanted), None)
    return obj if isinstance(obj, str | int | float | bool) else None
