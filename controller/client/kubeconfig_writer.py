"""Writes rotated OIDC tokens back to a kubeconfig, as kubectl does: a provider that rotates them takes the old ones no more."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from controller.client.settings import ConfigError

_LOCK_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.05


def write_tokens(path: Path, user: str, used: str, tokens: Mapping[str, str]) -> bool:
    """Replace ``id-token`` and ``refresh-token`` of this user; everything else, comments and mode included, stays as it is.

    ``used`` is the refresh token that was exchanged for ``tokens``. If the file has another one by now, another program has renewed it,
    and nothing is written. A field that the file does not have is not added. Returns whether the file was written.

    The file is locked with ``<file>.lock``, which kubectl's own writes respect: next to a link, where there is one. It is replaced in one
    step. Blocks for two seconds at most. Raises ConfigError if the file stays locked, is not YAML or has a form that cannot be edited,
    and OSError if it cannot be written.
    """
    target = path.resolve()
    with _locked(path):
        text = target.read_bytes().decode("utf-8")
        try:
            fields = _token_fields(text, user)
        except yaml.YAMLError as error:
            raise ConfigError(_problem(error)) from None
        if "refresh-token" not in fields or fields["refresh-token"].value != used:
            return False
        changes = {name: value for name, value in tokens.items() if name in fields}
        edited = _edited(text, [(fields[name], value) for name, value in changes.items()])
        if not _differ_only_in(text, edited, user, changes):
            raise ConfigError("the tokens stand in a form that cannot be edited, such as an anchor")
        _replace(target, edited.encode("utf-8"))
    return True


def _edited(text: str, spans: Sequence[tuple[yaml.ScalarNode, str]]) -> str:
    """The text with other values at these places; an empty place and one in block style keep the white space around them."""
    for node, value in sorted(spans, key=lambda span: span[0].start_mark.index, reverse=True):
        start, end = node.start_mark.index, node.end_mark.index
        before = "" if end > start else " "
        after = text[len(text[:end].rstrip()) : end] if node.style in ("|", ">") else ""
        text = text[:start] + before + json.dumps(value) + after + text[end:]
    return text


def _differ_only_in(text: str, edited: str, user: str, changes: Mapping[str, str]) -> bool:
    """Whether the edited text means the same but for these values of the user."""
    try:
        wanted, found = (yaml.load(each, yaml.BaseLoader) for each in (text, edited))  # noqa: S506 - makes nothing but texts
    except yaml.YAMLError:
        return False
    entry = next(entry for entry in wanted["users"] if entry.get("name") == user)
    entry["user"]["auth-provider"]["config"].update(changes)
    return bool(wanted == found)


def _problem(error: yaml.YAMLError) -> str:
    """Without the excerpt of the file, which may hold a secret."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return "it is not YAML"


def _token_fields(text: str, user: str) -> dict[str, yaml.ScalarNode]:
    """The scalars of the user's ``auth-provider.config`` by name, with their places in the text."""
    users = _member(yaml.compose(text, yaml.SafeLoader), "users")
    for entry in users.value if isinstance(users, yaml.SequenceNode) else ():
        name = _member(entry, "name")
        if isinstance(name, yaml.ScalarNode) and name.value == user:
            config = _member(_member(_member(entry, "user"), "auth-provider"), "config")
            pairs = config.value if isinstance(config, yaml.MappingNode) else ()
            return {key.value: value for key, value in pairs if isinstance(value, yaml.ScalarNode)}
    return {}


def _member(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(f"{path.name}.lock")
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
            break
        except FileExistsError:
            if time.monotonic() >= until:
                raise ConfigError(
                    f"{lock} exists: another program writes the kubeconfig, or has left it behind"
                ) from None
            time.sleep(_LOOK_AGAIN_SECONDS)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """In one step: a reader sees the old or the new content, and a crash leaves one of them."""
    before = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(before.st_mode & 0o7777)
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):
                os.chown(name, before.st_uid, before.st_gid)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
