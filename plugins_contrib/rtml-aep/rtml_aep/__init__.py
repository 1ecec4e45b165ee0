"""The documented modules as doors onto rtml, and where their EdgeUtils finds the hub."""

from __future__ import annotations

from rtml_core import Params, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_settings() -> type[Params]:
    """Where services are published."""
    from rtml_aep.settings import Settings

    return Settings
