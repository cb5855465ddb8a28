"""Discovery: the documents that list the served resources for clients. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from controller.envtest.embedded.builtin import catalog
from controller.envtest.embedded.resources import TypeInfo

_PAGES = (
    "/api",
    "/api/v1",
    "/apis",
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
)


_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")


def version_priority(name: str) -> tuple[int, ...]:
    """Stable versions first, then beta, then alpha, the higher number first."""
    match = _VERSION.fullmatch(name)
    if match is None:
        return (3,)
    stage = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return (stage, -int(match[1]), -int(match[3] or 0))


def version() -> dict[str, Any]:
    """``/version``: the Kubernetes whose behaviour is served."""
    real = catalog.version()
    return {
        **real,
        "gitVersion": f"{real['gitVersion']}+embedded",
        "gitCommit": "embedded",
        "gitTreeState": "clean",
        "platform": "embedded",
    }


def root(types: Iterable[TypeInfo]) -> dict[str, Any]:
    """``/``: all paths that can be asked for."""
    groups = {
        path for info in types if info.group for path in (f"/apis/{info.group}", f"/apis/{info.group}/{info.version}")
    }
    return {"paths": sorted({*_PAGES, *groups})}


def api_groups(types: Iterable[TypeInfo]) -> dict[str, Any]:
    """``/apis``."""
    groups: dict[str, list[str]] = {}
    for info in types:
        if info.group and info.version not in groups.setdefault(info.group, []):
            groups[info.group].append(info.version)
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, sorted(versions, key=version_priority)) for name, versions in groups.items()],
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
    resources = [entry for info in found for entry in _entries(info)]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found[0].api_version, "resources": resources}


def _entries(info: TypeInfo) -> Iterable[dict[str, Any]]:
    entry: dict[str, Any] = {
        "name": info.plural,
        "singularName": info.singular,
        "namespaced": info.namespaced,
        "kind": info.kind,
        "verbs": list(info.verbs),
    }
    if info.short_names:
        entry["shortNames"] = list(info.short_names)
    if info.categories:
        entry["categories"] = list(info.categories)
    yield entry
    for sub in info.subresources.values():
        group, _, version = sub.api_version.rpartition("/")
        yield {
            "name": f"{info.plural}/{sub.name}",
            "singularName": "",
            "namespaced": info.namespaced,
            **({"group": group} if group else {}),
            **({"version": version} if version else {}),
            "kind": sub.kind,
            "verbs": list(sub.verbs),
        }
