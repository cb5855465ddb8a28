"""Certificates for tests."""

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
