"""The controller under the rights that are shipped, where owner references are enforced: it works, and is refused nothing."""

import os
import signal
from pathlib import Path

import pytest

from controller import meta
from controller.api.crds import child_crds, model_crd
from controller.api.documents import load_documents
from controller.api.kinds import MODEL, MODEL_INFER
from controller.client import Client
from controller.envtest import Environment, real_assets
from controller.meta import Object, Resource
from tests.factories import a_backend, a_model, conditions, eventually, make_available, unborn
from tests.integration.test_run_command import running

ROOT = Path(__file__).resolve().parents[2]
POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
RBAC = "rbac.authorization.k8s.io"
RESOURCES = {
    "Namespace": Resource("", "v1", "namespaces", "Namespace", namespaced=False),
    "ServiceAccount": Resource("", "v1", "serviceaccounts", "ServiceAccount"),
    "ClusterRole": Resource(RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    "ClusterRoleBinding": Resource(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    "Role": Resource(RBAC, "v1", "roles", "Role"),
    "RoleBinding": Resource(RBAC, "v1", "rolebindings", "RoleBinding"),
}

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.timeout(180)]


def shipped() -> list[Object]:
    """The controller's namespace and rights, in the order in which they can be created."""
    files = [ROOT / "config" / "manager" / "namespace.yaml", *sorted((ROOT / "config" / "rbac").glob("*.yaml"))]
    objects = [
        obj for file in files if file.stem != "kustomization" for obj in load_documents(file.read_bytes(), file.name)
    ]
    return sorted(objects, key=lambda obj: list(RESOURCES).index(str(obj["kind"])))


async def install(client: Client) -> None:
    for obj in shipped():
        await client.create(RESOURCES[obj["kind"]], obj)


async def test_the_shipped_rights_are_enough_and_nothing_is_refused() -> None:
    """Through creation, an update, a removed backend and autoscaling, with leader election."""
    if real_assets() is None:
        reason = "no real control plane: install Go or set KUBEBUILDER_ASSETS"
        pytest.fail(reason) if os.environ.get("MODEL_CONTROLLER_REQUIRE_REAL") == "1" else pytest.skip(reason)
    crds = [model_crd(), *child_crds()]
    async with Environment(
        "real", crds=crds, admission_plugins=["OwnerReferencesPermissionEnforcement"]
    ) as environment:
        async with environment.client() as client:
            await install(client)
            kubeconfig = await environment.service_account_kubeconfig("model-controller-system", "model-controller")
            flags = ("--leader-elect", "--leader-elect-namespace", "model-controller-system")
            async with running(kubeconfig, *flags, "--health-probe-bind-address", "0") as process:
                model = a_model("chat", a_backend("a", autoscalingPolicy=POLICY, maxReplicas=3), a_backend("b"))
                await client.create(MODEL, unborn(model, "default"))
                await until(client, Initialized=("True", "ModelCreating"))
                for name in ("chat-a", "chat-b"):
                    await make_available(client, name, "default")
                await until(client, Active=("True", "ModelAvailable"))
                current = await client.get(MODEL, "chat", "default")
                await client.replace(MODEL, {**current, "spec": a_model("chat", a_backend("a"))["spec"]})

                async def settled() -> bool:
                    model = await client.get(MODEL, "chat", "default")
                    infers = (await client.list(MODEL_INFER, "default")).items
                    seen = meta.status_of(model).get("observedGeneration") == meta.generation_of(model)
                    return seen and [meta.name_of(infer) for infer in infers] == ["chat-a"]

                await eventually(settled)
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
        ours = [r for r in environment.audit_records() if r.get("userAgent", "").startswith("model-controller/")]
        ours = [
            r for r in ours if r["user"]["username"] == "system:serviceaccount:model-controller-system:model-controller"
        ]
        assert {record["verb"] for record in ours} >= {"list", "watch", "create", "patch", "delete", "update"}
        refused = [(r["verb"], r["objectRef"]["resource"]) for r in ours if r["responseStatus"]["code"] == 403]
        assert refused == []


async def until(client: Client, **wanted: tuple[str, str]) -> None:
    async def check() -> bool:
        seen = await conditions(client, "chat", "default")
        return all(seen.get(type_) == value for type_, value in wanted.items())

    await eventually(check)
