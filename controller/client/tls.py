"""TLS contexts from settings."""

import hashlib
import ssl
import tempfile
from pathlib import Path

from controller.client.settings import ConfigError, Settings


def fingerprint(settings: Settings) -> str:
    """A digest of everything that a context is made of, including the content of files."""
    digest = hashlib.sha256(repr((settings.verify, settings.server_name)).encode())
    for file, data in _parts(settings):
        try:
            digest.update(data or (Path(file).read_bytes() if file else b"-"))
        except OSError:
            digest.update(b"?")
        digest.update(b"\0")
    return digest.hexdigest()


def _parts(settings: Settings) -> tuple[tuple[str | None, bytes | None], ...]:
    return (
        (settings.ca_file, settings.ca_data),
        (settings.cert_file, settings.cert_data),
        (settings.key_file, settings.key_data),
    )


def tls_context(settings: Settings) -> ssl.SSLContext:
    """A context that trusts the cluster's CA and presents the client certificate. Raises ConfigError with one sentence.

    As in Go, every certificate of the CA bundle is a trust anchor, and the CA need not carry the key identifiers that Python demands
    since version 3.13: the CAs of real clusters lack them.
    """
    context = ssl.create_default_context()
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        if settings.ca_data or settings.ca_file:
            context = _trusting(settings)
        _present_certificate(context, settings)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the certificates of the cluster cannot be used: {_reason(error)}") from None
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(settings: Settings) -> ssl.SSLContext:
    """A context that trusts the cluster's CA alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_TRUSTED_FIRST
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.ca_data:
        context.load_verify_locations(cadata=settings.ca_data.decode("ascii", "ignore"))
    else:
        context.load_verify_locations(cafile=settings.ca_file)
    return context


def _present_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    if not (settings.cert_data or settings.cert_file):
        return
    certificate = settings.cert_data or Path(settings.cert_file or "").read_bytes()
    key = settings.key_data or (Path(settings.key_file).read_bytes() if settings.key_file else b"")
    if b"ENCRYPTED" in key:
        raise ValueError("the client key is protected by a passphrase, which is not supported")
    with tempfile.TemporaryDirectory() as directory:  # Python loads a key from a file only; it exists for this moment
        path = Path(directory) / "client.pem"
        path.touch(mode=0o600)
        path.write_bytes(certificate + b"\n" + key)
        context.load_cert_chain(path)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error).strip().partition("\n")[0] or type(error).__name__
