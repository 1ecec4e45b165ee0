"""What plugins bring by name and place, "module:attribute": imported when it is first used, not at discovery."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rtml_core.errors import PluginError, describe, said
from rtml_core.registry import Origin

_PLACE: Final = re.compile(r"[\w.]+:\w+")


@dataclass(frozen=True)
class Place:
    """A place that a plugin named. name: what it is for."""

    name: str
    path: str
    origin: Origin

    def load(self) -> Any:
        """What is there. Raises PluginError that names the plugin."""
        module, _, attribute = self.path.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:  # a stranger's module may raise anything
            raise PluginError(
                f"{self.path}, which {self.origin} names for '{self.name}', can't be imported: {said(error)}"
            ) from error


class Places:
    """Places by name, of one hook. hook: its name, for errors; what: what a name stands for, e.g. "operator"."""

    def __init__(self, hook: str, what: str):
        self._hook, self._what = hook, what
        self._places: dict[str, Place] = {}

    def add_all(self, places: Any, origin: Origin) -> None:
        """Register the places of one plugin, or none of them. Raises PluginError for what is no place, and for a name twice."""
        if not isinstance(places, Mapping):
            raise PluginError(f"{self._hook} of {origin} must return a dict of names and places; got {describe(places)}")
        staged = dict(self._places)
        for name, path in places.items():
            if not isinstance(name, str) or not name:
                raise PluginError(f"{self._hook} of {origin} must name each {self._what} by a text; got {describe(name)}")
            if not isinstance(path, str) or _PLACE.fullmatch(path) is None:
                raise PluginError(f"{self._hook} of {origin} must give \"module:attribute\" for '{name}'; got {describe(path)}")
            if name in staged:
                raise PluginError(
                    f"{self._what} '{name}' is brought by {staged[name].origin} and by {origin} ({self._hook}): uninstall"
                    f" or block one of them"
                )
            staged[name] = Place(name, path, origin)
        self._places = staged

    def remove(self, plugin: str) -> None:
        """Forget everything a plugin brought."""
        self._places = {name: place for name, place in self._places.items() if place.origin.plugin != plugin}

    def find(self, name: str) -> Place | None:
        """The place under a name."""
        return self._places.get(name)

    def by_plugin(self) -> dict[str, list[str]]:
        """Names by plugin."""
        found: dict[str, list[str]] = {}
        for name, place in sorted(self._places.items()):
            found.setdefault(place.origin.plugin, []).append(name)
        return found

    def all(self) -> dict[str, Place]:
        """All places by name."""
        return dict(self._places)
