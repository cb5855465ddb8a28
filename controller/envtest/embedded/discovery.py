"""Discovery: what clients are told about the resources that are served. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from controller.envtest.embedded.resources import TypeInfo

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
            "verbs": [verb for verb in _VERBS if info.collection_deletable or verb != "deletecollection"],
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
