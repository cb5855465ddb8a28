"""The way in which the adapters of an engine are moved: by its sidecar, or by the controller itself, which can send a key. Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.lora.engine import EngineUrl
from controller.meta import Object, Resource
from controller.render.facts import BackendFacts

SECRET = Resource("", "v1", "secrets", "Secret")


@dataclass(frozen=True, slots=True)
class SecretKey:
    """One key of a Secret beside the pod."""

    secret: str
    key: str
    optional: bool = False

    def value_in(self, secret: Object) -> str | None:
        """The text that the engine got from this Secret; None where it has no such key, or one that is not text."""
        data = secret.get("data")
        encoded = data.get(self.key) if isinstance(data, Mapping) else None
        try:
            return base64.b64decode(encoded, validate=True).decode() if isinstance(encoded, str) else None
        except (binascii.Error, UnicodeDecodeError):
            return None


@dataclass(frozen=True, slots=True)
class EngineAccess:
    """``prefix`` is what the engine's paths for adapters begin with.

    With ``by_sidecar`` the sidecar downloads and lets the engine load. Else it only downloads, and the controller calls the engine, with
    ``key`` for requests and ``admin_key`` for changes of adapters. A key is its text or the place it comes from.
    """

    prefix: str = "/v1"
    by_sidecar: bool = True
    key: str | SecretKey | None = field(default=None, repr=False)
    admin_key: str | SecretKey | None = field(default=None, repr=False)


BY_SIDECAR = EngineAccess()
"""Without a key."""


@dataclass(frozen=True, slots=True)
class ResolvedAccess:
    """An access and the texts of its keys."""

    access: EngineAccess
    key: str | None = field(default=None, repr=False)
    admin_key: str | None = field(default=None, repr=False)

    @property
    def by_sidecar(self) -> bool:
        """Whether the sidecar lets the engine load."""
        return self.access.by_sidecar

    def url(self, pod_ip: str, port: int) -> EngineUrl:
        """Where this engine itself moves adapters."""
        return EngineUrl(pod_ip, port, self.access.prefix, self.admin_key)


def access_of(facts: BackendFacts) -> EngineAccess:
    """The way in which the engines of a backend are called. A key forces the direct way, since the sidecar sends none."""
    config, traits = facts.workers[0].config, facts.traits
    key = _first(config.get("api-key")) or _variable(facts, traits.key_variable)
    admin = _first(config.get("admin-api-key")) or key
    by_sidecar = traits.loaded_by_sidecar and admin is None
    return EngineAccess(traits.lora_prefix, by_sidecar, key, admin)


def _first(value: Any) -> str | None:
    """The first key of an option: the engine takes any of a list."""
    items = value if isinstance(value, list | tuple) else [value]
    return next((str(item) for item in items if item not in (None, "")), None)


def _variable(facts: BackendFacts, name: str | None) -> str | SecretKey | None:
    """The key that the engine reads from this variable."""
    entry = next((item for item in facts.env if item["name"] == name), None)
    if entry is None:
        return None
    source = entry.get("valueFrom")
    reference = source.get("secretKeyRef") if isinstance(source, Mapping) else None
    if isinstance(reference, Mapping):
        return SecretKey(str(reference.get("name")), str(reference.get("key")), reference.get("optional") is True)
    return str(entry["value"]) if entry.get("value") else None
