"""A proxy before a control plane, and an informer behind it."""

import uuid
from collections.abc import AsyncIterator

import pytest

from controller.client import Client
from controller.envtest import Environment
from controller.meta import Resource
from controller.testing import FaultProxy

NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


@pytest.fixture(scope="module")
async def embedded() -> AsyncIterator[Environment]:
    """An embedded control plane of the module's own, which may be hurt."""
    async with Environment("embedded") as environment:
        yield environment


@pytest.fixture
async def admin(embedded: Environment) -> AsyncIterator[Client]:
    """A client that does not go through the proxy."""
    async with embedded.client() as client:
        yield client


@pytest.fixture
async def room(admin: Client) -> str:
    """A namespace on the embedded plane."""
    name = f"faults-{uuid.uuid4().hex[:8]}"
    await admin.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
async def proxy(embedded: Environment) -> AsyncIterator[FaultProxy]:
    """Stands before the embedded plane."""
    async with FaultProxy(embedded.config) as running:
        yield running
