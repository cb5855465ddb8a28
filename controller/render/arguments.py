"""A config as the arguments of an engine, and texts of a Model inside a container's command."""

from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.api.config import normal_key


def literal(text: str) -> str:
    """Text from a Model for ``command`` or ``args``: Kubernetes expands ``$(NAME)`` there, and turns ``$$`` into ``$``."""
    return text.replace("$", "$$")


def config_arguments(config: Mapping[str, Any]) -> list[str]:
    """The flags of a config, sorted by the bytes of the keys as written; nulls are absent."""
    arguments: list[str] = []
    for key in sorted(config, key=lambda key: key.encode("utf-8", "surrogatepass")):
        arguments += _flag(normal_key(key), config[key])
    return arguments


def _flag(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    if value is False:
        return [f"--no-{name}"]
    if value is True or value == "":
        return [f"--{name}"]
    if isinstance(value, list | tuple):
        return [f"--{name}", *(_text(item) for item in value)]
    return [f"--{name}", _text(value)]


def _text(value: Any) -> str:
    """Strings as they are; everything else as compact JSON with sorted keys, integral numbers as plain digits."""
    return value if isinstance(value, str) else meta.canonical_json(value)
