"""API keys: how they are made, kept and checked.

A secret is "rtml_" + the key's id + "_" + 256 random bits in base 32. Because it has that much entropy, one SHA-256 of it is kept
and compared; a slow password hash would protect nothing more and cost each request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

#: what a key may do. predict: score. publish: publish and steer services. admin: keys, deletion, everything of the hub.
#: debug: see features computed on the way, metrics and logs of services. edge: pull packages and report, for edges. collect: send
#: records of persons. profile: see profiles and datasets. profile-write: erase persons, change how profiles are made.
SCOPES: Final = ("predict", "publish", "admin", "debug", "edge", "collect", "profile", "profile-write")
_PREFIX: Final = "rtml_"


def new_secret() -> tuple[str, str]:
    """(id, secret) of a new key."""
    identity = secrets.token_hex(6)
    random = base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()
    return identity, f"{_PREFIX}{identity}_{random}"


def digest(secret: str) -> str:
    """What is kept of a secret: hex SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def matches(secret: str, kept: str) -> bool:
    """Whether a secret is the one whose digest was kept, in constant time."""
    return hmac.compare_digest(digest(secret), kept)


def bearer(header: str | None) -> str | None:
    """The secret of an Authorization header ("Bearer ..."), None when there is none."""
    if header is None or header[:7].lower() != "bearer ":
        return None
    return header[7:].strip() or None
