"""What the plugins of this process bring by place, for those who look something up by its name."""

from __future__ import annotations

from collections.abc import Mapping

from rtml_core.places import Place
from rtml_core.plugins import plugins

__all__ = ["profile_stores"]


def profile_stores() -> Mapping[str, Place]:
    """Stores of customer profiles by the scheme of their URLs (hook rtml_profile_stores); `place.load()` gives the class."""
    return plugins().profile_stores.all()
