"""Where the API server is and how to prove who we are: a kubeconfig, or the service account of the pod."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.client.settings import ConfigError, Settings
from controller.client.sources import SERVICE_ACCOUNT, KubeconfigSource, ServiceAccountSource


def _nothing_to_reject() -> None:
    """Fixed credentials have no better ones behind them."""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Everything a Client needs.

    ``settings`` are those of the moment, ``load`` reads their source again, ``reject`` tells the source that the server did not accept
    them. ``context`` is the name of the kubeconfig's context, empty in a pod and for fixed credentials. ``qps`` and ``burst`` bound the client's own requests; 0 means no limit.
    """

    settings: Settings
    load: Callable[[], Awaitable[Settings]]
    namespace: str = "default"
    user_agent: str = "model-controller"
    qps: float = 0.0
    burst: int = 0
    reject: Callable[[], None] = field(default=_nothing_to_reject)
    context: str = ""

    @property
    def host(self) -> str:
        """The server's base URL without a trailing slash."""
        return self.settings.host

    def with_user_agent(self, user_agent: str) -> "ClientConfig":
        """The same, under another name."""
        return replace(self, user_agent=user_agent)

    def with_limits(self, *, qps: float, burst: int) -> "ClientConfig":
        """The same, with a limit of requests a second."""
        return replace(self, qps=qps, burst=burst)


def static_config(
    host: str, *, token: str = "", ca_file: str | None = None, namespace: str = "default"
) -> ClientConfig:
    """A configuration that never changes."""
    settings = Settings(host.rstrip("/"), f"Bearer {token}" if token else "", ca_file)

    async def load() -> Settings:
        return settings

    return ClientConfig(settings, load, namespace)


def in_cluster_namespace() -> str | None:
    """The namespace of the pod we run in, None outside of a cluster."""
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


async def load_config(kubeconfig: str | None = None, context: str | None = None) -> ClientConfig:
    """The configuration of ``kubeconfig``, else of $KUBECONFIG, else of ``~/.kube/config``, else of the pod's service account.

    Several files are separated by the system's path separator and merged as kubectl does. What is configured and cannot be used is an
    error: a client never falls back to anonymous requests. Raises ConfigError with one sentence that says what is missing or broken.
    """
    where = kubeconfig or os.environ.get("KUBECONFIG") or ""
    if where:
        paths = [Path(part) for part in ([where] if Path(where).is_file() else where.split(os.pathsep)) if part]
        return await _from_kubeconfig([_expanded(path) for path in paths], where, context)
    default = _expanded(Path("~/.kube/config"))
    if default.is_file():
        return await _from_kubeconfig([default], str(default), context)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        source = ServiceAccountSource(SERVICE_ACCOUNT, os.environ)
        return ClientConfig(await source.load(), source.load, in_cluster_namespace() or "default", reject=source.reject)
    raise ConfigError("there is no kubeconfig: give --kubeconfig, set KUBECONFIG, or run inside a cluster")


async def _from_kubeconfig(paths: list[Path], where: str, context: str | None) -> ClientConfig:
    source = KubeconfigSource(paths, where, context)
    settings = await source.load()
    used = source.context
    return ClientConfig(settings, source.load, used.namespace, reject=source.reject, context=used.name)


def _expanded(path: Path) -> Path:
    """With the home directory in place of ``~``; unchanged where there is none."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path
