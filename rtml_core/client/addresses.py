"""Addresses of hubs and edges, and the key for them: given, or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from rtml_core.client.errors import ClientError
from rtml_core.errors import describe

HUB_VARIABLE: Final = "RTML_HUB"
KEY_VARIABLE: Final = "RTML_API_KEY"
DEFAULT_HUB: Final = "http://127.0.0.1:8000"


def address(url: str, what: str = "hub") -> str:
    """The address without a slash at its end; ClientError when it is none.

    A name and password in it are refused, as addresses stand in messages and logs.
    """
    text = url.strip().rstrip("/") if isinstance(url, str) else ""
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_fits = urlsplit(""), False
    if parts.username is not None or parts.password is not None:
        raise ClientError(
            f"the address of the {what} holds a name or password; leave it out and give an API key ({KEY_VARIABLE})"
        )
    plain = text.isascii() and text.isprintable() and " " not in text
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or not port_fits or parts.query or parts.fragment:
        raise ClientError(f"{describe(url)} is no address of a {what}: expected one like {DEFAULT_HUB}")
    return text


def hub_address(given: str | None) -> str:
    """The hub that was given, else that of RTML_HUB, else the one of this machine."""
    return address(given or os.environ.get(HUB_VARIABLE) or DEFAULT_HUB)


def api_key(given: str | None) -> str | None:
    """The key that was given, else that of RTML_API_KEY; ClientError when it can't stand in a header. Never shows it."""
    key = (given if given is not None else os.environ.get(KEY_VARIABLE, "")).strip()
    if not key:
        return None
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ClientError("the API key holds characters that no key has; copy it again, whole and without quotes")
    return key


def edge_addresses(edges: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None) -> list[tuple[str, str]] | None:
    """(address, region) of edges that a caller names, in their order; region is "" when they name none. None: ask the hub."""
    if edges is None:
        return None
    by_region: Mapping[str, str | Sequence[str]] = edges if isinstance(edges, Mapping) else {"": edges}
    found = [
        (address(url, "edge"), region)
        for region, urls in by_region.items()
        for url in ([urls] if isinstance(urls, str) else urls)
    ]
    if not found:
        raise ClientError("no edge is named; name at least one, or leave edges out and the hub is asked for them")
    return found
