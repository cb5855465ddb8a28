"""A kind of the suite's own, Widget, and the wire."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from controller.envtest import Environment, install_crds
from controller.envtest.binaries import ADMIN_TOKEN
from tests.support.conformance_api import Api
from tests.support.widgets import GROUP, widget_crd


@pytest.fixture(scope="session")
async def api(environment: Environment) -> AsyncIterator[Api]:
    """The wire, with an administrator's rights; Widgets are served."""
    async with environment.client() as client:
        await install_crds(client, [widget_crd()])
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}) as session:
        yield Api(session, environment.url)


@pytest.fixture
def widgets(api: Api, namespace: str) -> str:
    """The path of the Widgets in the test's own namespace."""
    return f"/apis/{GROUP}/v1/namespaces/{namespace}/widgets"


@pytest.fixture
def config_maps(namespace: str) -> str:
    """The path of the ConfigMaps in the test's own namespace."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


@pytest.fixture
def leases(namespace: str) -> str:
    """The path of the Leases in the test's own namespace."""
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
