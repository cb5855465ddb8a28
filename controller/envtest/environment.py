"""One class for both control planes: the embedded API server, and a real etcd, kube-apiserver and kube-controller-manager."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from controller import meta
from controller.client import Client, ClientConfig, static_config
from controller.client.transport import Transport
from controller.envtest.binaries import ADMIN_TOKEN, ControlPlane, ControlPlaneError, real_assets
from controller.envtest.credentials import kubeconfig
from controller.envtest.embedded.faults import Faults
from controller.envtest.embedded.server import EmbeddedServer
from controller.envtest.folders import TemporaryFolder
from controller.meta import Object, Resource, jsonio
from controller.meta.errors import AlreadyExists, NotFound

Plane = Literal["embedded", "real"]
CRD = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
_SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
_POLL = 0.05


def write_kubeconfig(path: Path, url: str, *, ca_file: str | None = None, token: str = "none") -> None:  # noqa: S107 - the embedded server admits everybody
    """Writes a kubeconfig for this server."""
    path.write_bytes(jsonio.dumps(kubeconfig(url, ca_file, {"token": token})))


class Environment:
    """A control plane for tests and demos, with its CRDs installed; an async context manager.

    ``crds`` are objects. ``admission_plugins`` are switched on by name (real plane); with ``skip_rules`` CEL rules of CRDs are not
    evaluated (embedded plane). Raises ControlPlaneError when the real plane cannot be started.
    """

    def __init__(
        self,
        plane: Plane,
        *,
        crds: Sequence[Object] = (),
        admission_plugins: Sequence[str] = (),
        skip_rules: bool = False,
    ) -> None:
        self.plane = plane
        self._skip_rules = skip_rules
        self._crds = crds
        self._plugins = admission_plugins
        self._embedded: EmbeddedServer | None = None
        self._real: ControlPlane | None = None
        self._folder: TemporaryFolder | None = None

    async def __aenter__(self) -> Self:
        self._folder = TemporaryFolder()
        try:
            await self._start()
            ca_file = str(self._real.ca_file) if self._real else None
            write_kubeconfig(self.kubeconfig, self.url, ca_file=ca_file, token=ADMIN_TOKEN)
            async with self.client() as client:
                await install_crds(client, self._crds)
        except BaseException:
            await self._stop()
            raise
        return self

    async def _start(self) -> None:
        if self.plane == "embedded":
            self._embedded = EmbeddedServer(skip_rules=self._skip_rules)
            await self._embedded.start()
            return
        assets = await asyncio.to_thread(real_assets)
        if assets is None:
            raise ControlPlaneError("there is no real control plane: install Go or set KUBEBUILDER_ASSETS")
        folder = self.folder / "control-plane"
        folder.mkdir()
        self._real = ControlPlane(assets, folder, admission_plugins=self._plugins)
        await self._real.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if self._embedded is not None:
            await self._embedded.stop()
        if self._real is not None:
            await self._real.stop()
        if self._folder is not None:
            self._folder.remove()

    @property
    def folder(self) -> Path:
        """Where everything of this environment lies; it is removed at the end."""
        assert self._folder is not None, "the environment is not running"
        return self._folder.path

    @property
    def kubeconfig(self) -> Path:
        """An administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def url(self) -> str:
        """The API server's base URL."""
        server = self._embedded or self._real
        assert server is not None, "the environment is not running"
        return server.url

    @property
    def embedded(self) -> EmbeddedServer:
        """The embedded server. Raises AttributeError on the real plane."""
        if self._embedded is None:
            raise AttributeError("only the embedded plane has an embedded server")
        return self._embedded

    @property
    def faults(self) -> Faults:
        """Faults that a test switches on. Raises AttributeError on the real plane."""
        return self.embedded.faults

    @property
    def control_plane(self) -> ControlPlane:
        """The real programs. Raises AttributeError on the embedded plane."""
        if self._real is None:
            raise AttributeError("only the real plane has programs")
        return self._real

    @property
    def config(self) -> ClientConfig:
        """The client configuration of an administrator."""
        return static_config(self.url, token=ADMIN_TOKEN, ca_file=str(self._real.ca_file) if self._real else None)

    def client(self) -> Client:
        """A new client with an administrator's rights; close it, or use it as a context manager."""
        return Client(Transport(self.config))

    async def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a bound token of this service account (real plane only)."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 7200},
        }
        path = f"{_SERVICE_ACCOUNTS.path(namespace, name)}/token"
        async with self.client() as client:
            answer = jsonio.loads(await client.raw("POST", path, jsonio.dumps(request)))
        target = self.folder / f"{namespace}-{name}.kubeconfig"
        ca_file = str(self.control_plane.ca_file)
        write_kubeconfig(target, self.url, ca_file=ca_file, token=answer["status"]["token"])
        return target

    async def user_kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig of a user with a client certificate (real plane only). Without a role binding the user may do nothing."""
        return await asyncio.to_thread(self.control_plane.user_kubeconfig, user, groups)

    def audit_records(self) -> list[dict[str, Any]]:
        """Every request the real API server has completed so far, oldest first."""
        text = self.control_plane.audit_log.read_bytes() if self.control_plane.audit_log.exists() else b""
        return [jsonio.loads(line) for line in text.splitlines() if line.endswith(b"}")]


async def install_crds(client: Client, crds: Sequence[Object]) -> None:
    """Creates the CRDs, or replaces those that are there, and returns when all of them are served."""
    for crd in crds:
        try:
            await client.create(CRD, crd)
        except AlreadyExists:
            await client.patch(CRD, meta.name_of(crd), crd)
    for crd in crds:
        spec = meta.spec_of(crd)
        await _established(client, meta.name_of(crd))
        for version in spec["versions"]:
            resource = Resource(spec["group"], version["name"], spec["names"]["plural"], spec["names"]["kind"])
            await _served(client, resource)


async def _established(client: Client, name: str) -> None:
    while not meta.is_condition_true(await client.get(CRD, name), "Established"):  # noqa: ASYNC110 - the API is polled
        await asyncio.sleep(_POLL)


async def _served(client: Client, resource: Resource) -> None:
    while True:
        try:
            await client.list(resource, limit=1)
        except NotFound:
            await asyncio.sleep(_POLL)
        else:
            return
