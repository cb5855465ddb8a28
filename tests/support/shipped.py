"""What config/ ships beside the Deployment: the controller's namespace, settings and rights."""

from pathlib import Path

from controller.api.documents import load_documents
from controller.api.kinds import CONFIG_MAP
from controller.meta import Object, Resource

ROOT = Path(__file__).resolve().parents[2]


NAMESPACE = "model-controller-system"


RBAC = "rbac.authorization.k8s.io"


NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


RESOURCES = {
    "Namespace": NAMESPACES,
    "ConfigMap": CONFIG_MAP,
    "ServiceAccount": Resource("", "v1", "serviceaccounts", "ServiceAccount"),
    "ClusterRole": Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    "ClusterRoleBinding": Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    "Role": Resource(RBAC, "v1", "roles", "Role"),
    "RoleBinding": Resource(RBAC, "v1", "rolebindings", "RoleBinding"),
}


def shipped() -> list[Object]:
    """The controller's namespace, settings and rights, in the order in which they can be created."""
    manager = ROOT / "config" / "manager"
    files = [
        manager / "namespace.yaml",
        manager / "config_map.yaml",
        *sorted((ROOT / "config" / "rbac").glob("*.yaml")),
    ]
    objects = [
        obj for file in files if file.stem != "kustomization" for obj in load_documents(file.read_bytes(), file.name)
    ]
    return sorted(objects, key=lambda obj: list(RESOURCES).index(str(obj["kind"])))


SHIPPED = shipped()
