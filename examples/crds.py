"""The CustomResourceDefinitions of the examples: any fields, with a status."""

from typing import Any

from controller.meta import Resource


def crd_of(resource: Resource) -> dict[str, Any]:
    """The CRD that serves this resource."""
    names = {"plural": resource.plural, "singular": resource.kind.lower(), "kind": resource.kind}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": resource.version, "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {
            "group": resource.group,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": {**names, "listKind": f"{resource.kind}List"},
            "versions": [{**version, "schema": schema}],
        },
    }
