"""Baselines of packages, as the hub needs them time and again: read once, as a package never changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Lock
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from rtml_core.baseline import BaselineEntry
from rtml_plugins.hub.tables import packages

#: baselines that are held, of a few KB each
_MOST: Final = 1024


class _Manifest(msgspec.Struct):
    """Of a manifest nothing else."""

    baseline: BaselineEntry | None = None


class Baselines:
    """Baselines by package id, for many threads."""

    def __init__(self) -> None:
        self._held: dict[str, BaselineEntry | None] = {}
        self._lock = Lock()

    def of(self, connection: Connection, ids: Collection[str]) -> Mapping[str, BaselineEntry | None]:
        """Of packages that were published here, also of those that were collected since; None for those made without a sample."""
        with self._lock:
            found = {name: self._held[name] for name in ids if name in self._held}
        missing = sorted(set(ids) - found.keys())
        if missing:
            statement = select(packages.c.id, packages.c.manifest).where(packages.c.id.in_(missing))
            fresh = {name: msgspec.json.decode(text, type=_Manifest).baseline for name, text in connection.execute(statement)}
            found |= fresh
            with self._lock:
                self._held |= fresh
                while len(self._held) > _MOST:
                    del self._held[next(iter(self._held))]
        return found
