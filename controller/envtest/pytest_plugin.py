"""A pytest plugin: fixtures with a control plane for tests of any Kubernetes client or framework.

``--kube-plane real`` runs the same tests on a real etcd and kube-apiserver. The control plane runs in a thread of its own, so that tests
may be synchronous or use any event loop.
"""

import asyncio
import threading
import uuid
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from controller.client import Client
    from controller.envtest.environment import Plane

_Result = TypeVar("_Result")


class KubeEnvironment:
    """A running control plane, for synchronous code."""

    def __init__(self, plane: "Plane") -> None:
        from controller.envtest import Environment

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kube-environment", daemon=True)
        self._thread.start()
        self.environment: Environment = Environment(plane)
        try:
            self.run(self.environment.__aenter__())
        except BaseException:
            self._end()
            raise

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Runs a coroutine in the control plane's own event loop and returns its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """Ends the control plane; its data are gone."""
        self.run(self.environment.__aexit__(None, None, None))
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The API server's base URL."""
        return self.environment.url

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig."""
        return self.environment.kubeconfig

    def install_crds(self, *crds: Any) -> None:
        """Creates or replaces CustomResourceDefinitions, given as objects, and waits until they are served."""
        from controller.envtest import install_crds

        async def install() -> None:
            async with self.environment.client() as client:
                await install_crds(client, crds)

        self.run(install())

    def create_namespace(self, name: str) -> None:
        """Creates a namespace."""
        from controller.meta import Resource

        async def create() -> None:
            async with self.environment.client() as client:
                resource = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
                await client.create(resource, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

        self.run(create())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the choice of the control plane."""
    group = parser.getgroup("kube", "Kubernetes control plane")
    group.addoption(
        "--kube-plane", choices=("embedded", "real"), default="embedded", help="Control plane of the kube_ fixtures."
    )


@pytest.fixture(scope="session")
def kube_environment(request: pytest.FixtureRequest) -> Iterator[KubeEnvironment]:
    """A control plane for the whole session."""
    running = KubeEnvironment(request.config.getoption("--kube-plane"))
    yield running
    running.stop()


@pytest.fixture
def kube_namespace(kube_environment: KubeEnvironment) -> str:
    """The name of a fresh namespace."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    kube_environment.create_namespace(name)
    return name


@pytest.fixture
def kube_config(kube_environment: KubeEnvironment, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of an administrator's kubeconfig, which KUBECONFIG names during the test."""
    monkeypatch.setenv("KUBECONFIG", str(kube_environment.kubeconfig))
    return kube_environment.kubeconfig


@pytest.fixture
def kube_client(kube_environment: KubeEnvironment) -> "Client":
    """A client with an administrator's rights, for ``async with kube_client as client``."""
    return kube_environment.environment.client()
