"""The environment variables that a Model gives to a backend. Pure and total."""

from collections.abc import Mapping
from typing import Any

from controller.api.model import Backend


def env_entries(backend: Backend) -> list[Mapping[str, Any]]:
    """The well-formed entries of ``env``."""
    entries = backend.env if isinstance(backend.env, list | tuple) else ()
    return [entry for entry in entries if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)]


def env_from(backend: Backend) -> list[Any]:
    """The sources of variables."""
    return list(backend.env_from) if isinstance(backend.env_from, list | tuple) else []


def env_literal(backend: Backend, name: str) -> str | None:
    """The literal, non-empty value of a variable; None where it is absent or comes from elsewhere."""
    for entry in env_entries(backend):
        if entry["name"] == name:
            value = entry.get("value")
            return value if isinstance(value, str) and value and not entry.get("valueFrom") else None
    return None
