"""The official ``kubernetes`` client with the credentials of ours: typed models, exec, logs and whatever else its API classes offer."""

import contextlib
from typing import TYPE_CHECKING, Any

from controller.client.config import ClientConfig
from controller.client.settings import ConfigError, Settings
from controller.client.tls import tls_context

if TYPE_CHECKING:
    from kubernetes.aio.client import ApiClient


def official_client(config: ClientConfig) -> "ApiClient":
    """An ``ApiClient`` of ``kubernetes.aio`` that connects as a Client with this configuration does.

    It uses the same TLS context and proxy, and asks the same source for credentials before each request, so that rotated tokens take
    effect. Requests of this client are not guarded by the lease and are not recorded in any cache. The caller closes it::

        async with official_client(client.config) as api:
            pods = await CoreV1Api(api).list_namespaced_pod("default")

    Raises ConfigError for unusable certificates, and for impersonation of several groups, which the package cannot send.
    """
    from kubernetes.aio.client import ApiClient, Configuration

    settings = config.settings
    configuration = Configuration(host=settings.host)
    configuration.verify_ssl = settings.verify
    configuration.tls_server_name = settings.server_name
    configuration.proxy = settings.proxy
    if settings.authorization:
        configuration.api_key["BearerToken"] = settings.authorization
        configuration.refresh_api_key_hook = _renewal(config)
    api = ApiClient(configuration)
    api.rest_client.ssl_context = tls_context(settings)
    api.user_agent = config.user_agent
    for name, value in _impersonation(settings).items():
        api.set_default_header(name, value)
    return api


def _renewal(config: ClientConfig) -> Any:
    """Sets the credentials of the moment; those at hand stay when their source fails."""

    async def renew(configuration: Any) -> None:
        with contextlib.suppress(ConfigError):
            configuration.api_key["BearerToken"] = (await config.load()).authorization

    return renew


def _impersonation(settings: Settings) -> dict[str, str]:
    headers = dict(settings.impersonation)
    if len(headers) < len(settings.impersonation):
        raise ConfigError("the kubernetes package cannot impersonate several groups")
    return headers
