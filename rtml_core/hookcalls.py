"""Calling the hooks of one plugin: which it has, whether they are written as the contract says, and what they return."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any, Final

from rtml_core import hookspecs
from rtml_core.errors import PluginError, close_match, describe, listing
from rtml_core.hookspecs import PLUGIN_API, PROJECT

#: names of all hooks
HOOKS: Final = tuple(name for name in vars(hookspecs) if name.startswith("rtml_"))
_MARK: Final = f"{PROJECT}_impl"
_NOT_PLAIN: Final = {
    inspect.CO_COROUTINE: "is async",
    inspect.CO_ASYNC_GENERATOR: "is async",
    inspect.CO_GENERATOR: "yields",
}


def api_of(plugin: Any, distribution: str) -> int:
    """The plugin API that it was written for. Raises PluginError, naming the side to upgrade, when that is not this one."""
    api = getattr(plugin, "rtml_plugin_api", PLUGIN_API)
    if isinstance(api, bool) or not isinstance(api, int):
        raise PluginError(
            f"written for plugin API {describe(api)}, which is no whole number; this rtml has plugin API {PLUGIN_API}: upgrade"
            f" {distribution}"
        )
    if api != PLUGIN_API:
        cure = "upgrade rtml" if api > PLUGIN_API else f"upgrade {distribution}"
        raise PluginError(f"written for plugin API {api!r}; this rtml has plugin API {PLUGIN_API}: {cure}")
    return api


def check_hooks(plugin: Any) -> None:
    """Raise PluginError unless every marked function of the plugin is a hook, and there is one at least."""
    names = [name for name in dir(plugin) if not name.startswith("__")]
    marked = [name for name in names if hasattr(getattr(plugin, name, None), _MARK)]
    for name in marked:
        if name not in HOOKS:
            raise PluginError(f"'{name}' is not a hook of rtml. Hooks: {listing(HOOKS)}.{close_match(name, HOOKS)}")
    if marked:
        return
    for name in HOOKS:
        if name in names:
            raise PluginError(_unmarked(name))
    written = [name for name in names if name.startswith("rtml_") and isinstance(getattr(plugin, name), FunctionType)]
    near = next((hint for name in written if (hint := close_match(name, HOOKS))), "")
    raise PluginError(
        f"it has no hook, so it brings nothing: mark one with @hookimpl (from rtml_core import hookimpl). Hooks:"
        f" {listing(HOOKS)}.{near}"
    )


def call(plugin: Any, hook: str) -> Any:
    """What a hook returns; None when the plugin does not have it. Raises PluginError for a hook that can't be called."""
    function = getattr(plugin, hook, None)
    if function is None:
        return None
    if not hasattr(function, _MARK):
        raise PluginError(_unmarked(hook))
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    for flag, what in _NOT_PLAIN.items():
        if code is not None and code.co_flags & flag:
            raise PluginError(f"hook '{hook}' must return its answer at once, and {what}: write def {hook}(): return ...")
    wanted = _required(function)
    if wanted:
        self_too = ", and name an instance of the class in the entry point" if wanted[0] == "self" else ""
        raise PluginError(f"hook '{hook}' must take no parameters, and it takes {listing(wanted)}: write def {hook}():{self_too}")
    return function()


def _unmarked(hook: str) -> str:
    return f"function '{hook}' is not marked: put @hookimpl (from rtml_core import hookimpl) above it"


def _required(function: Any) -> list[str]:
    """Parameters without a default of a Python function; [] of any other callable."""
    # inspect.signature takes twenty times as long
    bound = getattr(function, "__func__", None)
    plain = function if bound is None else bound
    code = getattr(plain, "__code__", None)
    if code is None:
        return []
    names = code.co_varnames[: code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    positional = names[: len(names) - len(plain.__defaults__ or ())][0 if bound is None else 1 :]
    return [*positional, *(name for name in keywords if name not in (plain.__kwdefaults__ or {}))]
