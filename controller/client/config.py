"""Where the API server is and how to prove who we are: kubeconfig or service account, by the official ``kubernetes`` package.

Credentials are read again from their source every minute, and at once when the server answers 401: a rotated token file, an exec plugin
or a refreshed OIDC token takes effect without a restart. A changed CA or client certificate makes a new TLS context.
"""

import asyncio
import hashlib
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REFRESH_SECONDS = 60.0


class ConfigError(Exception):
    """There is no usable way to a cluster; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a source says at one moment."""

    host: str
    authorization: str = ""
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Everything a Client needs. ``qps`` and ``burst`` bound its own requests; 0 means no limit."""

    settings: Settings
    load: Callable[[], Awaitable[Settings]]
    namespace: str = "default"
    user_agent: str = "model-controller"
    qps: float = 0.0
    burst: int = 0

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
        return (_SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


async def load_config(kubeconfig: str | None = None, context: str | None = None) -> ClientConfig:
    """The configuration of ``kubeconfig``, else of $KUBECONFIG, else of ``~/.kube/config``, else of the pod's service account.

    Raises ConfigError with one sentence that says what is missing or broken.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG") or ""
    if not path:
        default = Path("~/.kube/config").expanduser()
        if default.is_file():
            path = str(default)
        elif os.environ.get("KUBERNETES_SERVICE_HOST"):
            return await _in_cluster()
        else:
            raise ConfigError("there is no kubeconfig: give --kubeconfig, set KUBECONFIG, or run inside a cluster")
    return await _from_kubeconfig(path, context)


async def _in_cluster() -> ClientConfig:
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import ConfigException, load_incluster_config

    async def load() -> Settings:
        configuration = Configuration()
        try:
            load_incluster_config(client_configuration=configuration)
        except (ConfigException, OSError) as error:
            raise ConfigError(f"the service account cannot be used: {_first_line(error)}") from None
        return _settings(configuration)

    return ClientConfig(await load(), load, in_cluster_namespace() or "default")


async def _from_kubeconfig(path: str, context: str | None) -> ClientConfig:
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import list_kube_config_contexts, load_kube_config

    files = [part for part in path.split(os.pathsep) if part]
    if not any(Path(part).expanduser().is_file() for part in files):
        raise ConfigError(f"there is no kubeconfig at {path}")

    async def load() -> Settings:
        configuration = Configuration()
        try:
            await load_kube_config(
                config_file=path, context=context, client_configuration=configuration, persist_config=False
            )
        except Exception as error:  # noqa: BLE001 - the package raises whatever its parsers and plugins raise
            raise ConfigError(f"the kubeconfig {path} cannot be used: {_explained(error)}") from None
        if not _is_url(configuration.host):
            raise ConfigError(f"the kubeconfig {path} cannot be used: {configuration.host!r} is no http or https URL")
        return _settings(configuration)

    settings = await load()
    contexts, active = list_kube_config_contexts(config_file=path)
    chosen = next((entry for entry in contexts if entry["name"] == context), active) if context else active
    return ClientConfig(settings, load, (chosen.get("context") or {}).get("namespace") or "default")


def _settings(configuration: Any) -> Settings:
    token = configuration.api_key.get("BearerToken", "")
    if not token and configuration.username:
        token = configuration.get_basic_auth_token()
    if token[:7].lower() == "bearer ":
        token = f"Bearer {token[7:].strip()}"
    return Settings(
        host=configuration.host.rstrip("/"),
        authorization=token,
        ca_file=configuration.ssl_ca_cert,
        cert_file=configuration.cert_file,
        key_file=configuration.key_file,
        verify=configuration.verify_ssl,
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy or _environment_proxy(configuration.host),
    )


def _environment_proxy(host: str) -> str | None:
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(host)
    if not parts.hostname or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def _is_url(host: str) -> bool:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(host)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _explained(error: Exception) -> str:
    """What is wrong with a kubeconfig. The package's own exceptions say it; those of the parsers and of Python do not."""
    import yaml

    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, UnicodeError | yaml.YAMLError):
        return "it is not YAML"
    if isinstance(error, TypeError | AttributeError | LookupError):
        return "it does not have the form of a kubeconfig"
    return _first_line(error).removeprefix("Invalid kube-config file. ")


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


class Credentials:
    """The current authorization header and TLS context of a configuration, renewed from its source."""

    def __init__(self, config: ClientConfig, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._load = config.load
        self._monotonic = monotonic
        self._renewed_at = monotonic()
        self._lock = asyncio.Lock()
        self._fingerprint = ""
        self._context: ssl.SSLContext | bool = True
        self.settings = config.settings
        self._renew_tls(first=True)

    @property
    def ssl(self) -> ssl.SSLContext | bool:
        """What aiohttp takes for its ``ssl`` argument."""
        return self._context

    async def current(self) -> Settings:
        """The settings, at most a minute old. A source that cannot be read keeps the last ones."""
        if self._monotonic() - self._renewed_at >= _REFRESH_SECONDS:
            await self.renew(self.settings)
        return self.settings

    async def renew(self, stale: Settings) -> bool:
        """Reads the source again unless somebody did since ``stale`` was taken. Returns whether the authorization changed."""
        async with self._lock:
            if self.settings is not stale:
                return True
            self._renewed_at = self._monotonic()
            try:
                self.settings = await self._load()
            except ConfigError:
                return False
            self._renew_tls()
            return self.settings.authorization != stale.authorization

    def _renew_tls(self, *, first: bool = False) -> None:
        """A new context when a file changed; files that cannot be used keep the old one, and are an error only at the start."""
        if not self.settings.host.startswith("https"):
            return
        fingerprint = _fingerprint(self.settings)
        if fingerprint == self._fingerprint:
            return
        try:
            self._context = _tls_context(self.settings)
        except (OSError, ssl.SSLError) as error:
            if first:
                raise ConfigError(f"the certificates of the cluster cannot be used: {_first_line(error)}") from None
            return
        self._fingerprint = fingerprint


def _fingerprint(settings: Settings) -> str:
    digest = hashlib.sha256(repr((settings.verify, settings.server_name)).encode())
    for file in (settings.ca_file, settings.cert_file, settings.key_file):
        try:
            digest.update(Path(file).read_bytes() if file else b"-")
        except OSError:
            digest.update(b"?")
    return digest.hexdigest()


def _tls_context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
