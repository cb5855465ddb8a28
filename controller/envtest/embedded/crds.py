"""CustomResourceDefinitions as served resources. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.resources import ScalePaths, Subresource, TypeInfo
from controller.envtest.embedded.subresources import SCALE
from controller.meta import Object, spec_of
from controller.meta.errors import Cause, NotImplementedByServer


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
    )


def _effective(version: Object, spec: Object) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    return {**schema, "x-kubernetes-preserve-unknown-fields": True} if spec.get("preserveUnknownFields") else schema


def _scale_paths(scale: Object) -> ScalePaths:
    return ScalePaths(
        spec=scale["specReplicasPath"].lstrip("."),
        status=scale["statusReplicasPath"].lstrip("."),
        selector=(scale.get("labelSelectorPath") or "").lstrip("."),
    )


def violations(crd: Object) -> Iterator[Cause]:
    """What is wrong with a CRD. Raises NotImplementedByServer for one that needs a conversion webhook."""
    spec = spec_of(crd)
    if misshapen := list(_misshapen(spec)):
        yield from misshapen
        return
    names = spec.get("names") or {}
    for name, value in (
        ("group", spec.get("group")),
        ("names.plural", names.get("plural")),
        ("names.kind", names.get("kind")),
    ):
        if not value:
            yield Cause(f"spec.{name}", "FieldValueRequired", "Required value")
    if meta.name_of(crd) != f"{names.get('plural')}.{spec.get('group')}":
        text = 'Invalid value: must be spec.names.plural+"."+spec.group'
        yield Cause("metadata.name", "FieldValueInvalid", text)
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        yield Cause("spec.scope", "FieldValueNotSupported", "Unsupported value")
    versions = spec.get("versions") or []
    if sum(version.get("storage") is True for version in versions) != 1:
        text = "Invalid value: must have exactly one version marked as storage version"
        yield Cause("spec.versions", "FieldValueInvalid", text)
    for index, version in enumerate(versions):
        yield from _schema_violations(f"spec.versions[{index}].schema.openAPIV3Schema", version.get("schema"))
    if (spec.get("conversion") or {}).get("strategy") == "Webhook":
        raise NotImplementedByServer("conversion webhooks are not implemented by the embedded API server")


def _misshapen(spec: Object) -> Iterator[Cause]:
    versions = spec.get("versions") or []
    parts = [("names", spec.get("names") or {}), ("conversion", spec.get("conversion") or {})]
    if isinstance(versions, list):
        parts += [(f"versions[{index}]", version) for index, version in enumerate(versions)]
    else:
        yield Cause("spec.versions", "FieldValueTypeInvalid", "Invalid value: must be of type array")
    for name, value in parts:
        if not isinstance(value, Mapping):
            yield Cause(f"spec.{name}", "FieldValueTypeInvalid", "Invalid value: must be of type object")


def _schema_violations(where: str, schema: Any) -> Iterator[Cause]:
    root = schema.get("openAPIV3Schema") if isinstance(schema, Mapping) else None
    if not isinstance(root, Mapping):
        yield Cause(where, "FieldValueRequired", "Required value")
    elif root.get("type") != "object":
        yield Cause(f"{where}.type", "FieldValueInvalid", "Invalid value: must be object at the root")
    else:
        yield from _untyped_properties(where, root)


def _untyped_properties(where: str, schema: Mapping[str, Any]) -> Iterator[Cause]:
    for name, sub in (schema.get("properties") or {}).items():
        path = f"{where}.properties[{name}]"
        open_ = sub.get("x-kubernetes-preserve-unknown-fields") or sub.get("x-kubernetes-int-or-string")
        if not sub.get("type") and not open_:
            yield Cause(
                f"{path}.type", "FieldValueRequired", "Required value: must not be empty for specified object fields"
            )
        yield from _untyped_properties(path, sub)


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
