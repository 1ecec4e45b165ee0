"""Settings of plugins: declared by the hook rtml_settings, given in the file or the environment (see config).

    [plugins.geo]                     RTML_PLUGIN_GEO_RADIUS_KM=6371.0
    radius_km = 6371.0                RTML_PLUGIN_GEO_CITIES='["Berlin", "Paris"]'
    cities = ["Berlin", "Paris"]      RTML_PLUGIN_GEO_TOKEN=...

A text of the environment is read by the declared type: texts and secrets as they are, numbers, true and false as they are
written, lists and objects as JSON. What is given is checked when the plugin first asks, and by the listings. Nothing here
shows a secret: not a message, not a repr, not the local variables of a traceback.
"""

from __future__ import annotations

import math
import os
import re
import sys
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from rtml_core.config import FALSE, TRUE, config_file, config_path, is_utf8, kind, option, source
from rtml_core.errors import ConfigError, ParamError, PluginError, close_match, describe, listing
from rtml_core.hookspecs import GROUP
from rtml_core.installed import entry_points
from rtml_core.params import HIDDEN, ParamInfo, Params, Secret, describe_params, holds_secret

PREFIX: Final = "RTML_PLUGIN_"
_MISSING: Final = object()
_made: dict[tuple[str, type[Params]], Params] = {}


class Setting(msgspec.Struct, frozen=True):
    """One setting as it is here. value: as JSON, *** for a secret; source: "default", the variable, or the file; '' where a
    required one is not given. problem: what is wrong with it, in words."""

    plugin: str
    name: str
    variable: str
    expected: str
    value: Any
    source: str
    text: str
    problem: str = ""


def settings(plugin: str) -> Any:
    """The checked settings of a plugin, an instance of the class that its hook rtml_settings returns; read once in a process.

    Raises ConfigError that names the file with table and key, or the variable, what is expected, what came (never a secret) and
    the cure; PluginError when there is no such plugin, or it has no settings.
    """
    cls = _declared(plugin)
    if (plugin, cls) not in _made:
        values, shown = _resolved(plugin, cls)
        problems = [*(setting.problem for setting in shown if setting.problem), *_unknown(plugin, cls)]
        if problems:
            raise ConfigError("; ".join(problems))
        try:
            made = cls(**{name: value for name, value in values.items() if value is not _MISSING})
            made.validate()
        except ParamError as error:
            raise ConfigError(f"settings of plugin '{plugin}': {error}") from None
        _made[plugin, cls] = made
    return _made[plugin, cls]


def forget() -> None:
    """Read the settings anew when they are next asked for; for tests that change the environment."""
    _made.clear()


def shown(plugin: str, cls: type[Params]) -> tuple[list[Setting], list[str]]:
    """Each setting of a plugin with value and source, and everything that is wrong with them, in words."""
    rows = _resolved(plugin, cls)[1]
    problems = [*(row.problem for row in rows if row.problem), *_unknown(plugin, cls)]
    if not problems:
        try:
            settings(plugin)
        except ConfigError as error:  # what validate() says
            problems = [str(error)]
    return rows, problems


def variable(plugin: str, setting: str) -> str:
    """The variable of a setting: RTML_PLUGIN_GEO_RADIUS_KM."""
    return _prefix(plugin) + _word(setting)


def check_class(cls: Any, plugin: str, origin: object) -> None:
    """Raise PluginError unless a plugin's settings are a class of fields that a file can give; called at registration."""
    if not (isinstance(cls, type) and issubclass(cls, Params)):
        raise PluginError(f"rtml_settings of {origin} must return a subclass of rtml_core.Params; got {describe(cls)}")
    seen: dict[str, str] = {}
    for info in describe_params(cls):
        try:
            msgspec.json.Decoder(info.type, dec_hook=_decode)
        except TypeError as error:
            raise PluginError(f"rtml_settings of {origin}: '{info.encode_name}' has a type that can't be read: {error}") from None
        other = seen.setdefault(_word(info.encode_name), info.encode_name)
        if other != info.encode_name:
            raise PluginError(
                f"rtml_settings of {origin}: '{other}' and '{info.encode_name}' have one variable,"
                f" {variable(plugin, other)}; rename one"
            )


def strangers(known: Mapping[str, type[Params] | None]) -> list[str]:
    """What the file and the environment hold for plugins that are not there, or that have no settings; in words, for listings.

    known: all plugins, with the class of their settings.
    """
    notes = []
    file = config_file()
    for name in file.plugins:
        if name not in known:
            hint = close_match(name, known)
            notes.append(f"{file.path} has settings for '{name}', and no plugin of that name is installed.{hint}")
        elif known[name] is None and file.plugins[name]:
            notes.append(f"{file.path} has settings for '{name}', and that plugin has none")
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and not any(name.startswith(_prefix(plugin)) for plugin, cls in known.items() if cls):
            notes.append(f"{name} is set, and no plugin that is installed has that setting")
    return notes


# ---- which settings a plugin has ----------------------------------------------------------------------------------


def _declared(plugin: str) -> type[Params]:
    """The class of a plugin's settings: of the plugins of this process, else of that one plugin, which is then imported alone,
    since a runtime must not run the code of others."""
    module = sys.modules.get("rtml_core.plugins")
    known = module.current() if module is not None else None
    if known is not None:
        info = known.info(plugin)
        cls = known.settings.get(plugin)
        if cls is None and info.state != "ok":
            raise PluginError(f"plugin '{plugin}' is {info.state}, so it has no settings here: rtml plugins show {plugin}")
    else:
        cls = _of_entry_point(plugin)
    if cls is None:
        raise PluginError(f"plugin '{plugin}' has no settings: it has no hook rtml_settings")
    return cls  # type: ignore[no-any-return]


def _of_entry_point(plugin: str) -> type[Params] | None:
    from rtml_core.hookcalls import api_of, call

    points = sorted(entry_points(GROUP), key=lambda point: (point.distribution != "rtml", point.distribution))
    point = next((point for point in points if point.name == plugin), None)
    if point is None:
        hint = close_match(plugin, {point.name for point in points})
        raise PluginError(f"Plugin '{plugin}' is not installed.{hint} `rtml plugins list` shows all")
    if plugin in option("block"):
        raise PluginError(f"plugin '{plugin}' is blocked here ({source('block')})")
    loaded = point.load()
    api_of(loaded, point.distribution)
    cls = call(loaded, "rtml_settings")
    if cls is not None:
        check_class(cls, plugin, f"plugin '{plugin}' ({point.distribution} {point.version})")
    return cls  # type: ignore[no-any-return]


# ---- what is given ------------------------------------------------------------------------------------------------


def _resolved(plugin: str, cls: type[Params]) -> tuple[dict[str, Any], list[Setting]]:
    """Values by field, and the same for people; a value that is missing or wrong is _MISSING, and its row has a problem."""
    values: dict[str, Any] = {}
    rows = []
    for info in describe_params(cls):
        value, where, problem = _given(plugin, info)
        if where != "default":  # a list by default would be one list for all
            values[info.name] = value
        shown_value = None if value is _MISSING else msgspec.to_builtins(value, enc_hook=_show)
        name = variable(plugin, info.encode_name)
        rows.append(Setting(plugin, info.encode_name, name, info.expected, shown_value, where, info.text, problem))
    return values, rows


def _given(plugin: str, info: ParamInfo) -> tuple[Any, str, str]:
    """Value, source and problem of one setting."""
    name, file = variable(plugin, info.encode_name), config_file()
    secret = holds_secret(info.type)
    if os.environ.get(name, "").strip():
        if not is_utf8(os.environ[name]):
            return _MISSING, name, f"{name} must be text in UTF-8, and is not"
        value = _from_text(Secret(os.environ[name]), info.type)
        got = "a text that is none" if secret else describe(os.environ[name])
        return value, name, "" if value is not _MISSING else f"{name} must be {info.expected}; got {got}"
    if info.encode_name in file.plugins.get(plugin, {}):
        value = _convert(file.plugins[plugin][info.encode_name], info.type)
        if value is not _MISSING:
            return value, str(file.path), ""
        given = file.plugins[plugin][info.encode_name]
        where = f"{file.path}, [plugins.{_key(plugin)}]: {info.encode_name}"
        return _MISSING, str(file.path), f"{where} must be {info.expected}; got {kind(given) if secret else describe(given)}"
    if not info.required:
        return info.default, "default", ""
    place = file.path or config_path()[0] or "the file that RTML_CONFIG names"
    return (
        *(_MISSING, ""),
        f"plugin '{plugin}' needs the setting '{info.encode_name}', {info.expected}: write it into [plugins.{_key(plugin)}] of"
        f" {place}, or set {name}",
    )


def _unknown(plugin: str, cls: type[Params]) -> list[str]:
    """What is given and is no setting. A variable may belong to another plugin whose name begins with this one's."""
    names = [info.encode_name for info in describe_params(cls)]
    file = config_file()
    problems = [
        f"{file.path}, [plugins.{_key(plugin)}]: unknown setting '{name}'. It has: {listing(names)}.{close_match(name, names)}"
        for name in file.plugins.get(plugin, {})
        if name not in names
    ]
    prefix, variables = _prefix(plugin), [variable(plugin, name) for name in names]
    given = [name for name in sorted(os.environ) if name.startswith(prefix)]
    if not given:
        return problems
    others = {point.name: _prefix(point.name) for point in entry_points(GROUP) if point.name != plugin}
    for name in given:
        owner = next((other for other, start in others.items() if start.startswith(prefix) and name.startswith(start)), None)
        if name in variables and owner is not None:
            problems.append(f"{name} may be meant for plugin '{plugin}' or for '{owner}'; write it into the file instead")
        elif name not in variables and owner is None:
            problems.append(
                f"{name} is no setting of plugin '{plugin}'. It has: {listing(variables)}.{close_match(name, variables)}"
            )
    return problems


def _prefix(plugin: str) -> str:
    return f"{PREFIX}{_word(plugin)}_"


def _word(name: str) -> str:
    return re.sub(r"\W|[^\x00-\x7f]", "_", name).upper()


def _key(name: str) -> str:
    """A name as a key of TOML."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else msgspec.json.encode(name).decode()


# ---- from a text, or a value of the file --------------------------------------------------------------------------


def _from_text(text: Secret, annotation: Any) -> Any:
    """What a text of the environment means for a type, or _MISSING. It comes wrapped, so that no traceback shows it."""
    kinds = _kinds(annotation)
    plain = text.reveal
    if bool in kinds and plain().strip().lower() in TRUE + FALSE:
        return plain().strip().lower() in TRUE
    if any(one not in _TEXTS for one in kinds):
        try:
            read = _convert(msgspec.json.decode(plain().strip()), annotation)
        except (msgspec.DecodeError, RecursionError):
            read = _MISSING
        if read is not _MISSING and not isinstance(read, str):
            return read
    return _convert(text.reveal(), annotation)


#: what a text of the environment is taken for as it is
_TEXTS: Final = (str, Secret, Path, type(None))


def _kinds(annotation: Any) -> list[Any]:
    """The alternatives of a type, without what Annotated says of it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [one for alternative in get_args(annotation) for one in _kinds(alternative)]
    return [annotation]


def _convert(value: Any, annotation: Any) -> Any:
    """The value as the declared type, or _MISSING where it is none."""
    try:
        return msgspec.convert(value, annotation, dec_hook=_decode, str_keys=True)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError, RecursionError):
        return _MISSING


def _decode(kind_of: type, value: Any) -> Any:
    if kind_of in (Secret, Path) and isinstance(value, str):
        return kind_of(value)
    raise ValueError(f"no {kind_of.__name__}")


def _show(value: Any) -> Any:
    return HIDDEN if isinstance(value, Secret) else str(value)


def example(classes: Iterable[tuple[str, type[Params]]]) -> str:
    """The file with every setting of the plugins, commented out, with its default, meaning and variable."""
    lines = []
    for plugin, cls in classes:
        lines += ["", f"[plugins.{_key(plugin)}]"]
        for info in describe_params(cls):
            value = "..." if info.required else _toml(info.default, info.type)
            lines.append(f"# {info.text + ': ' if info.text else ''}{info.expected} ({variable(plugin, info.encode_name)})")
            lines.append(f"# {_key(info.encode_name)} = {value}" + ("  # required" if info.required else ""))
    return "\n".join(lines)


def _toml(value: Any, annotation: Any) -> str:
    """A default as TOML; ... where there is none to show."""
    return "..." if value is None or holds_secret(annotation) else _literal(msgspec.to_builtins(value, enc_hook=_show))


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(name)} = {_literal(one)}' for name, one in value.items())} }}" if value else "{}"
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return msgspec.json.encode(value).decode()
