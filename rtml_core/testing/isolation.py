"""isolated_plugins: a registry of a test's own, as if only the built-in plugins and the given ones were installed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, Final

from rtml_core import plugin_settings
from rtml_core.errors import PluginError, close_match, describe, listing
from rtml_core.hookspecs import GROUP
from rtml_core.installed import entry_points, normal
from rtml_core.plugins import Candidate, PluginInfo, Plugins, installed, standing_in
from rtml_core.registry import Registry
from rtml_core.runtime import trusted

#: the distribution that a plugin object seems to come from when nothing is said
DISTRIBUTION: Final = "rtml-under-test"
_numbers: Final = itertools.count(1)


class IsolatedPlugins:
    """The plugins of the process inside of isolated_plugins. `register` adds another; the rest asks what is there.

    plugins: all of them, as discovery gives them. registry: the operators, by name.
    """

    def __init__(self, candidates: Sequence[Candidate], use: Callable[[Plugins], None]):
        self._candidates = list(candidates)
        self._use = use
        self.plugins = Plugins(self._candidates)
        use(self.plugins)

    @property
    def registry(self) -> Registry:
        """The operators, by name."""
        return self.plugins.registry

    def info(self, name: str) -> PluginInfo:
        """A plugin as listings show it; PluginError when there is none of that name."""
        return self.plugins.info(name)

    def register(
        self,
        plugin: Any,
        name: str | None = None,
        *,
        distribution: str | None = None,
        version: str = "0",
        strict: bool = True,
    ) -> PluginInfo:
        """Add a plugin, as if its distribution had been installed too; returns how it is listed.

        plugin: a module, or any object with hooks; an exception is a plugin whose import raises it. name: by default the one
        under which it is installed, or the last word of the module's name. distribution, version: where it seems to come from.
        Raises PluginError with the reason for a plugin that is broken, and nothing changes; with strict=False it is listed as
        broken, as a user would see it.
        """
        candidate = _candidate(plugin, name, distribution, version)
        given = Plugins([*self._candidates, candidate])
        info = list(given.infos.values())[-1]
        if info.state != "ok" and strict:
            raise PluginError(f"plugin '{candidate.name}' is {info.state}: {info.error}")
        self._candidates.append(candidate)
        self.plugins = given
        self._use(given)
        return info

    def _entry_point(self, distribution: str, plugin: str) -> Any:
        """What a runtime finds in place of an entry point, or None."""
        for candidate in self._candidates:
            if candidate.name == plugin and normal(candidate.distribution) == normal(distribution):
                source = SimpleNamespace(name=candidate.distribution, version=candidate.version)
                return SimpleNamespace(
                    name=candidate.name,
                    distribution=candidate.distribution,
                    version=candidate.version,
                    dist=source,
                    load=candidate.load,
                )
        return None


@contextmanager
def isolated_plugins(*plugins: Any, distributions: Iterable[str] = (), strict: bool = True) -> Iterator[IsolatedPlugins]:
    """Inside of it the process has the built-in plugins and the given ones only; afterwards all is as before.

    plugins: modules or objects with hooks, or hooks themselves, which then make one plugin, named "tested"; a module that is
    installed keeps its name, distribution and version. distributions: names of installed distributions whose plugins are there
    too. strict: a plugin that is broken is a PluginError with its reason; with False it is listed as broken.

    It holds for the whole process: `rtml_core.operators`, graphs in JSON, converters, custom operators, settings, the command
    line, and the installed plugins that a runtime asks. It nests, and an exception leaves nothing behind. RTML_ variables and the
    file of settings are read as ever: the fixture rtml_environment clears them.
    What onnxruntime was told of a custom operator it keeps until the process ends, so two bodies need two versions.
    """
    found = installed()
    wanted = list(distributions)
    known = sorted({candidate.distribution for candidate in found})
    for name in wanted:
        if name not in known:
            raise PluginError(
                f"distribution '{name}' brings no plugins here. Those that do: {listing(known)}.{close_match(name, known)}"
            )
    start = [candidate for candidate in found if candidate.distribution in ("rtml", *wanted)]
    with _runtime_asks() as answer, standing_in() as use:
        made = IsolatedPlugins(start, use)
        answer(made._entry_point)
        hooks = {plugin.__name__: plugin for plugin in plugins if isinstance(plugin, FunctionType)}
        if hooks:
            made.register(SimpleNamespace(**hooks), "tested", strict=strict)
        for plugin in plugins:
            if not isinstance(plugin, FunctionType):
                made.register(plugin, strict=strict)
        yield made


@contextmanager
def _runtime_asks() -> Iterator[Callable[[Callable[[str, str], Any]], None]]:
    """A runtime finds plugins, and their operators, where the given function says, and settings are read anew; afterwards all is
    as it was."""
    before, loaded, settings = trusted._entry_point, dict(trusted._loaded), dict(plugin_settings._made)

    def answer(find: Callable[[str, str], Any]) -> None:
        trusted._entry_point = find  # type: ignore[assignment]

    trusted._loaded.clear()
    plugin_settings.forget()
    try:
        yield answer
    finally:
        trusted._entry_point = before
        trusted._loaded.clear()
        trusted._loaded.update(loaded)
        plugin_settings.forget()
        plugin_settings._made.update(settings)


def _candidate(plugin: Any, name: str | None, distribution: str | None, version: str) -> Candidate:
    """Where a plugin comes from: as said, as installed, or made up from its module."""
    if isinstance(plugin, str):
        raise PluginError(f"a plugin must be a module or an object with hooks; got the text {describe(plugin)}: import it first")

    def load() -> Any:
        if isinstance(plugin, Exception):
            raise plugin
        return plugin

    module = plugin.__name__ if isinstance(plugin, ModuleType) else None
    if module is not None and distribution is None:
        for point in entry_points(GROUP):
            if point.value == module:
                return Candidate(name or point.name, point.distribution, point.version, load)
    made_up = f"plugin{next(_numbers)}" if module is None else module.rpartition(".")[2]
    return Candidate(name or made_up, distribution or DISTRIBUTION, version, load)
