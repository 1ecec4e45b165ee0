"""Who may do what on an edge: API keys, and for an open edge on this machine, no stranger's web page.

Keys come with the state of the region, as SHA-256 of secrets with 256 random bits. Looking a digest up in a dict is no timing
oracle: who does not know the secret cannot steer its digest, so how long a comparison of digests takes tells nothing about it.
The digests are compared in constant time nevertheless.
"""

from __future__ import annotations

import hmac
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from rtml_core.errors import describe
from rtml_plugins.edge import cors, rates
from rtml_plugins.edge.exchange import Headers
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.keys import bearer, digest
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import KeyEntry

if TYPE_CHECKING:
    from rtml_plugins.edge.table import Snapshot

#: of every answer: a browser takes no answer for something else, and nothing on the way keeps one
SECURITY_HEADERS: Final = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))

#: Host headers found to name this machine; bounded, since they come from outside
_own_hosts: set[str | None] = {None}
_MAX_HOSTS: Final = 1024


def authorize(
    snapshot: Snapshot,
    settings: EdgeSettings,
    headers: Headers,
    scope: str = "predict",
    service: str | None = None,
    charge: bool = True,
) -> KeyEntry | None:
    """The key of a request that may do this; None on an open edge.

    scope: what it wants to do; a key with scope "admin" may do all of them. service: with which service, None for the edge as
    a whole. charge: whether this counts towards the key's rate, which a request does once, however many scopes it needs. Raises
    Problem 401 without a valid key, 403 when the key may not, 429 when it has used up its rate. A key that is limited to
    services gets 403 for any other name, whether it exists or not.
    """
    if is_open(snapshot, settings):
        if headers.get("host") not in _own_hosts or headers.get("origin") is not None:
            check_browser(settings, headers)
        if scope == "debug" and not settings.debug:
            raise Problem(403, "debug-off", "this edge does not tell what is computed on the way: start it with --debug")
        return None
    entry = entry_of(snapshot, headers)
    if scope not in entry.scopes and "admin" not in entry.scopes:
        raise forbidden(f"key {entry.id} lacks the scope '{scope}'; it has {', '.join(entry.scopes) or 'none'}", scope)
    if entry.services is not None and service not in entry.services:
        asked = f"service {describe(service)}" if service is not None else "the edge as a whole"
        raise forbidden(f"key {entry.id} is not for {asked}; it is for {', '.join(entry.services) or 'none'}", scope)
    if charge and entry.rate is not None:
        rates.admit(settings, entry)
    return entry


def entry_of(snapshot: Snapshot, headers: Headers) -> KeyEntry:
    """The valid key of a request, whatever it may do. Problem 401 without one."""
    hashed = digest(bearer(headers.get("authorization")) or _nobody())
    entry = snapshot.keys.get(hashed)
    if entry is None or not hmac.compare_digest(entry.hash, hashed):
        raise unauthorized("the key is unknown or revoked: check it, or have one made by `rtml keys create`", invalid=True)
    if entry.expires is not None and entry.expires <= time.time():
        raise unauthorized(f"key {entry.id} has expired: have it rotated by `rtml keys rotate {entry.id}`", invalid=True)
    return entry


def check_head(snapshot: Snapshot, settings: EdgeSettings, headers: Headers) -> None:
    """Problem 401, or 403 and 421 on an open edge, for a request whose body need not be read: it will not be answered."""
    if is_open(snapshot, settings):
        check_browser(settings, headers)
    else:
        entry_of(snapshot, headers)


def is_open(snapshot: Snapshot, settings: EdgeSettings) -> bool:
    """Whether no keys are asked for: not when the hub has some, whatever this edge was started with."""
    return settings.open and not snapshot.locked


def first_service(snapshot: Snapshot, headers: Headers) -> str | None:
    """A service that the key of a request is for; None for all of them. For answers that tell of the key's services only."""
    secret = bearer(headers.get("authorization"))
    entry = None if secret is None else snapshot.keys.get(digest(secret))
    return entry.services[0] if entry is not None and entry.services else None


def check_browser(settings: EdgeSettings, headers: Headers) -> None:
    """Problem 421 or 403 for a request to an open edge that a stranger's web page may have sent.

    A page can point a name of its own to 127.0.0.1 (DNS rebinding); for the browser it is then of the same origin, but its name
    stands in Host. And it can post across origins without asking, but not without saying so in Origin.
    """
    host = headers.get("host")
    if host not in _own_hosts:
        if not is_loopback(host or ""):
            raise Problem(
                421,
                "host-refused",
                f"this edge has no keys and answers to this machine only, not to the name {describe(host, 200)}: use 127.0.0.1 or"
                " localhost, or start a hub with keys",
            )
        if len(_own_hosts) < _MAX_HOSTS:
            _own_hosts.add(host)
    origin = headers.get("origin")
    if origin is None or cors.allows(settings, origin):
        return
    try:
        same = urlsplit(origin).netloc.lower() == (host or "").lower() != ""
    except ValueError:
        same = False
    if not same:
        raise cors.refused(origin)


def is_loopback(host: str) -> bool:
    """Whether a Host header ("name", "name:port", "[::1]:port") names this machine only."""
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") <= 1:
        name = name.partition(":")[0]
    name = name.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def unauthorized(detail: str, *, invalid: bool = False) -> Problem:
    """401 with a challenge (RFC 6750)."""
    challenge = 'Bearer realm="rtml"' + (', error="invalid_token"' if invalid else "")
    return Problem(401, "unauthorized", detail, headers=[("WWW-Authenticate", challenge)])


def forbidden(detail: str, scope: str) -> Problem:
    """403 that names the scope that was asked for."""
    challenge = f'Bearer realm="rtml", error="insufficient_scope", scope="{scope}"'
    return Problem(403, "forbidden", detail, headers=[("WWW-Authenticate", challenge)])


def _nobody() -> str:
    raise unauthorized("this edge asks for a key: send the header Authorization: Bearer rtml_...")
