"""The objects of a kustomization, as ``kubectl kustomize`` prints them, without kubectl.

It knows the fields that ``config/`` uses for resources, labels and images. Every other field is an error, as is a kind that ORDER lacks.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.api.documents import load_documents

KNOWN = {"apiVersion", "kind", "resources", "labels", "images"}
ORDER = (
    "Namespace",
    "CustomResourceDefinition",
    "ServiceAccount",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Service",
    "Deployment",
    "PodDisruptionBudget",
    "NetworkPolicy",
)


def build(folder: Path) -> list[dict[str, Any]]:
    """The objects in kustomize's order for installing. Raises SystemExit for a field that is not supported."""
    return sorted(objects_of(folder), key=lambda obj: (ORDER.index(obj["kind"]), obj["metadata"]["name"]))


def objects_of(folder: Path) -> Iterator[dict[str, Any]]:
    """The objects in the order of the files."""
    (kustomization,) = load_documents((folder / "kustomization.yaml").read_bytes(), str(folder))
    if unknown := kustomization.keys() - KNOWN:
        raise SystemExit(f"{folder}: {', '.join(sorted(unknown))} is not supported here; use kubectl kustomize")
    for resource in kustomization["resources"]:
        path = folder / resource
        found = objects_of(path) if path.is_dir() else load_documents(path.read_bytes(), str(path))
        for obj in found:
            for labels in kustomization.get("labels", ()):
                _add_labels(obj, labels)
            for image in kustomization.get("images", ()):
                _set_tag(obj, image)
            yield obj


def _template_of(obj: dict[str, Any]) -> dict[str, Any] | None:
    template: dict[str, Any] | None = (obj.get("spec") or {}).get("template")
    return template


def _add_labels(obj: dict[str, Any], labels: dict[str, Any]) -> None:
    template = _template_of(obj) if labels.get("includeTemplates") else None
    for owner in filter(None, (obj, template)):
        owner["metadata"]["labels"] = {**owner["metadata"].get("labels", {}), **labels["pairs"]}


def _set_tag(obj: dict[str, Any], image: dict[str, str]) -> None:
    for container in ((_template_of(obj) or {}).get("spec") or {}).get("containers", ()):
        if container["image"].partition(":")[0] == image["name"]:
            container["image"] = f"{image['name']}:{image['newTag']}"
