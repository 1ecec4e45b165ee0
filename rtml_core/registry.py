"""Operators by name, with the plugin, distribution and version that brought them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rtml_core.errors import PluginError, UnknownNameError, close_match
from rtml_core.operator import Operator, check_class


@dataclass(frozen=True)
class Origin:
    """Who brought something: plugin name, distribution ("rtml" for what is built in) and its version."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        source = "built in" if self.distribution == "rtml" else f"{self.distribution} {self.version}"
        return f"plugin '{self.plugin}' ({source})"


@dataclass(frozen=True)
class Entry:
    """A registered operator class."""

    cls: type[Operator]
    origin: Origin


class Registry:
    """Operator classes by name. Registration of a plugin's classes is all or nothing."""

    def __init__(self, prefer: dict[str, str] | None = None):
        self._entries: dict[str, Entry] = {}
        self._prefer = prefer_from_environment() if prefer is None else prefer

    def add_all(self, classes: Any, origin: Origin) -> None:
        """Register the classes of one plugin, or none of them; raises PluginError on a conflict."""
        staged = dict(self._entries)
        if not isinstance(classes, (list, tuple)):
            raise PluginError(f"rtml_operators of {origin} must return a list of operator classes; got {classes!r}")
        for cls in classes:
            check_class(cls)
            present = staged.get(cls.name)
            if present is None or present.cls is cls:
                staged[cls.name] = Entry(cls, origin)
                continue
            chosen = self._prefer.get(cls.name)
            if chosen == origin.plugin:
                staged[cls.name] = Entry(cls, origin)
            elif chosen != present.origin.plugin:
                raise PluginError(
                    f"operator '{cls.name}' is brought by {present.origin} and by {origin}. Uninstall or block one of them, or"
                    f' set RTML_PREFER="{cls.name}={origin.plugin}"'
                )
        self._entries = staged

    def remove(self, plugin: str) -> None:
        """Forget everything a plugin brought."""
        self._entries = {name: entry for name, entry in self._entries.items() if entry.origin.plugin != plugin}

    def entry(self, name: str) -> Entry:
        """The entry of an operator; UnknownNameError with the closest name otherwise."""
        try:
            return self._entries[name]
        except KeyError:
            raise UnknownNameError(
                f"Operator '{name}' does not exist.{close_match(name, self._entries)} `rtml operators list` shows all"
            ) from None

    def __getitem__(self, name: str) -> type[Operator]:
        return self.entry(name).cls

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def brought_by(self, plugin: str) -> list[str]:
        """Names of the operators of a plugin."""
        return [name for name, entry in self._entries.items() if entry.origin.plugin == plugin]

    def origin_of(self, operator: Operator) -> Origin | None:
        """Who brought the class of this operator; None when it was never registered (defined in a notebook, say)."""
        entry = self._entries.get(operator.name)
        return entry.origin if entry is not None and entry.cls is type(operator) else None


def prefer_from_environment() -> dict[str, str]:
    """RTML_PREFER="Operator=plugin,Other=plugin" as a dict; raises PluginError when it can't be read."""
    text = os.environ.get("RTML_PREFER", "")
    pairs: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, sign, plugin = item.partition("=")
        if not sign or not name.strip() or not plugin.strip():
            raise PluginError(f'RTML_PREFER must be like "Haversine=geo,Geohash=geo"; got {text!r}')
        pairs[name.strip()] = plugin.strip()
    return pairs
