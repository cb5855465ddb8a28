"""The ``oidc`` auth provider of a kubeconfig user: an id token that is renewed with a refresh token."""

import base64
import binascii
import ssl
import time
from collections.abc import Mapping
from typing import Any

import aiohttp

from controller.client.settings import ConfigError, Settings
from controller.client.tls import tls_context
from controller.meta import jsonio

_SECONDS = 30.0


class OidcProvider:
    """Keeps the current id token and refresh token; a provider that rotates refresh tokens gives a new one at each use."""

    def __init__(self, config: Mapping[str, Any], ca_data: bytes | None) -> None:
        self._config = config
        self._ca_data = ca_data
        self.id_token = str(config.get("id-token") or "")
        self.refresh_token = str(config.get("refresh-token") or "")

    def expires_at(self) -> float | None:
        """When the id token expires, in seconds since the epoch; 0 without a token, None if the token does not say."""
        return expiry_of(self.id_token) if self.id_token else 0.0

    async def renew(self) -> None:
        """A new id token. Raises ConfigError with one sentence in the provider's own words."""
        if not self.refresh_token:
            raise ConfigError("the OIDC id token has expired and there is no refresh-token to renew it")
        issuer = str(self._config.get("idp-issuer-url") or "").rstrip("/")
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
                discovery = await self._answer(
                    session.get(f"{issuer}/.well-known/openid-configuration", ssl=self._tls())
                )
                endpoint = str(discovery.get("token_endpoint") or "")
                answer = await self._answer(session.post(endpoint, data=self._form(), ssl=self._tls()))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise ConfigError(
                f"the OIDC provider {issuer} cannot be reached: {str(error) or type(error).__name__}"
            ) from None
        if not answer.get("id_token"):
            raise ConfigError(f"the OIDC provider {issuer} gave no id_token")
        self.id_token = str(answer["id_token"])
        self.refresh_token = str(answer.get("refresh_token") or self.refresh_token)

    def _tls(self) -> ssl.SSLContext:
        file = self._config.get("idp-certificate-authority")
        return tls_context(Settings("", ca_file=str(file) if file else None, ca_data=self._ca_data))

    def _form(self) -> dict[str, str]:
        secret = str(self._config.get("client-secret") or "")
        return {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token,
            "client_id": str(self._config.get("client-id") or ""),
            **({"client_secret": secret} if secret else {}),
        }

    async def _answer(self, request: Any) -> Mapping[str, Any]:
        async with request as response:
            body = await response.read()
        try:
            answer = jsonio.loads(body)
        except ValueError:
            answer = None
        if not isinstance(answer, Mapping):
            raise ValueError(f"it answered {response.status} without JSON")
        if response.status >= 400:
            detail = answer.get("error_description") or answer.get("error") or "no reason"
            raise ValueError(f"it answered {response.status}: {str(detail)[:200]}")
        return answer


def expiry_of(token: str) -> float | None:
    """The ``exp`` claim of a JSON web token in seconds since the epoch; None if it is not such a token or has no such claim."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = jsonio.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    expires = claims.get("exp") if isinstance(claims, Mapping) else None
    return float(expires) if isinstance(expires, int | float) else None


def expires_soon(expires_at: float | None, *, within: float) -> bool:
    """Whether the time is known and less than ``within`` seconds away."""
    return expires_at is not None and expires_at - time.time() < within
