"""The settings of a connection to a cluster, as a value."""

from dataclasses import dataclass, field


class ConfigError(Exception):
    """The configuration of a cluster is missing or cannot be used; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The address of an API server and the credentials for it, as its source gives them at one moment.

    Certificates and keys are given as files or as PEM data; data wins. ``impersonation`` holds ``Impersonate-…`` headers. ``expires_at``
    is when the credentials expire, in seconds since the epoch; None if that is not known. ``repr`` shows no secret.
    """

    host: str
    authorization: str = field(default="", repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    ca_data: bytes | None = field(default=None, repr=False)
    cert_data: bytes | None = field(default=None, repr=False)
    key_data: bytes | None = field(default=None, repr=False)
    impersonation: tuple[tuple[str, str], ...] = ()
    expires_at: float | None = None
