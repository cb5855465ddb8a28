"""The metrics endpoint of config/metrics-secure on a real control plane: by HTTPS, for those whom the cluster allows."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from controller.api.crds import model_crd
from controller.api.documents import load_documents
from controller.client import Client
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.envtest.binaries import free_port
from controller.meta import jsonio
from tests.support.certificates import issue
from tests.support.factories import eventually
from tests.support.processes import running
from tests.support.shipped import NAMESPACE, RESOURCES, ROOT, SHIPPED

COMPONENT = ROOT / "config/metrics-secure"
RBAC = "rbac.authorization.k8s.io"
READER_BINDING = {
    "apiVersion": f"{RBAC}/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "prometheus-reads-model-controller"},
    "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "model-controller-metrics-reader"},
    "subjects": [{"kind": "ServiceAccount", "name": "prometheus", "namespace": NAMESPACE}],
}

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What callers see of it."""

    environment: Environment
    admin: Client
    url: str
    trust: ssl.SSLContext

    async def code(self, account: str | None) -> int:
        """The HTTP code for this service account; None brings no token."""
        headers = {}
        if account is not None:
            kubeconfig = await self.environment.service_account_kubeconfig(NAMESPACE, account)
            headers["Authorization"] = f"Bearer {jsonio.loads(kubeconfig.read_bytes())['users'][0]['user']['token']}"
        async with aiohttp.ClientSession() as session, session.get(self.url, headers=headers, ssl=self.trust) as answer:
            return answer.status

    async def install(self, file: str) -> None:
        """Creates what is in a file of the component."""
        for obj in load_documents((COMPONENT / file).read_bytes(), file):
            await self.admin.create(RESOURCES[obj["kind"]], obj)


@pytest.fixture(scope="module")
async def endpoint(real_plane: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Endpoint]:
    """The controller under the rights of config/default, with the component's flags and two service accounts that call."""
    folder, address = tmp_path_factory.mktemp("tls"), f"127.0.0.1:{free_port()}"
    issue(folder)
    trust = ssl.create_default_context(cafile=str(folder / "tls.crt"))
    flags = ("--metrics-bind-address", address, "--metrics-secure", "--metrics-cert-path", str(folder))
    async with (
        Environment("real", crds=[model_crd(), *child_crds(E4FB6663)]) as environment,
        environment.client() as admin,
    ):
        for obj in SHIPPED:
            await admin.create(RESOURCES[obj["kind"]], obj)
        for account in ("prometheus", "stranger"):
            await admin.create(RESOURCES["ServiceAccount"], service_account(account))
        kubeconfig = await environment.service_account_kubeconfig(NAMESPACE, "model-controller")
        found = Endpoint(environment, admin, f"https://{address}/metrics", trust)
        async with running(kubeconfig, *flags, "--health-probe-bind-address", "0"):
            await eventually(lambda: answers(found))
            yield found


def service_account(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}


async def answers(endpoint: Endpoint) -> bool:
    with contextlib.suppress(aiohttp.ClientConnectorError):
        return await endpoint.code(None) == 401
    return False


async def test_the_components_rights_are_what_it_takes(endpoint: Endpoint) -> None:
    """Without them every caller is refused; with them every caller without the role of the reader."""
    await endpoint.install("metrics_reader_role.yaml")
    await endpoint.admin.create(RESOURCES["ClusterRoleBinding"], READER_BINDING)
    assert await endpoint.code("prometheus") == 500
    await endpoint.install("metrics_auth_role.yaml")

    async def readable() -> bool:
        return await endpoint.code("prometheus") == 200

    await eventually(readable)
    assert await endpoint.code("stranger") == 403
    assert await endpoint.code(None) == 401
