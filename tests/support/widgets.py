"""A kind of the conformance suite's own, Widget."""

from typing import Any

GROUP = "conformance.example.com"


_PORTS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "port": {"type": "integer", "default": 80}},
    },
}


_SPEC = {
    "type": "object",
    "properties": {
        "size": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1},
        "color": {"type": "string", "enum": ["red", "blue"]},
        "label": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 5},
        "amount": {"x-kubernetes-int-or-string": True},
        "when": {"type": "string", "format": "date-time"},
        "maybe": {"type": "string", "nullable": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "tags": {"type": "array", "maxItems": 2, "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "ports": _PORTS,
    },
}


def widget_crd(
    kind: str = "Widget", *, group: str = GROUP, spec: Any = None, has_status: bool = True
) -> dict[str, Any]:
    """A CRD with one version, v1."""
    plural = f"{kind.lower()}s"
    status = {"type": "object", "properties": {"phase": {"type": "string"}, "ready": {"type": "boolean"}}}
    columns = [
        {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec or _SPEC, "status": status}}},
        "subresources": {"status": {}} if has_status else {},
        "additionalPrinterColumns": columns,
        "selectableFields": [{"jsonPath": ".spec.color"}],
    }
    names = {"plural": plural, "singular": kind.lower(), "kind": kind, "shortNames": [f"{kind.lower()[:2]}x"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {**names, "categories": ["conformance"]},
            "versions": [version],
        },
    }


def a_widget(name: str = "one", *, kind: str = "Widget", **fields: Any) -> dict[str, Any]:
    """A valid Widget."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": name, **fields.pop("metadata", {})},
        "spec": fields.pop("spec", {"size": 1}),
        **fields,
    }
