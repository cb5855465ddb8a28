"""A real control plane of one's own: etcd, kube-apiserver and kube-controller-manager on free ports, in a temporary folder.

The processes die with the one that started them, also when that is killed. Nothing of the machine is used but ports on 127.0.0.1.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp

from controller.meta import jsonio

ADMIN_TOKEN = "envtest-admin"  # noqa: S105 - of a control plane that lives for one test run on loopback
_READY_SECONDS = 90.0
_POLL = 0.1
_PR_SET_PDEATHSIG = 1
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")


def real_assets() -> Path | None:
    """The directory of the three programs: KUBEBUILDER_ASSETS, else what ``hack/envtest-assets`` of this checkout has built; or None."""
    given = os.environ.get("KUBEBUILDER_ASSETS")
    if given:
        return Path(given) if all((Path(given) / program).exists() for program in PROGRAMS) else None
    script = Path(__file__).resolve().parents[2] / "hack" / "envtest-assets"
    if not script.exists() or shutil.which("go") is None:
        return None
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ControlPlaneError(Exception):
    """A program of the control plane did not come up; the message ends with what it said last."""


class ControlPlane:
    """The three processes and their folder."""

    def __init__(self, assets: Path, *, admission_plugins: Sequence[str] = ()) -> None:
        self._assets = assets
        self._plugins = admission_plugins
        self.folder = Path(tempfile.mkdtemp(prefix="envtest-"))
        self.port = free_port()
        self._etcd_port, self._peer_port, self._manager_port = free_port(), free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.tokens: dict[str, str] = {}
        self._add_token("admin", "system:masters", ADMIN_TOKEN)

    @property
    def url(self) -> str:
        """The API server's base URL."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The certificate that the API server made for itself."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def audit_log(self) -> Path:
        """One JSON record a line for every request."""
        return self.folder / "audit.log"

    def _add_token(self, user: str, groups: str, token: str) -> None:
        self.tokens[user] = token
        with (self.folder / "tokens.csv").open("a", encoding="utf-8") as file:
            file.write(f'{token},{user},{user},"{groups}"\n')

    async def start(self) -> None:
        """Starts everything and returns when the API server is ready. Raises ControlPlaneError."""
        self._write_files()
        try:
            self.start_etcd()
            await self.start_api_server()
            self._start_manager()
        except BaseException:
            await self.stop()
            raise

    def _write_files(self) -> None:
        key = self.folder / "service-account.key"
        command = ["openssl", "genrsa", "-out", str(key), "2048"]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            raise ControlPlaneError("openssl is needed to make the key of the service accounts")
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [{"level": "None", "nonResourceURLs": ["*"]}, {"level": "Metadata"}],
        }
        (self.folder / "audit-policy.json").write_bytes(jsonio.dumps(policy))
        user = {"token": ADMIN_TOKEN}
        config = kubeconfig(self.url, str(self.ca_file), user)
        (self.folder / "admin.kubeconfig").write_bytes(jsonio.dumps(config))

    def start_etcd(self) -> None:
        """Starts etcd on what is in its data folder."""
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{self._peer_port}"
        self._spawn(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )

    async def start_api_server(self) -> None:
        """Starts the API server and waits until it is ready."""
        plugins = ["--enable-admission-plugins=" + ",".join(self._plugins)] if self._plugins else []
        key = self.folder / "service-account.key"
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self.port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.folder / 'certificates'}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
            "--max-requests-inflight=0",
            "--max-mutating-requests-inflight=0",
            "--enable-priority-and-fairness=false",
            f"--audit-log-path={self.audit_log}",
            f"--audit-policy-file={self.folder / 'audit-policy.json'}",
            "--audit-log-mode=blocking",
            *plugins,
        )
        await self._wait_ready()

    def _start_manager(self) -> None:
        self._spawn(
            "kube-controller-manager",
            f"--kubeconfig={self.folder / 'admin.kubeconfig'}",
            "--leader-elect=false",
            f"--secure-port={self._manager_port}",
            "--bind-address=127.0.0.1",
            f"--cert-dir={self.folder / 'manager-certificates'}",
            f"--service-account-private-key-file={self.folder / 'service-account.key'}",
            "--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller",
        )

    def _spawn(self, program: str, *arguments: str) -> None:
        log = (self.folder / f"{program}.log").open("ab")
        with log:
            self._processes[program] = subprocess.Popen(
                [str(self._assets / program), *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - only sets a flag of the new process
            )

    async def _wait_ready(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_SECONDS
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            while loop.time() < deadline:
                if self._processes["kube-apiserver"].poll() is not None:
                    break
                with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                    async with session.get(f"{self.url}/readyz", ssl=False) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(_POLL)
        raise ControlPlaneError(f"kube-apiserver did not become ready: {self._last_words('kube-apiserver')}")

    def _last_words(self, program: str) -> str:
        text = (self.folder / f"{program}.log").read_text(errors="replace")
        return text[-800:]

    async def stop_program(self, program: str, *, number: int = signal.SIGTERM) -> None:
        """Ends one program and waits until it is gone."""
        process = self._processes.pop(program, None)
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
        try:
            await asyncio.wait_for(asyncio.to_thread(process.wait), 15)
        except TimeoutError:
            process.kill()
            await asyncio.to_thread(process.wait)

    async def restart_api_server(self, *, number: int = signal.SIGTERM) -> None:
        """Stops the API server, by this signal, and starts it again on the same port."""
        await self.stop_program("kube-apiserver", number=number)
        await self.start_api_server()

    async def snapshot(self, target: Path) -> None:
        """Copies etcd's data; the API server is away meanwhile."""
        await self._offline(lambda: shutil.copytree(self.folder / "etcd", target))

    async def restore(self, source: Path) -> None:
        """Puts etcd back to a snapshot; the API server is away meanwhile."""

        def put_back() -> None:
            shutil.rmtree(self.folder / "etcd")
            shutil.copytree(source, self.folder / "etcd")

        await self._offline(put_back)

    async def _offline(self, work: Callable[[], object]) -> None:
        await self.stop_program("kube-apiserver")
        await self.stop_program("etcd")
        await asyncio.to_thread(work)
        self.start_etcd()
        await self.start_api_server()

    async def stop(self) -> None:
        """Ends everything and removes the folder."""
        for program in ("kube-controller-manager", "kube-apiserver", "etcd"):
            await self.stop_program(program, number=signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def kubeconfig(url: str, ca_file: str | None, user: dict[str, str]) -> dict[str, object]:
    """A kubeconfig of one cluster, one user and one context."""
    cluster = {"server": url, **({"certificate-authority": ca_file} if ca_file else {})}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "envtest", "cluster": cluster}],
        "users": [{"name": "envtest", "user": user}],
        "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "envtest", "namespace": "default"}}],
        "current-context": "envtest",
    }
