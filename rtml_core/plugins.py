"""Discovery of plugins, and what happens when one of them is broken.

Plugins load one at a time. One that fails, in whatever way, is rolled back, kept with its error and listed; it is fatal only
when the option strict says so. Which are loaded at all, the options plugins and block say (see config).
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from threading import get_ident
from time import perf_counter
from typing import Any

from rtml_core import config, plugin_settings
from rtml_core.errors import PluginError, RtmlError, close_match, describe
from rtml_core.hookcalls import api_of, call, check_hooks
from rtml_core.hookspecs import GROUP, RESERVED_COMMANDS
from rtml_core.installed import EntryPoint, entry_points
from rtml_core.params import Params
from rtml_core.places import Places
from rtml_core.registry import Converters, CustomOps, Origin, Registry


@dataclass
class PluginInfo:
    """One plugin as listed. state: "ok", "broken" or "blocked"; `error` says why it is broken or blocked."""

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
    boundaries: list[str] = field(default_factory=list)
    profile_stores: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    #: how long its import and its hooks took
    seconds: float = 0.0

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
        prefer = config.option("prefer")
        self.registry = Registry(prefer) if registry is None else registry
        self.converters = Converters(prefer)
        self.custom_ops = CustomOps()
        self.boundaries = Places("rtml_boundaries", "operator")
        self.profile_stores = Places("rtml_profile_stores", "scheme")
        self.settings: dict[str, type[Params]] = {}
        self.infos: dict[str, PluginInfo] = {}
        self.commands: dict[str, tuple[Any, Origin]] = {}
        allow, block = config.option("plugins"), config.option("block")
        with _no_garbage():
            for candidate in installed() if candidates is None else candidates:
                self._load(candidate, allow, block)
        self._refresh()
        broken = [info for info in self.infos.values() if info.state == "broken"]
        if broken and config.option("strict"):
            why = config.source("strict")
            why = f"{why}=1" if why == config.VARIABLES["strict"] else why
            raise PluginError(f"{why} and: " + "; ".join(f"plugin '{info.name}': {info.error}" for info in broken))

    def _load(self, candidate: Candidate, allow: tuple[str, ...] | None, block: tuple[str, ...]) -> None:
        info = PluginInfo(candidate.name, candidate.distribution, candidate.version)
        key = candidate.name
        if key in self.infos:
            info.state, info.error = "broken", self._name_twice(candidate)
            self.infos[f"{key} ({candidate.distribution})"] = info
            return
        self.infos[key] = info
        built_in = candidate.distribution == "rtml"
        if key in block:
            info.state, info.error = "blocked", f"by {config.source('block')}"
            return
        if allow is not None and key not in allow and not built_in:
            info.state, info.error = "blocked", f"not among {config.source('plugins')}"
            return
        began, filters = perf_counter(), warnings.catch_warnings()
        try:
            filters.__enter__()  # left only by a plugin that breaks: one that works may have set up what it imports
            with redirect_stdout(sys.stderr):  # a print must not end up in somebody's JSON
                self.register(candidate.load(), info)
        except BaseException as error:  # a stranger's plugin may raise anything, SystemExit too; it is kept and shown
            self._roll_back(info)
            filters.__exit__(None, None, None)
            if isinstance(error, KeyboardInterrupt):
                raise
            info.state, info.error = "broken", reason(error)
        info.seconds = perf_counter() - began

    def _name_twice(self, candidate: Candidate) -> str:
        other = self.infos[candidate.name].distribution
        if other == candidate.distribution:
            return f"the plugin name '{candidate.name}' is twice in the entry points of {other}; rename one of them"
        return f"the plugin name '{candidate.name}' is used by {other} and by {candidate.distribution}; uninstall one of them"

    def register(self, plugin: Any, info: PluginInfo) -> None:
        """Register one plugin object completely, or raise with nothing changed but what _roll_back undoes."""
        said = getattr(plugin, "rtml_plugin_api", None)
        info.api = said if isinstance(said, int) else None
        info.api = api_of(plugin, info.distribution)
        check_hooks(plugin)
        settings = call(plugin, "rtml_settings")
        if settings is not None:
            plugin_settings.check_class(settings, info.name, info.origin)
            self.settings[info.name] = settings
            info.settings = list(settings.__struct_encode_fields__)
        classes = call(plugin, "rtml_operators")
        commands = call(plugin, "rtml_commands")
        if commands is not None:
            self._add_commands(commands, info)
        custom_ops = call(plugin, "rtml_custom_ops")
        if custom_ops is not None:
            self.custom_ops.add_all(custom_ops, info.origin)
        for places, hook in ((self.boundaries, "rtml_boundaries"), (self.profile_stores, "rtml_profile_stores")):
            found = call(plugin, hook)
            if found is not None:
                places.add_all(found, info.origin)
        # Last, because it can't be rolled back: RTML_PREFER may take a name from a plugin that was there before.
        self._add_named(classes, call(plugin, "rtml_converters"), info.origin)

    def _refresh(self) -> None:
        """Write into the listing what each plugin has brought, in one pass over everything."""
        operators, converters, custom_ops = (brought.by_plugin() for brought in (self.registry, self.converters, self.custom_ops))
        boundaries, stores = self.boundaries.by_plugin(), self.profile_stores.by_plugin()
        for info in self.infos.values():
            if info.state == "ok":
                info.operators = operators.get(info.name, [])
                info.converters = converters.get(info.name, [])
                info.custom_ops = custom_ops.get(info.name, [])
                info.boundaries = boundaries.get(info.name, [])
                info.profile_stores = stores.get(info.name, [])

    def _add_named(self, classes: Any, converters: Any, origin: Origin) -> None:
        """Operators and converters of one plugin: all of both or none."""
        before = self.converters.snapshot()
        if converters is not None:
            self.converters.add_all(converters, origin)
        try:
            if classes is not None:
                self.registry.add_all(classes, origin)
        except BaseException:
            self.converters.restore(before)
            raise

    def _add_commands(self, commands: Any, info: PluginInfo) -> None:
        if not isinstance(commands, Mapping):
            raise PluginError(
                f"rtml_commands of {info.origin} must return a dict of names and commands; got {describe(commands)}"
            )
        for name, command in commands.items():
            if not isinstance(name, str) or not name.isprintable() or name.startswith("-") or " " in name or not name:
                raise PluginError(f'a command must have a name without spaces, like "ingest"; {info.origin} has {describe(name)}')
            if not (_is_click(command) or (isinstance(command, str) and ":" in command.partition("|")[0])):
                raise PluginError(
                    f"command '{name}' of {info.origin} must be a click command or \"module:attribute|help\"; got"
                    f" {describe(command)}"
                )
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
        self.registry.remove(info.name)
        self.converters.remove(info.name)
        self.custom_ops.remove(info.name)
        self.boundaries.remove(info.name)
        self.profile_stores.remove(info.name)
        self.settings.pop(info.name, None)
        self.commands = {name: value for name, value in self.commands.items() if value[1].plugin != info.name}
        info.commands, info.settings = [], []

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

    def candidate(point: EntryPoint) -> Candidate:
        return Candidate(point.name, point.distribution, point.version or "unknown", point.load)

    points = sorted(entry_points(GROUP), key=lambda point: (point.distribution != "rtml", point.distribution, point.name))
    return [candidate(point) for point in points]


@contextmanager
def _no_garbage() -> Iterator[None]:
    """The garbage collector waits: plugins make tens of thousands of objects that all stay, and it would look at them again and
    again, a fifth of the time of a hundred plugins."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def reason(error: BaseException) -> str:
    """Why a plugin is broken, in words: rtml's own errors as they are, others with their class and where they were raised."""
    try:
        text = str(error)
    except Exception:  # a stranger's exception
        text = "its text can't be made"
    text = text.encode(errors="backslashreplace").decode()  # half characters, which nothing can print
    if isinstance(error, RtmlError):
        return text
    if isinstance(error, ModuleNotFoundError) and error.name:
        text += f"; it is not installed here: pip install what brings '{error.name.partition('.')[0]}'"
    elif not isinstance(error, SyntaxError) and (last := error.__traceback__) is not None:
        while last.tb_next is not None:
            last = last.tb_next
        text += f" ({last.tb_frame.f_code.co_filename}, line {last.tb_lineno})"
    return f"{type(error).__name__}: {text}"


def _is_click(command: Any) -> bool:
    click = sys.modules.get("click")  # who has a command of click has imported it
    return click is not None and isinstance(command, click.Command)


#: what stands in for the plugins that are installed, see `standing_in`
_given: Plugins | None = None


#: threads that are discovering plugins
_busy: set[int] = set()


@cache
def plugins() -> Plugins:
    """The plugins of this process, discovered once. Raises PluginError when a plugin asks for it while it is being loaded."""
    if _given is not None:
        return _given
    thread = get_ident()
    if thread in _busy:
        raise PluginError(
            "it asks for the operators of other plugins while plugins are still loading: do that inside the functions that use"
            " them, and neither at import nor in a hook"
        )
    _busy.add(thread)
    try:
        return Plugins()
    finally:
        _busy.discard(thread)


def current() -> Plugins | None:
    """The plugins of this process when they have been discovered, None otherwise."""
    return plugins() if plugins.cache_info().currsize else _given


@contextmanager
def standing_in() -> Iterator[Callable[[Plugins], None]]:
    """For tests: gives a function that makes other plugins those of this process; afterwards it has the very ones from before."""
    global _given
    outer, found = _given, plugins() if plugins.cache_info().currsize else None

    def use(given: Plugins | None) -> None:
        global _given
        _given = given
        plugins.cache_clear()
        plugin_settings.forget()

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
