"""The controller's shipped rights, for tests that run it: its ClusterRole, bound to a ServiceAccount of the tests' own."""

from pathlib import Path
from typing import Any

from controller.api.documents import load_documents
from controller.client import ClientConfig, load_config
from controller.envtest import Environment
from controller.meta import Resource

_ROLE = Path(__file__).resolve().parents[2] / "config" / "rbac" / "role.yaml"
_PLACE = "shipped-rights"
_NAME = "controller"
_RBAC = "rbac.authorization.k8s.io"
ACCOUNT = f"system:serviceaccount:{_PLACE}:{_NAME}"
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
_ROLES = Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False)
_BINDINGS = Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False)


async def grant(environment: Environment) -> None:
    """Makes the account and gives it the rights (real plane)."""
    (shipped,) = (obj for obj in load_documents(_ROLE.read_bytes(), _ROLE.name) if obj["kind"] == "ClusterRole")
    role: dict[str, Any] = {**shipped, "metadata": {"name": _PLACE}}
    subject = {"kind": "ServiceAccount", "name": _NAME, "namespace": _PLACE}
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _PLACE}
    async with environment.client() as client:
        await client.create(NAMESPACES, {"metadata": {"name": _PLACE}})
        await client.create(_ACCOUNTS, {"metadata": {"name": _NAME}}, namespace=_PLACE)
        await client.create(_ROLES, role)
        await client.create(_BINDINGS, {"metadata": {"name": _PLACE}, "roleRef": reference, "subjects": [subject]})


async def as_controller(environment: Environment) -> ClientConfig:
    """How the controller gets in: with the shipped rights on the real plane; the embedded one admits everybody."""
    if environment.plane == "embedded":
        return environment.config
    return await load_config(str(await environment.service_account_kubeconfig(_PLACE, _NAME)))


def refused(environment: Environment) -> list[str]:
    """What the controller asked for and had no right to, from the audit log of the real plane.

    Engine keys out of Secrets are left out: the right on such a Secret is the user's to give, and tests see it refused.
    """
    return [
        f"{record['verb']} {record['requestURI']}"
        for record in environment.audit_records()
        if record["user"]["username"] == ACCOUNT
        and record.get("annotations", {}).get("authorization.k8s.io/decision") == "forbid"
        and record.get("objectRef", {}).get("resource") != "secrets"
    ]
