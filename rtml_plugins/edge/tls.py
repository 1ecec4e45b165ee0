"""Certificate and key of an edge, looked at before its workers are started with them."""

from __future__ import annotations

import ssl
from pathlib import Path

from rtml_core.errors import RtmlError


class CertificateRefused(RtmlError):
    """A certificate or a key that can't be served with."""


def check(cert: str | None, key: str | None) -> None:
    """CertificateRefused unless both are given or none, both can be read, belong together, and the key asks for no password."""
    if cert is None and key is None:
        return
    if cert is None or key is None:
        missing = "--tls-cert" if cert is None else "--tls-key"
        raise CertificateRefused(f"TLS needs a certificate and its key, and {missing} is missing")
    _read(cert)
    text = _read(key)
    if b"ENCRYPTED" in text:
        cure = f"openssl pkcs8 -topk8 -nocrypt -in {key} -out key.pem makes one that is not"
        raise CertificateRefused(f"{key} is encrypted, and nobody would be there to give its password: {cure}")
    if b"PRIVATE KEY-----" not in text:
        raise CertificateRefused(f"{key} holds no private key in PEM form (BEGIN PRIVATE KEY)")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise CertificateRefused(f"{cert} with {key} can't be served with: {str(reason).replace('_', ' ').lower()}") from None


def check_authorities(path: str) -> None:
    """CertificateRefused for a file that holds no certificates in PEM form."""
    _read(path)
    try:
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError):
        raise CertificateRefused(f"{path} holds no certificates of authorities in PEM form (BEGIN CERTIFICATE)") from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CertificateRefused(f"{path} can't be read: {error.strerror or error}") from None
