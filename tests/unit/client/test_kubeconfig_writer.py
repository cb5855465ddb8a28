"""Rotated tokens in a kubeconfig: what changes, what stays, and who else writes."""

import threading
from pathlib import Path

import pytest
import yaml

from controller.client import kubeconfig_writer
from controller.client.kubeconfig_writer import write_tokens
from controller.client.settings import ConfigError

KUBECONFIG = """\
# mine: do not touch
apiVersion: v1
kind: Config
users:
- name: other
  user: {auth-provider: {name: oidc, config: {refresh-token: r0, id-token: x}}}
- name: me   # the one
  user:
    auth-provider:
      name: oidc
      config:
        client-id: kube   # public
        id-token: 'old'
        refresh-token: r0
        idp-issuer-url: https://issuer.example.com
"""
TOKENS = {"id-token": "new:id", "refresh-token": 'r1 # "quoted"'}


def kubeconfig(folder: Path, text: str = KUBECONFIG, mode: int = 0o640) -> Path:
    path = folder / "config"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def tokens_of(path: Path, user: str) -> dict[str, str]:
    users = {each["name"]: each["user"] for each in yaml.safe_load(path.read_text(encoding="utf-8"))["users"]}
    config: dict[str, str] = users[user]["auth-provider"]["config"]
    return config


def test_the_tokens_change_and_nothing_else(tmp_path: Path) -> None:
    """Comments, order, other users and the mode stay; no other file is left behind."""
    path = kubeconfig(tmp_path)
    assert write_tokens(path, "me", "r0", TOKENS)
    assert {name: tokens_of(path, "me")[name] for name in TOKENS} == TOKENS
    assert tokens_of(path, "other") == {"refresh-token": "r0", "id-token": "x"}
    changed = {"        id-token: 'old'", "        refresh-token: r0"}
    assert set(KUBECONFIG.splitlines()) - set(path.read_text().splitlines()) == changed
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text", ["\ufeff" + KUBECONFIG, KUBECONFIG.replace("mine", "größer 😀"), KUBECONFIG.replace("\n", "\r\n")]
)
def test_the_place_is_found_whatever_stands_before_it(tmp_path: Path, text: str) -> None:
    """A byte order mark, characters of several bytes, and line ends of Windows."""
    path = kubeconfig(tmp_path, text)
    assert write_tokens(path, "me", "r0", TOKENS)
    expected = text.replace("'old'", '"new:id"').replace("refresh-token: r0\r", "refresh-token: r0")
    assert tokens_of(path, "me")["refresh-token"] == TOKENS["refresh-token"]
    assert path.read_bytes().decode().splitlines()[:6] == expected.splitlines()[:6]


def test_in_flow_style_too(tmp_path: Path) -> None:
    """As JSON is, and as other tools write it."""
    path = kubeconfig(tmp_path)
    assert write_tokens(path, "other", "r0", TOKENS)
    assert tokens_of(path, "other") == {"refresh-token": TOKENS["refresh-token"], "id-token": "new:id"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id-token: 'old'", "id-token:"),
        ("id-token: 'old'", "id-token: >-\n          old"),
        ("id-token: 'old'", "id-token: |\n          old\n"),
        ("refresh-token: r0\n        idp", "refresh-token: |-\n          r0\n        idp"),
    ],
    ids=["empty", "folded", "literal", "literal refresh token"],
)
def test_in_whatever_form_the_tokens_stand(tmp_path: Path, before: str, after: str) -> None:
    """The file stays valid, and everything behind the token stays where it was."""
    assert before in KUBECONFIG
    path = kubeconfig(tmp_path, KUBECONFIG.replace(before, after))
    assert write_tokens(path, "me", "r0", TOKENS)
    issuer = {"client-id": "kube", "idp-issuer-url": "https://issuer.example.com"}
    assert tokens_of(path, "me") == {**TOKENS, **issuer}


def test_a_form_that_cannot_be_edited_stays(tmp_path: Path) -> None:
    """An anchor that something else refers to."""
    text = KUBECONFIG.replace("id-token: 'old'", "id-token: &token old\n        extra: *token")
    path = kubeconfig(tmp_path, text)
    with pytest.raises(ConfigError, match="cannot be edited"):
        write_tokens(path, "me", "r0", TOKENS)
    assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_does_not_quote_the_file(tmp_path: Path) -> None:
    """A log would show the secrets next to the mistake."""
    path = kubeconfig(tmp_path, KUBECONFIG + "- {token: hidden-value, x: ]\n")
    with pytest.raises(ConfigError, match=r"^line ") as caught:
        write_tokens(path, "me", "r0", TOKENS)
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize("user", ["me", "nobody"])
def test_a_token_that_another_program_renewed_stays(tmp_path: Path, user: str) -> None:
    """Its refresh token is not the one that we used; a user that is gone is not added."""
    path = kubeconfig(tmp_path)
    assert not write_tokens(path, user, "r-other", TOKENS)
    assert path.read_text() == KUBECONFIG


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file behind it is written."""
    path = kubeconfig(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert write_tokens(link, "me", "r0", TOKENS)
    assert link.is_symlink()
    assert tokens_of(path, "me")["id-token"] == "new:id"


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    """kubectl holds it while it writes; here another thread lets go."""
    path, lock = kubeconfig(tmp_path), tmp_path / "config.lock"
    lock.touch()
    threading.Timer(0.1, lock.unlink).start()
    assert write_tokens(path, "me", "r0", TOKENS)


def test_a_lock_that_stays_is_an_error_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written, and the lock of the other program is left alone."""
    monkeypatch.setattr(kubeconfig_writer, "_LOCK_SECONDS", 0.0)
    path, lock = kubeconfig(tmp_path), tmp_path / "config.lock"
    lock.touch()
    with pytest.raises(ConfigError, match=r"config\.lock exists"):
        write_tokens(path, "me", "r0", TOKENS)
    assert path.read_text() == KUBECONFIG
    assert lock.exists()


def test_a_failed_write_leaves_the_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full, for instance."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kubeconfig_writer.os, "fsync", full)
    path = kubeconfig(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        write_tokens(path, "me", "r0", TOKENS)
    assert path.read_text() == KUBECONFIG
    assert list(tmp_path.iterdir()) == [path]


def test_the_lock_of_a_link_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl locks the path that it was given, not the file behind a link."""
    monkeypatch.setattr(kubeconfig_writer, "_LOCK_SECONDS", 0.0)
    folder = tmp_path / "real"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(kubeconfig(folder))
    lock = tmp_path / "link.lock"
    lock.touch()
    with pytest.raises(ConfigError, match=r"link\.lock exists"):
        write_tokens(link, "me", "r0", TOKENS)
    assert tokens_of(link, "me")["refresh-token"] == "r0"
