"""Names, labels, revisions and metadata of the children; one place for each."""

import hashlib
from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.api.annotations import REFRESH
from controller.api.model import Backend, Model
from controller.dialects import ChildKind, Dialect, Role
from controller.meta import Resource
from controller.render.facts import BackendFacts

_LONGEST = 63


def child_name(model: Model, backend: Backend) -> str:
    """The name of everything that belongs to one backend."""
    return f"{model.name}-{backend.name}"


def bounded(base: str, suffix: str, *, hashed: str | None = None) -> str:
    """``base`` + ``suffix`` in at most 63 characters.

    What is too long keeps the head of the base and eight digits of the hash of all of it. With ``hashed`` the name always takes that form,
    with the hash of this text.
    """
    if hashed is None and len(base) + len(suffix) <= _LONGEST:
        return base + suffix
    digest = hashlib.sha256((hashed or base).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{base[: _LONGEST - len(suffix) - 9]}-{digest}{suffix}"


def pod_labels(model: Model, backend: Backend, dialect: Dialect) -> dict[str, str]:
    """The labels of entry pods. There is no revision among them: it would restart pods for a change that does not concern them."""
    return _labels(model, backend.name, dialect)


def _labels(model: Model, backend_name: str, dialect: Dialect) -> dict[str, str]:
    keys = dialect.keys
    return {
        keys.backend_name: backend_name,
        keys.managed_by: dialect.manager,
        keys.model_name: model.name,
        keys.model_uid: model.uid,
    }


def revision(dialect: Dialect, kind: str, spec: Mapping[str, Any]) -> str:
    """The hash that tells whether we want something new: of the spec, of a workload of its template.

    Fields of roles that are not part of the template are not hashed.
    """
    row = dialect.kind(kind)
    if row.role is not Role.WORKLOAD:
        return meta.digest(spec)
    template = spec["template"]
    return meta.digest({**template, "roles": pods_of(row, template.get("roles"))} if row.settings else template)


def pods_of(row: ChildKind, roles: Any) -> Any:
    """The roles of a workload as far as their pods depend on them."""
    if not isinstance(roles, list | tuple):
        return roles
    return [{key: value for key, value in role.items() if key not in row.settings} for role in roles]


def child(
    model: Model,
    dialect: Dialect,
    resource: Resource,
    name: str,
    backend_name: str,
    spec: dict[str, Any],
    annotations: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The complete child object around its spec."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": model.namespace,
        "labels": {
            **_labels(model, backend_name, dialect),
            dialect.keys.revision: revision(dialect, resource.kind, spec),
        },
    }
    if annotations:
        metadata["annotations"] = annotations
    metadata["ownerReferences"] = [meta.controller_reference(model.object, model.resource)]
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}


_NOT_IN_TEMPLATE = {
    "min_replicas",
    "max_replicas",
    "scaling_cost",
    "route_weight",
    "scale_to_zero_grace_period",
    "autoscaling_policy",
    "recovery_policy",
    "rollout",
    "gang_scheduling",
    "network_topology",
}


def template_inputs(facts: BackendFacts, dialect: Dialect) -> str:
    """The hash of what the Model's owner chose that the backend's pod template depends on.

    As long as it stays, nobody asked for other pods. Absent, empty and default are the same for a whole field, and quantities count by
    value; inside a field every difference counts.
    """
    counted = dialect.kind(dialect.workload.kind).instances
    without = _NOT_IN_TEMPLATE | ({"lora_adapters"} if facts.is_hot else set())
    chosen = _given(facts.backend.model_dump(exclude=without | {"workers"}))
    if adapters := chosen.get("lora_adapters"):
        chosen["lora_adapters"] = [_given(adapter) for adapter in adapters]
    chosen["workers"] = [
        _given(
            {
                **item.worker.model_dump(exclude={"min_replicas", "max_replicas"}),
                "replicas": None if counted else item.instances,
                "pods": item.pods,
                "config": item.config.written,
                "resources": _by_value(item.worker.resources),
            }
        )
        for item in facts.workers
    ]
    return meta.digest(
        {
            "model": facts.model.name,
            "request": facts.model.request_name,
            "backend": chosen,
            "claims": list(facts.claims),
            "refresh": facts.model.annotations.get(REFRESH, ""),
        }
    )


def _given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], (), {})}


def _by_value(resources: Any) -> Any:
    if not isinstance(resources, Mapping):
        return None
    amounts = {
        part: {name: _amount(value) for name, value in resources[part].items()}
        for part in ("limits", "requests")
        if isinstance(resources.get(part), Mapping)
    }
    return _given({**resources, **amounts})


def _amount(value: Any) -> Any:
    try:
        return str(meta.parse_quantity(value))
    except (ValueError, TypeError):
        return value
