"""Kubeconfig files, read and merged as kubectl does: which cluster, user and namespace a context means.

The rules are those of client-go's ``clientcmd``: of several files the first that sets a value or names an entry wins, missing and empty
files are left out, relative paths are relative to the file they stand in.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controller.client.kubeconfig_schema import check_form
from controller.client.settings import ConfigError

_PATHS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
    "contexts": (),
}
_MALFORMED = "it does not have the form of a kubeconfig"
_PLAIN_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")


class _Loader(yaml.SafeLoader):
    """A date, ``12:30`` and ``=`` are texts, as kubectl reads them. So is ``0123``, which YAML 1.1 takes for 83."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, _PLAIN_NUMBER if tag == "tag:yaml.org,2002:int" else pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _QuickLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in C, where there is one."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


@dataclass(frozen=True, slots=True)
class Context:
    """One context with what it refers to. ``user`` is empty for a context without one, ``name`` before a context was chosen.

    ``user_file`` is the file that the user stands in.
    """

    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str
    user_name: str = ""
    name: str = ""
    user_file: Path | None = None


@dataclass(slots=True)
class Kubeconfig:
    """The merged entries of all files, by name."""

    current: str = ""
    entries: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=lambda: {kind: {} for kind in _PATHS})
    user_files: dict[str, Path] = field(default_factory=dict)

    def context(self, name: str | None) -> Context:
        """The context of this name, or the current one. Raises ConfigError."""
        chosen = name or self.current
        if not chosen:
            raise ConfigError("current-context is not set: name a context with --context")
        context = self._entry("contexts", chosen, "there is no context")
        cluster_name, user_name = _text(context, "cluster"), _text(context, "user")
        cluster = self._entry("clusters", cluster_name, f"context {chosen!r} refers to the missing cluster")
        user = self._entry("users", user_name, f"context {chosen!r} refers to the missing user") if user_name else {}
        namespace = _text(context, "namespace") or "default"
        return Context(cluster, user, namespace, user_name, chosen, self.user_files.get(user_name))

    def _entry(self, kind: str, name: str, missing: str) -> Mapping[str, Any]:
        entry = self.entries[kind].get(name)
        if entry is None:
            raise ConfigError(f"{missing} {name!r}")
        check_form(kind, name, entry)
        return entry


def read_kubeconfig(paths: Sequence[Path]) -> Kubeconfig:
    """The merged content of those files that exist. Raises ConfigError."""
    merged = Kubeconfig()
    documents = [(path, _document(path)) for path in paths if path.is_file()]
    if not any(document for _, document in documents):
        raise ConfigError(_MALFORMED)
    for path, document in documents:
        merged.current = merged.current or _text(document, "current-context")
        for kind in _PATHS:
            for name, entry in _named(document.get(kind), kind, path).items():
                merged.entries[kind].setdefault(name, entry)
                if kind == "users":
                    merged.user_files.setdefault(name, path)
    return merged


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = _parsed(path.read_bytes())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"line {line}: {error.problem}") from None
    except (UnicodeError, yaml.YAMLError, ValueError):
        raise ConfigError("it is not YAML") from None
    except OSError as error:
        raise ConfigError(str(error.strerror or error)) from None
    if document is not None and not isinstance(document, Mapping):
        raise ConfigError(_MALFORMED)
    return document or {}


def _parsed(content: bytes) -> Any:
    """By the quick parser; an error in the words of the other, which names the better line."""
    try:
        return yaml.load(content, _QuickLoader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError:
        return yaml.load(content, _Loader)  # noqa: S506 - a safe loader


def _named(entries: object, kind: str, path: Path) -> dict[str, Mapping[str, Any]]:
    """The entries of one list by name, with paths made absolute."""
    if entries is None:
        return {}
    malformed = ConfigError(_MALFORMED)
    if not isinstance(entries, list):
        raise malformed
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        content = entry.get(kind[:-1]) if isinstance(entry, Mapping) else None
        if not isinstance(entry, Mapping) or not (content is None or isinstance(content, Mapping)):
            raise malformed
        name = str(entry.get("name", ""))
        if name in found:
            raise ConfigError(f"it has two {kind} named {name!r}")
        found[name] = _absolute(dict(content or {}), kind, path)
    return found


def _absolute(entry: dict[str, Any], kind: str, path: Path) -> dict[str, Any]:
    for key in _PATHS[kind]:
        if isinstance(value := entry.get(key), str) and value:
            entry[key] = str(path.parent.absolute() / Path(value).expanduser())
    execute = entry.get("exec")
    if isinstance(execute, Mapping) and isinstance(command := execute.get("command"), str) and "/" in command:
        entry["exec"] = {**execute, "command": str(path.parent.absolute() / Path(command).expanduser())}
    return entry


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return "" if value is None else str(value)


def decoded(entry: Mapping[str, Any], key: str) -> bytes | None:
    """The bytes behind a base64 field, None where it is missing or empty. Raises ConfigError."""
    value = entry.get(key)
    if not value:
        return None
    try:
        return base64.b64decode("".join(str(value).split()), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(f"{key} of the kubeconfig is not base64") from None
