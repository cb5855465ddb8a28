"""CustomResourceDefinitions as served resources. Pure."""

from collections.abc import Mapping
from typing import Any

from controller.envtest.embedded.discovery import version_priority
from controller.envtest.embedded.resources import ScalePaths, Subresource, TypeInfo
from controller.envtest.embedded.subresources import SCALE
from controller.meta import Object, spec_of


def types_of(crd: Object) -> list[TypeInfo]:
    """The served versions of a CRD."""
    return [_type_of(spec_of(crd), version) for version in spec_of(crd)["versions"] if version.get("served", True)]


def _type_of(spec: Object, version: Object) -> TypeInfo:
    names, subresources = spec["names"], version.get("subresources") or {}
    kind = names["kind"]
    scale = subresources.get("scale")
    served = {"status": Subresource("status", kind)} if "status" in subresources else {}
    if scale:
        served["scale"] = Subresource("scale", "Scale", SCALE)
    return TypeInfo(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        singular=names.get("singular") or kind.lower(),
        kind=kind,
        list_kind=names.get("listKind") or f"{kind}List",
        schema=_effective(version, spec),
        namespaced=spec["scope"] == "Namespaced",
        custom=True,
        has_generation=True,
        unconditional_update=False,
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        columns=tuple(version.get("additionalPrinterColumns") or ()),
        selectable=tuple(field["jsonPath"].lstrip(".") for field in version.get("selectableFields") or ()),
        subresources=served,
        scale=_scale_paths(scale) if scale else None,
        warning=_deprecation(spec, version),
    )


def _deprecation(spec: Object, version: Object) -> str:
    """The warning about a deprecated version: its own, or one that names the best version that is not deprecated."""
    if not version.get("deprecated"):
        return ""
    if own := version.get("deprecationWarning"):
        return str(own)
    kind, group = spec["names"]["kind"], spec["group"]
    fresh = [one["name"] for one in spec["versions"] if one.get("served", True) and not one.get("deprecated")]
    better = [name for name in sorted(fresh, key=version_priority) if _outranks(name, version["name"])]
    use = f"; use {group}/{better[0]} {kind}" if better else ""
    return f"{group}/{version['name']} {kind} is deprecated{use}"


def _outranks(name: str, other: str) -> bool:
    return version_priority(name) < version_priority(other)


def _effective(version: Object, spec: Object) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    return {**schema, "x-kubernetes-preserve-unknown-fields": True} if spec.get("preserveUnknownFields") else schema


def _scale_paths(scale: Object) -> ScalePaths:
    return ScalePaths(
        spec=scale["specReplicasPath"].lstrip("."),
        status=scale["statusReplicasPath"].lstrip("."),
        selector=(scale.get("labelSelectorPath") or "").lstrip("."),
    )


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
