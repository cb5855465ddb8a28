"""The pages beside the resources: discovery, OpenAPI, version, health and metrics. Pure."""

from collections.abc import Sequence

from controller.envtest.embedded import discovery, openapi
from controller.envtest.embedded.resources import ServedTypes
from controller.envtest.embedded.storage import Storage
from controller.meta import Object

HEALTH = ("healthz", "livez", "readyz")


def document(parts: Sequence[str], types: ServedTypes) -> Object | None:
    """The JSON document at a path; None where there is none."""
    match parts:
        case []:
            return discovery.root(types)
        case ["version"]:
            return discovery.version()
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            return discovery.api_groups(types)
        case ["api", version]:
            return discovery.api_resources(types, "", version)
        case ["apis", group]:
            return discovery.api_group(types, group)
        case ["apis", group, version]:
            return discovery.api_resources(types, group, version)
        case ["openapi", "v2"]:
            return openapi.swagger(types)
        case ["openapi", "v3"]:
            return openapi.index(types)
        case ["openapi", "v3", "api", version]:
            return openapi.document(types, "", version)
        case ["openapi", "v3", "apis", group, version]:
            return openapi.document(types, group, version)
        case _:
            return None


def health(check: str, *, verbose: bool) -> str:
    """The text of a health check; a verbose one names what was checked."""
    return f"[+]ping ok\n[+]storage ok\n{check} check passed\n" if verbose else "ok"


def metrics(storage: Storage) -> str:
    """The number of stored objects of each resource, in Prometheus' text format."""
    lines = [
        "# HELP apiserver_storage_objects [STABLE] Number of stored objects.",
        "# TYPE apiserver_storage_objects gauge",
    ]
    for group, plural in sorted(storage.resources()):
        name = f"{plural}.{group}" if group else plural
        lines.append(f'apiserver_storage_objects{{resource="{name}"}} {storage.count((group, plural))}')
    return "\n".join(lines) + "\n"
