"""A private real control plane: etcd, kube-apiserver and kube-controller-manager on free ports, in a folder of its own.

The processes die with the one that started them, also when that is killed. They use only ports on 127.0.0.1.
"""

import asyncio
import contextlib
import ctypes
import functools
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp

from controller.envtest.credentials import Authority, CredentialError, kubeconfig, openssl
from controller.meta import jsonio

ADMIN_TOKEN = "envtest-admin"  # noqa: S105 - of a control plane that lives for one test run on loopback
_READY_SECONDS = 90.0
_POLL = 0.1
_PR_SET_PDEATHSIG = 1
_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
)
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
    """A port that is free right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_libc = ctypes.CDLL(None, use_errno=True)


def _die_with(parent: int) -> None:
    """Runs in the new process: it is killed when its parent's thread ends, and ends itself when that has happened already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class ControlPlaneError(Exception):
    """A program of the control plane did not come up; the message ends with what it said last."""


class ControlPlane:
    """The three processes, and what they keep in ``folder``, which must be there. Start it in a thread that outlives it."""

    def __init__(self, assets: Path, folder: Path, *, admission_plugins: Sequence[str] = ()) -> None:
        self._assets = assets
        self._plugins = admission_plugins
        self._authority = Authority(folder)
        self.folder = folder
        self.port = free_port()
        self._etcd_port, self._peer_port, self._manager_port = free_port(), free_port(), free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

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

    async def start(self) -> None:
        """Starts everything and returns when the API server is ready. Raises ControlPlaneError."""
        try:
            await asyncio.to_thread(self._write_files)
            self.start_etcd()
            await self.start_api_server()
            self._start_manager()
        except BaseException:
            await self.stop()
            raise

    def _write_files(self) -> None:
        try:
            openssl("genrsa", "-out", str(self.folder / "service-account.key"), "2048")
            self._authority.create()
        except CredentialError as error:
            raise ControlPlaneError(str(error)) from None
        (self.folder / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,admin,"system:masters"\n', encoding="utf-8")
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
            f"--client-ca-file={self._authority.certificate}",
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
            f"--controllers={','.join(_CONTROLLERS)}",
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
                preexec_fn=functools.partial(_die_with, os.getpid()),  # noqa: PLW1509 - only system calls, in the new process
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
        """Works while nothing runs. The controller manager is restarted too: its caches would not notice that time went back."""
        for program in reversed(PROGRAMS):
            await self.stop_program(program)
        await asyncio.to_thread(work)
        self.start_etcd()
        await self.start_api_server()
        self._start_manager()

    def user_kubeconfig(self, user: str, groups: Sequence[str]) -> Path:
        """A kubeconfig for this user in these groups; what they may do is up to RBAC. Raises CredentialError."""
        certificate, key = self._authority.issue(user, groups)
        target = certificate.with_suffix(".kubeconfig")
        credentials = {"client-certificate": str(certificate), "client-key": str(key)}
        target.write_bytes(jsonio.dumps(kubeconfig(self.url, str(self.ca_file), credentials)))
        return target

    async def stop(self) -> None:
        """Ends everything."""
        for program in reversed(PROGRAMS):
            await self.stop_program(program, number=signal.SIGKILL)
