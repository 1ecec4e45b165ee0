"""Which store a URL names: by its scheme, among those that rtml and its plugins bring (hook rtml_profile_stores)."""

from __future__ import annotations

import re

import rtml_core
from rtml_core.errors import PluginError, close_match, listing
from rtml_plugins.profile.store import ProfileStore, StoreError, without_password

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")


def find(url: str) -> type[ProfileStore]:
    """The class of the store that a URL names; its module is imported. Raises StoreError when nobody brings its scheme."""
    known = rtml_core.profile_stores()
    match = _SCHEME.match(url)
    if match is None:
        raise StoreError(
            f"A store of profiles is named by a URL like sqlite:///profiles.db or memory:; got {without_password(url)}"
        )
    scheme = match.group().lower()
    if scheme not in known:
        raise StoreError(
            f"No plugin brings a store of profiles for {scheme}: URLs.{close_match(scheme, known)} There are:"
            f" {listing(sorted(known))}; `pip install rtml-redis` brings redis"
        )
    place = known[scheme]
    try:
        found = place.load()
    except PluginError as error:
        raise StoreError(str(error)) from error
    if not (isinstance(found, type) and issubclass(found, ProfileStore)):
        raise StoreError(f"{place.path}, which {place.origin} names for {scheme}: URLs, must be a class of ProfileStore")
    return found
