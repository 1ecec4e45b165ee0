"""The real-time customer profile: identities, fragments, aggregates, and how a model reads and enriches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """ProfileReader, ProfileWriter."""
    from rtml_plugins.profile.reader import ProfileReader
    from rtml_plugins.profile.writer import ProfileWriter

    return [ProfileReader, ProfileWriter]


@hookimpl
def rtml_boundaries() -> Mapping[str, str]:
    """How they run where models are served."""
    return {
        "ProfileReader": "rtml_plugins.profile.boundary:profile_reader",
        "ProfileWriter": "rtml_plugins.profile.boundary:profile_writer",
    }


@hookimpl
def rtml_profile_stores() -> Mapping[str, str]:
    """SQLite in a file, and memory."""
    return {"sqlite": "rtml_plugins.profile.sqlite_store:SqliteStore", "memory": "rtml_plugins.profile.memory_store:MemoryStore"}
