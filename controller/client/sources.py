"""Where settings come from: a kubeconfig, the service account of a pod, or fixed values.

A source is asked again every minute and keeps what must not be lost between two times: a credential that is still good is not fetched
again, and a rotated refresh token replaces the one in the file.
"""

import asyncio
import base64
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
import yaml

from controller.client.kubeconfig import Context, decoded, read_kubeconfig
from controller.client.kubeconfig_writer import write_tokens
from controller.client.oidc import OidcProvider, expires_soon
from controller.client.plugins import CredentialPlugin, PluginCredential
from controller.client.proxies import environment_proxy
from controller.client.settings import ConfigError, Settings

_log = structlog.get_logger("controller.client")

_CREDENTIALS = (
    "token",
    "tokenFile",
    "username",
    "password",
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "exec",
    "auth-provider",
)
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
RENEWAL_SECONDS = 300.0
"""Credentials are renewed when they expire sooner than this, or than a quarter of their life."""


class KubeconfigSource:
    """The settings that one context of some kubeconfig files means. The files are read again when they change."""

    def __init__(self, paths: Sequence[Path], where: str, context: str | None) -> None:
        self._paths = paths
        self._where = where
        self._name = context
        self._stamp: object = None
        self.context = Context({}, {}, "default")
        self._plugin: _PluginUser | None = None
        self._oidc: OidcProvider | None = None

    async def load(self) -> Settings:
        """The current settings. Raises ConfigError."""
        if not any(path.is_file() for path in self._paths):
            folder = any(path.is_dir() for path in self._paths)
            raise ConfigError(f"{self._where} is a directory" if folder else f"there is no kubeconfig at {self._where}")
        try:
            stamp = [_stamp(path) for path in self._paths]
            if stamp != self._stamp:
                merged = await asyncio.to_thread(read_kubeconfig, self._paths)
                self._use(merged.context(self._name))
                self._stamp = stamp
            return await self._settings()
        except ConfigError as error:
            raise ConfigError(f"the kubeconfig {self._where} cannot be used: {error}") from None

    def reject(self) -> None:
        """The server did not accept the credentials: the next ``load`` fetches new ones even if these seem good."""
        if self._plugin is not None:
            self._plugin.credential = None
        if self._oidc is not None:
            self._oidc.id_token = ""

    def _use(self, context: Context) -> None:
        if context.user == self.context.user and context.cluster == self.context.cluster:
            return
        self.context = context
        self._plugin = self._oidc = None
        execute, provider = context.user.get("exec"), context.user.get("auth-provider")
        if isinstance(execute, Mapping):
            self._plugin = _PluginUser(CredentialPlugin(execute, context.cluster))
        elif isinstance(provider, Mapping):
            self._oidc = _oidc(provider)

    async def _settings(self) -> Settings:
        cluster, user = self.context.cluster, self.context.user
        host = _server(cluster)
        authorization, expires_at, certificate = await self._authorization(user)
        settings = Settings(
            host=host,
            authorization=authorization,
            expires_at=expires_at,
            ca_file=_path(cluster, "certificate-authority"),
            ca_data=decoded(cluster, "certificate-authority-data"),
            cert_file=_path(user, "client-certificate"),
            cert_data=certificate[0] or decoded(user, "client-certificate-data"),
            key_file=_path(user, "client-key"),
            key_data=certificate[1] or decoded(user, "client-key-data"),
            verify=not cluster.get("insecure-skip-tls-verify"),
            server_name=_path(cluster, "tls-server-name"),
            proxy=_proxy(cluster, host),
            impersonation=_impersonation(user),
        )
        _check_identity(user, settings)
        return settings

    async def _authorization(
        self, user: Mapping[str, Any]
    ) -> tuple[str, float | None, tuple[bytes | None, bytes | None]]:
        """The header, when it expires, and the certificate and key that came with it."""
        nothing = (None, None)
        if static := _static_authorization(user):
            return static, None, nothing
        if self._plugin is not None:
            credential = await self._plugin.current()
            bearer = f"Bearer {credential.token}" if credential.token else ""
            return bearer, credential.expires_at, (credential.certificate, credential.key)
        if self._oidc is not None:
            if expires_soon(self._oidc.expires_at(), within=RENEWAL_SECONDS):
                await self._renew_oidc(self._oidc)
            return f"Bearer {self._oidc.id_token}", self._oidc.expires_at(), nothing
        return "", None, nothing

    async def _renew_oidc(self, oidc: OidcProvider) -> None:
        """Renews the id token. A rotated refresh token is written back to the file, where the next program looks for it."""
        used = oidc.refresh_token
        await oidc.renew()
        if oidc.refresh_token == used or self.context.user_file is None:
            return
        tokens = {"id-token": oidc.id_token, "refresh-token": oidc.refresh_token}
        try:
            await asyncio.to_thread(write_tokens, self.context.user_file, self.context.user_name, used, tokens)
        except (ConfigError, OSError, ValueError, yaml.YAMLError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            _log.warning(
                "The rotated OIDC tokens are not in the kubeconfig", file=str(self.context.user_file), error=reason
            )


class _PluginUser:
    """The credential of a plugin, fetched again when it expires soon. One without an expiry is good until the server refuses it."""

    def __init__(self, plugin: CredentialPlugin) -> None:
        self._plugin = plugin
        self._renew_at = 0.0
        self.credential: PluginCredential | None = None

    async def current(self) -> PluginCredential:
        if self.credential is not None and time.time() < self._renew_at:
            return self.credential
        credential, now = await self._plugin.run(), time.time()
        life = float("inf") if credential.expires_at is None else credential.expires_at - now
        self._renew_at = now + life - min(RENEWAL_SECONDS, life / 4) if life != float("inf") else float("inf")
        self.credential = credential
        return credential


def _oidc(provider: Mapping[str, Any]) -> OidcProvider:
    name, config = provider.get("name"), provider.get("config")
    if name != "oidc":
        raise ConfigError(
            f"the auth-provider {str(name)[:64]!r} was removed from Kubernetes: use a credential plugin (exec)"
        )
    config = config if isinstance(config, Mapping) else {}
    return OidcProvider(config, decoded(config, "idp-certificate-authority-data"))


def _static_authorization(user: Mapping[str, Any]) -> str:
    """The header of a token file, else of a token, else of a user name and password; empty where there is none of them."""
    token = user.get("token")
    if file := user.get("tokenFile"):
        try:
            token = Path(str(file)).read_text(encoding="utf-8").strip() or token
        except (OSError, UnicodeError) as error:
            if not token:
                raise ConfigError(
                    f"the token file {file} cannot be read: {getattr(error, 'strerror', None) or error}"
                ) from None
        if not token:
            raise ConfigError(f"the token file {file} is empty")
    if token:
        return f"Bearer {str(token).strip()}"
    if user.get("username") or user.get("password"):
        pair = f"{user.get('username') or ''}:{user.get('password') or ''}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return ""


def _check_identity(user: Mapping[str, Any], settings: Settings) -> None:
    """Raises ConfigError if something is configured for the user that proves nothing, such as an empty token."""
    certificate = settings.cert_data or settings.cert_file
    if certificate and not (settings.key_data or settings.key_file):
        raise ConfigError("the user has a client-certificate without a client-key")
    configured = [field for field in _CREDENTIALS if user.get(field) is not None]
    if configured and not settings.authorization and not certificate:
        raise ConfigError(f"the user's {configured[0]} alone proves no identity, or is empty")


def _impersonation(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The headers for ``as``, ``as-uid``, ``as-groups`` and ``as-user-extra``. Raises ConfigError for the others without ``as``."""
    name, uid = user.get("as"), user.get("as-uid")
    groups, extra = user.get("as-groups") or (), user.get("as-user-extra") or {}
    if not name:
        if uid or groups or extra:
            raise ConfigError("as-uid, as-groups and as-user-extra need a user to impersonate (as)")
        return ()
    headers = [("Impersonate-User", str(name)), *(("Impersonate-Group", str(group)) for group in groups)]
    if uid:
        headers.append(("Impersonate-Uid", str(uid)))
    for key, values in extra.items() if isinstance(extra, Mapping) else ():
        headers += [(f"Impersonate-Extra-{quote(str(key), safe='')}", str(value)) for value in values or ()]
    return tuple(headers)


def _server(cluster: Mapping[str, Any]) -> str:
    server = cluster.get("server")
    if not isinstance(server, str) or not server:
        raise ConfigError("its cluster has no server")
    try:
        parts = urlsplit(server)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{server!r} is not an http or https URL")
    return server.rstrip("/")


def _proxy(cluster: Mapping[str, Any], host: str) -> str | None:
    proxy = str(cluster.get("proxy-url") or "") or environment_proxy(host, os.environ)
    if not proxy:
        return None
    scheme = urlsplit(proxy).scheme
    if scheme not in ("http", "https"):
        raise ConfigError(f"a {scheme or 'nameless'} proxy is not supported: use an http proxy")
    return proxy


def _path(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    return str(value) if value else None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class ServiceAccountSource:
    """The settings of a pod: its service account's token and CA, and the address in its environment."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment

    async def load(self) -> Settings:
        """The current settings. Raises ConfigError."""
        host, port = (self._environment.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
        if not host or not port:
            raise ConfigError(
                "the service account cannot be used: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set"
            )
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        ca_file = self._directory / "ca.crt"
        try:
            token = (self._directory / "token").read_text(encoding="utf-8").strip()
            ca_file.stat()
        except OSError as error:
            raise ConfigError(f"the service account cannot be used: {error.filename}: {error.strerror}") from None
        if not token:
            raise ConfigError("the service account cannot be used: its token file is empty")
        return Settings(url, f"Bearer {token}", str(ca_file), proxy=environment_proxy(url, self._environment))

    def reject(self) -> None:
        """The token is read again at each ``load`` anyway."""
