"""CustomResourceDefinitions as served resources, and the built-in kinds. Pure."""

from collections.abc import Mapping
from typing import Any

from controller.envtest.embedded.registry import TypeInfo
from controller.meta import Object, spec_of

CRD = TypeInfo(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "customresourcedefinition",
    "CustomResourceDefinition",
    "CustomResourceDefinitionList",
    namespaced=False,
    has_status=True,
    short_names=("crd", "crds"),
)


def _plain(group: str, plural: str, kind: str, *short: str, namespaced: bool = True, status: bool = False) -> TypeInfo:
    return TypeInfo(
        group,
        "v1",
        plural,
        kind.lower(),
        kind,
        f"{kind}List",
        namespaced=namespaced,
        has_status=status,
        short_names=short,
    )


BUILT_IN = (
    _plain("", "namespaces", "Namespace", "ns", namespaced=False),
    _plain("", "configmaps", "ConfigMap", "cm"),
    _plain("", "secrets", "Secret"),
    _plain("", "serviceaccounts", "ServiceAccount", "sa"),
    _plain("", "pods", "Pod", "po", status=True),
    _plain("", "events", "Event", "ev"),
    _plain("events.k8s.io", "events", "Event", "ev"),
    _plain("coordination.k8s.io", "leases", "Lease"),
    CRD,
)


def types_of(crd: Object) -> list[TypeInfo]:
    """The served versions of a CRD."""
    spec, names = spec_of(crd), spec_of(crd)["names"]
    found = []
    for version in spec["versions"]:
        if not version.get("served", True):
            continue
        kind = names["kind"]
        found.append(
            TypeInfo(
                group=spec["group"],
                version=version["name"],
                plural=names["plural"],
                singular=names.get("singular") or kind.lower(),
                kind=kind,
                list_kind=names.get("listKind") or f"{kind}List",
                namespaced=spec.get("scope") == "Namespaced",
                has_status="status" in (version.get("subresources") or {}),
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                columns=tuple(version.get("additionalPrinterColumns") or ()),
                schema=_schema(version),
            )
        )
    return found


def _schema(version: Mapping[str, Any]) -> Mapping[str, Any]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    return schema if isinstance(schema, Mapping) else {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def established(crd: Object, now: str) -> dict[str, Any]:
    """The status of a CRD that is served."""
    names = spec_of(crd)["names"]
    conditions = [
        {"type": type_, "status": "True", "reason": reason, "message": message, "lastTransitionTime": now}
        for type_, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    stored = [version["name"] for version in spec_of(crd)["versions"] if version.get("storage")]
    return {"conditions": conditions, "acceptedNames": names, "storedVersions": stored}
