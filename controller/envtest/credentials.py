"""Credentials for a real control plane: kubeconfigs, and users by client certificate."""

import subprocess
from collections.abc import Sequence
from pathlib import Path


class CredentialError(Exception):
    """A key or a certificate could not be made; the message says what openssl said."""


class Authority:
    """The certificate authority that the API server trusts for its users. Its files lie in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = folder / "users-ca.key"
        self.certificate = folder / "users-ca.crt"

    def create(self) -> None:
        """Makes the authority's key and certificate. Raises CredentialError."""
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=envtest-users"),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, user: str, groups: Sequence[str]) -> tuple[Path, Path]:
        """A certificate for this user in these groups, and its key. Raises CredentialError."""
        number = len(list(self._folder.glob("user-*.key")))
        certificate, key, request = (self._folder / f"user-{number}.{end}" for end in ("crt", "key", "csr"))
        subject = "".join(f"/O={_escaped(group)}" for group in groups) + f"/CN={_escaped(user)}"
        openssl(
            *("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject),
            *("-keyout", str(key), "-out", str(request)),
        )
        openssl(
            *("x509", "-req", "-days", "2", "-CA", str(self.certificate), "-CAkey", str(self._key), "-CAcreateserial"),
            *("-in", str(request), "-out", str(certificate)),
        )
        return certificate, key


def openssl(*arguments: str) -> None:
    """Runs openssl. Raises CredentialError when it fails or is not there."""
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)  # noqa: S607 - whichever is on the PATH
    except OSError:
        raise CredentialError("openssl is needed to make the keys of a real control plane") from None
    if done.returncode != 0:
        raise CredentialError(f"openssl {arguments[0]}: {done.stderr.strip()}")


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("/", "\\/").replace("+", "\\+")


def kubeconfig(url: str, ca_file: str | None, user: dict[str, str]) -> dict[str, object]:
    """A kubeconfig of one cluster, one user and one context."""
    trust = {"certificate-authority": ca_file} if ca_file else {"insecure-skip-tls-verify": True}
    cluster = {"server": url, **trust}  # Some clients refuse plain HTTP unless TLS is not to be verified.
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "envtest", "cluster": cluster}],
        "users": [{"name": "envtest", "user": user}],
        "contexts": [{"name": "envtest", "context": {"cluster": "envtest", "user": "envtest", "namespace": "default"}}],
        "current-context": "envtest",
    }
