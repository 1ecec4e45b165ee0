"""Discovery of plugins, and what happens when one of them is broken.

Plugins load one at a time. One that fails is rolled back, kept with its error and listed; it is fatal only under
RTML_STRICT_PLUGINS=1. RTML_PLUGINS (allow-list) and RTML_BLOCK_PLUGINS (block-list) hold names separated by commas.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pluggy

from rtml_core import hookspecs
from rtml_core.errors import PluginError, close_match, listing
from rtml_core.hookspecs import GROUP, PLUGIN_API, PROJECT, RESERVED_COMMANDS
from rtml_core.registry import Converters, CustomOps, Origin, Registry


@dataclass
class PluginInfo:
    """One plugin as listed. state: "ok", "broken" or "blocked"; `error` says why it is broken."""

    name: str
    distribution: str
    version: str
    api: int | None = None
    state: str = "ok"
    error: str = ""
    operators: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    converters: list[str] = field(default_factory=list)
    custom_ops: list[str] = field(default_factory=list)

    @property
    def origin(self) -> Origin:
        return Origin(self.name, self.distribution, self.version)

    @property
    def source(self) -> str:
        return "built in" if self.distribution == "rtml" else self.distribution


@dataclass(frozen=True)
class Candidate:
    """A plugin before it is loaded: where it comes from and how to get at its object."""

    name: str
    distribution: str
    version: str
    load: Any


class Plugins:
    """All plugins of a process and the registry they fill."""

    def __init__(self, candidates: Iterable[Candidate] | None = None, registry: Registry | None = None):
        self.registry = Registry() if registry is None else registry
        self.converters = Converters()
        self.custom_ops = CustomOps()
        self.infos: dict[str, PluginInfo] = {}
        self.commands: dict[str, tuple[Any, Origin]] = {}
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(hookspecs)
        allow, block = _names("RTML_PLUGINS"), _names("RTML_BLOCK_PLUGINS")
        for candidate in installed() if candidates is None else candidates:
            self._load(candidate, allow, block)
        broken = [info for info in self.infos.values() if info.state == "broken"]
        if broken and os.environ.get("RTML_STRICT_PLUGINS") == "1":
            raise PluginError("RTML_STRICT_PLUGINS=1 and: " + "; ".join(f"plugin '{info.name}': {info.error}" for info in broken))

    def _load(self, candidate: Candidate, allow: set[str] | None, block: set[str] | None) -> None:
        info = PluginInfo(candidate.name, candidate.distribution, candidate.version)
        key = candidate.name
        if key in self.infos:
            other = self.infos[key]
            info.state = "broken"
            info.error = (
                f"the plugin name '{key}' is used by {other.distribution} and by {candidate.distribution}; uninstall one of them"
            )
            self.infos[f"{key} ({candidate.distribution})"] = info
            return
        self.infos[key] = info
        built_in = candidate.distribution == "rtml"
        if (block and key in block) or (allow is not None and key not in allow and not built_in):
            info.state = "blocked"
            return
        try:
            self.register(candidate.load(), info)
        except Exception as error:  # a stranger's plugin may raise anything; it is kept and shown
            self._roll_back(info)
            info.state, info.error = (
                "broken",
                f"{type(error).__name__}: {error}" if not isinstance(error, PluginError) else str(error),
            )

    def register(self, plugin: Any, info: PluginInfo) -> None:
        """Register one plugin object completely, or raise with nothing changed but what _roll_back undoes."""
        info.api = getattr(plugin, "rtml_plugin_api", PLUGIN_API)
        if info.api != PLUGIN_API:
            newer = isinstance(info.api, int) and info.api > PLUGIN_API
            cure = "upgrade rtml" if newer else f"upgrade {info.distribution}"
            raise PluginError(f"written for plugin API {info.api!r}; this rtml has plugin API {PLUGIN_API}: {cure}")
        self.manager.register(plugin, name=info.name)
        self._check_hook_names(plugin)
        self.manager.check_pending()
        classes = self._call(plugin, "rtml_operators")
        commands = self._call(plugin, "rtml_commands")
        if commands is not None:
            self._add_commands(commands, info)
        custom_ops = self._call(plugin, "rtml_custom_ops")
        if custom_ops is not None:
            self.custom_ops.add_all(custom_ops, info.origin)
            info.custom_ops = self.custom_ops.brought_by(info.name)
        # Last, because it can't be rolled back: RTML_PREFER may take a name from a plugin that was there before.
        self._add_named(classes, self._call(plugin, "rtml_converters"), info.origin)
        for known in self.infos.values():
            if known.state == "ok":
                known.operators = self.registry.brought_by(known.name)
                known.converters = self.converters.brought_by(known.name)

    def _add_named(self, classes: Any, converters: Any, origin: Origin) -> None:
        """Operators and converters of one plugin: all of both or none."""
        before = self.converters.snapshot()
        if converters is not None:
            self.converters.add_all(converters, origin)
        try:
            if classes is not None:
                self.registry.add_all(classes, origin)
        except Exception:
            self.converters.restore(before)
            raise

    @staticmethod
    def _call(plugin: Any, hook: str) -> Any:
        function = getattr(plugin, hook, None)
        if function is None:
            return None
        if not hasattr(function, f"{PROJECT}_impl"):
            raise PluginError(f"function '{hook}' is not marked: put @hookimpl (from rtml_core import hookimpl) above it")
        return function()

    @staticmethod
    def _check_hook_names(plugin: Any) -> None:
        known = [name for name in vars(hookspecs) if name.startswith("rtml_")]
        for name in dir(plugin):
            marked = hasattr(getattr(plugin, name, None), f"{PROJECT}_impl")
            if marked and name not in known:
                raise PluginError(f"'{name}' is not a hook of rtml. Hooks: {listing(known)}.{close_match(name, known)}")

    def _add_commands(self, commands: Any, info: PluginInfo) -> None:
        if not isinstance(commands, dict):
            raise PluginError(f"rtml_commands of {info.origin} must return a dict of names and commands; got {commands!r}")
        for name in commands:
            if name in RESERVED_COMMANDS:
                raise PluginError(f"command '{name}' is one of rtml's own; give the command of {info.origin} another name")
            if name in self.commands:
                raise PluginError(
                    f"command '{name}' is brought by {self.commands[name][1]} and by {info.origin}; block one of them"
                )
        for name, command in commands.items():
            self.commands[name] = (command, info.origin)
        info.commands = sorted(commands)

    def _roll_back(self, info: PluginInfo) -> None:
        if self.manager.has_plugin(info.name):
            self.manager.unregister(name=info.name)
        self.registry.remove(info.name)
        self.converters.remove(info.name)
        self.custom_ops.remove(info.name)
        self.commands = {name: value for name, value in self.commands.items() if value[1].plugin != info.name}
        info.operators, info.commands, info.converters, info.custom_ops = [], [], [], []

    def info(self, name: str) -> PluginInfo:
        """A plugin by name; PluginError with the closest name otherwise."""
        if name not in self.infos:
            raise PluginError(f"Plugin '{name}' is not installed.{close_match(name, self.infos)} `rtml plugins list` shows all")
        return self.infos[name]

    def broken_bringing(self) -> str:
        """A sentence about broken plugins, for errors about unknown operators; '' when all are well."""
        broken = [name for name, info in self.infos.items() if info.state == "broken"]
        return f" Broken plugins: {', '.join(broken)} (rtml plugins list)." if broken else ""


def installed() -> list[Candidate]:
    """Candidates from the entry points of all installed distributions: built-ins first, then by distribution and name."""
    found: dict[tuple[str, str], Candidate] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        distribution = point.dist.name if point.dist else "unknown"
        version = point.dist.version if point.dist else "0"
        found.setdefault((distribution, point.name), Candidate(point.name, distribution, version, point.load))
    return [found[key] for key in sorted(found, key=lambda key: (key[0] != "rtml", key))]


def _names(variable: str) -> set[str] | None:
    text = os.environ.get(variable)
    if text is None or not text.strip():
        return None
    return {part.strip() for part in text.split(",") if part.strip()}


#: what stands in for the plugins that are installed, see `standing_in`
_given: Plugins | None = None


@cache
def plugins() -> Plugins:
    """The plugins of this process, discovered once."""
    return Plugins() if _given is None else _given


@contextmanager
def standing_in() -> Iterator[Callable[[Plugins], None]]:
    """For tests: gives a function that makes other plugins those of this process; afterwards it has the very ones from before."""
    global _given
    outer, found = _given, plugins() if plugins.cache_info().currsize else None

    def use(given: Plugins | None) -> None:
        global _given
        _given = given
        plugins.cache_clear()

    try:
        yield use
    finally:
        use(found)
        if found is not None:
            plugins()  # now the cache holds it
        _given = outer


def registry() -> Registry:
    """The operators of this process."""
    return plugins().registry
