"""The rules of Kubernetes for new and changed objects of the built-in kinds. Pure.

Enumerations and required fields come from the catalog. The other modules of rules hold what no schema says: names, ranges, fields that depend on each
other. They cover what clients and tests meet; they are not the whole of Kubernetes' validation.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from controller.envtest.embedded.builtin import object_rules, pod_rules, workload_rules
from controller.envtest.embedded.causes import required, unsupported
from controller.meta.errors import Cause

Schema = Mapping[str, Any]

RULES = {**pod_rules.RULES, **workload_rules.RULES, **object_rules.RULES}
"""What no schema says, by the short name of a type."""
# Fields that schemas call required and the API server accepts empty.
_MAY_BE_EMPTY = frozenset(
    {
        ("discovery.v1.EndpointSlice", "endpoints"),
        ("core.v1.Event", "metadata"),
        ("core.v1.Event", "involvedObject"),
        ("core.v1.KeyToPath", "path"),
        ("core.v1.ServicePort", "port"),
        ("core.v1.ContainerPort", "containerPort"),
        ("rbac.v1.Role", "rules"),
        ("rbac.v1.RoleRef", "kind"),
        ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceColumnDefinition", "jsonPath"),
        ("rbac.v1.ClusterRole", "rules"),
        ("apps.v1.StatefulSetSpec", "serviceName"),
        ("core.v1.HTTPGetAction", "port"),
        ("core.v1.TCPSocketAction", "port"),
        ("scheduling.v1.PriorityClass", "value"),
        ("apps.v1.ControllerRevision", "revision"),
        ("storage.v1.CSINodeSpec", "drivers"),
        ("core.v1.NodeSelector", "nodeSelectorTerms"),
    }
)


def violations(value: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """The errors in an object that ``typed.read`` has made and that has its defaults."""
    if isinstance(value, list):
        items = schema.get("items") or {}
        for index, item in enumerate(value):
            yield from violations(item, items, f"{path}[{index}]")
        return
    if not isinstance(value, dict):
        if "enum" in schema and value not in schema["enum"] and value not in ("", None):
            yield unsupported(path, value, schema["enum"])
        return
    yield from _object_violations(value, schema, path)


def _object_violations(value: dict[str, Any], schema: Schema, path: str) -> Iterator[Cause]:
    name = schema.get("x-name", "")
    for key in schema.get("required") or ():
        if value.get(key) in ("", None, [], {}) and (name, key) not in _MAY_BE_EMPTY:
            yield required(f"{path}.{key}" if path else key)
    if name in RULES:
        yield from RULES[name](value, path)
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, item in value.items():
        sub = properties.get(key) or (extra if isinstance(extra, Mapping) else None)
        if (sub and key not in ("metadata", "status")) or (sub and key == "metadata" and path):
            yield from violations(item, sub, f"{path}.{key}" if path else key)
