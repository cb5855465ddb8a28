"""Certificates for tests."""

import ssl
import subprocess
from pathlib import Path


def issue(directory: Path) -> None:
    """A new self-signed pair for 127.0.0.1."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-keyout", str(directory / "tls.key"), "-out", str(directory / "tls.crt"), "-days", "2"),
            *("-subj", "/CN=metrics", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )


def certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    cert, key = directory / f"{name}.crt", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", key, "-out", cert, "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def server_tls(pair: tuple[Path, Path]) -> ssl.SSLContext:
    """What a server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return context


def authority(directory: Path, name: str, issuer: tuple[Path, Path] | None = None) -> tuple[Path, Path]:
    """The certificate and key of a certificate authority, without key identifiers, as many clusters have it; self-signed without an issuer."""
    return _signed(
        directory, name, issuer, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
    )


def leaf(directory: Path, name: str, issuer: tuple[Path, Path], alternative: str = "IP:127.0.0.1") -> tuple[Path, Path]:
    """A certificate and key for servers and clients, without key identifiers."""
    return _signed(directory, name, issuer, f"subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n")


def _signed(directory: Path, name: str, issuer: tuple[Path, Path] | None, extensions: str) -> tuple[Path, Path]:
    cert, key, request = (directory / f"{name}.{suffix}" for suffix in ("crt", "key", "csr"))
    extension_file = directory / f"{name}.ext"
    extension_file.write_text(f"{extensions}subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key)
    _openssl("req", *new, "-subj", f"/CN={name}", "-out", request)
    signer = ("-signkey", key) if issuer is None else ("-CA", issuer[0], "-CAkey", issuer[1], "-CAcreateserial")
    _openssl("x509", "-req", "-days", "2", "-in", request, *signer, "-extfile", extension_file, "-out", cert)
    return cert, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
