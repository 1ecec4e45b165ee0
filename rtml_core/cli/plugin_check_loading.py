"""`rtml plugins check`: does the plugin load, are its hooks called and shaped as rtml calls them, which API does it declare."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from rtml_core import hookspecs
from rtml_core.cli.plugin_check_findings import RAISED, Finding, Subject, folder_of, said
from rtml_core.errors import PluginError, close_match, listing
from rtml_core.hookcalls import api_of

if TYPE_CHECKING:
    from rtml_core.plugins import PluginInfo, Plugins

_MARK: Final = f"{hookspecs.PROJECT}_impl"


@cache
def hook_names() -> tuple[str, ...]:
    """The hooks that this rtml has."""
    return tuple(name for name in vars(hookspecs) if name.startswith("rtml_"))


def point_of(info: PluginInfo) -> EntryPoint | None:
    """The entry point of a plugin."""
    for point in entry_points(group=hookspecs.GROUP, name=info.name):
        if point.dist is None or point.dist.name == info.distribution:
            return point
    return None


def load(info: PluginInfo, known: Plugins) -> tuple[Subject, list[Finding]]:
    """The plugin, imported once more where it failed, and what there is to say about that."""
    point = point_of(info)
    if point is None:
        return Subject(info, known, None, ""), [Finding("error", "loads", "", info.error, "install it again")]
    parent = point.module.partition(".")[0]
    try:
        plugin = point.load()
    except RAISED as error:
        files = folder_of(sys.modules.get(parent)) or _files_of(parent)
        cure = _import_cure(error, point, files)
        return Subject(info, known, None, point.module, files), [Finding("error", "loads", "", said(error, files), cure)]
    files = folder_of(importlib.import_module(parent))
    try:
        api_of(plugin, info.distribution)
    except PluginError as error:  # what another API calls a hook is not for us to call
        what, _, cure = str(error).rpartition(": ")
        return Subject(info, known, None, point.module, files), [Finding("error", "loads", "", what, cure)]
    subject = Subject(info, known, plugin, point.module, files)
    return subject, list(_loaded(subject, point))


def _files_of(parent: str) -> tuple[str, ...]:
    """Where a module is that can't be imported."""
    try:
        spec = importlib.util.find_spec(parent)
    except (ImportError, ValueError):
        return ()
    if spec is None:
        return ()
    return tuple(spec.submodule_search_locations or ()) or tuple(filter(None, [spec.origin]))


def _import_cure(error: BaseException, point: EntryPoint, files: tuple[str, ...]) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        missing = error.name.partition(".")[0]
        if missing == point.module.partition(".")[0] and not files:
            return f"the entry point '{point.name}' names a module that is not installed; pip install -e . again, or correct it"
        if missing != point.module.partition(".")[0]:
            return f"pip install what brings '{missing}', and name it in dependencies of pyproject.toml"
    if isinstance(error, AttributeError) and point.attr:
        return f'the entry point is {point.name} = "{point.value}"; correct it in pyproject.toml and pip install -e . again'
    return "correct the line; nothing of the plugin is loaded until its module can be imported"


def _loaded(subject: Subject, point: EntryPoint) -> Iterator[Finding]:
    info = subject.info
    if info.state == "blocked":
        yield Finding(
            "error", "loads", "", "it is blocked", "see RTML_PLUGINS and RTML_BLOCK_PLUGINS, or [rtml] block in the settings"
        )
        return
    hooks = list(_hooks(subject))
    if info.state == "broken" and not any(finding.level == "error" for finding in hooks):
        yield Finding("error", "loads", "", info.error, "mend that; the plugin is kept out as a whole until then")
    elif info.state != "broken":
        yield Finding("ok", "loads", "", f"{point.value}, plugin API {info.api}")
    if subject.plugin is not None and not hasattr(subject.plugin, "rtml_plugin_api"):
        cure = f"write rtml_plugin_api = {hookspecs.PLUGIN_API} into {subject.module}"
        yield Finding("warning", "loads", "", "the plugin does not say which plugin API it was written for", cure)
    yield from hooks


# ---- hooks ------------------------------------------------------------------------------------------------------


def _hooks(subject: Subject) -> Iterator[Finding]:
    plugin, known = subject.plugin, hook_names()
    good, wrong = [], []
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        marked = hasattr(function, _MARK)
        if marked and name not in known:
            cure = f"the hooks are {listing(known)}.{close_match(name, known)}"
            wrong.append(Finding("error", "hooks", _at(function, name), f"'{name}' is no hook of rtml", cure))
        elif name in known and callable(function) and not marked:
            wrong.append(
                Finding("error", "hooks", _at(function, name), "it is not marked", "put @hookimpl (from rtml_core) above it")
            )
        elif name in known and function is not None and marked:
            called = list(_called(name, function, subject))
            wrong += called
            good += [] if called else [name]
    if not good and not wrong:
        cure = f"write one of {listing(known)} with @hookimpl above it"
        wrong.append(Finding("error", "hooks", "", f"{subject.module} has no hook, so the plugin brings nothing", cure))
    yield from wrong
    if good:
        yield Finding("ok", "hooks", "", listing(good))


def _called(name: str, function: Callable[..., Any], subject: Subject) -> Iterator[Finding]:
    """A hook is called without arguments, and answers."""
    required = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        yield Finding(
            "error", "hooks", _at(function, name), f"it takes {listing(required)}", f"rtml calls {name}() without arguments"
        )
        return
    try:
        function()
    except RAISED as error:  # a stranger's hook may raise anything
        cure = "a hook is called whenever rtml starts, and must answer"
        yield Finding("error", "hooks", _at(function, name), said(error, subject.files), cure)


def _at(function: Any, name: str) -> str:
    code = getattr(function, "__code__", None)
    return f"{name} (line {code.co_firstlineno})" if code is not None else name
