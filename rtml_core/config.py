"""rtml's own options, and the tables of plugins, from one file and the environment; the environment beats the file.

The file is the path in RTML_CONFIG, else rtml/config.toml in XDG_CONFIG_HOME, else in ~/.config. It is never looked for in the
working directory: a folder that somebody downloaded must not say whom to trust.

    [rtml]
    trust = ["rtml-geo"]              # RTML_TRUST           distributions whose code a runtime may run, or "all"
    plugins = ["geo", "lang"]         # RTML_PLUGINS         only these are loaded, and those that ship with rtml
    block = ["slow"]                  # RTML_BLOCK_PLUGINS   these are not
    prefer = { Haversine = "geo" }    # RTML_PREFER          whose operator it is that two plugins bring
    strict = true                     # RTML_STRICT_PLUGINS  a broken plugin is an error

    [plugins.geo]                     # settings of the plugin geo: see plugin_settings
    radius_km = 6371.0

A variable that is empty counts as not set. Standard library only, and no plugin: a runtime reads this too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, overload

from rtml_core.errors import ConfigError, close_match, describe, listing

FILE_VARIABLE: Final = "RTML_CONFIG"
#: the options of [rtml] and the variable of each
VARIABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "trust": "RTML_TRUST",
        "plugins": "RTML_PLUGINS",
        "block": "RTML_BLOCK_PLUGINS",
        "prefer": "RTML_PREFER",
        "strict": "RTML_STRICT_PLUGINS",
    }
)
#: texts of the environment that mean yes and no
TRUE: Final = ("1", "true", "yes", "on")
FALSE: Final = ("0", "false", "no", "off")


class ConfigFile:
    """What the file holds. Its repr shows no value, as some are secrets."""

    def __init__(self, path: Path | None, rtml: Mapping[str, Any], plugins: Mapping[str, Mapping[str, Any]]):
        self.path = path
        self.rtml = rtml
        self.plugins = plugins

    def __repr__(self) -> str:
        return f"ConfigFile({str(self.path)!r})"


NO_FILE: Final = ConfigFile(None, {}, {})


@overload
def option(name: Literal["trust", "block"]) -> tuple[str, ...]: ...
@overload
def option(name: Literal["plugins"]) -> tuple[str, ...] | None: ...
@overload
def option(name: Literal["prefer"]) -> dict[str, str]: ...
@overload
def option(name: Literal["strict"]) -> bool: ...
def option(name: str) -> Any:
    """One of rtml's own options: names for trust and block (() when there are none), names or None for plugins (None: all are
    loaded), {operator: plugin} for prefer, True or False for strict.

    Raises ConfigError that names the variable, or file and key, what is expected, what came and the cure.
    """
    read, empty = _OPTIONS[name]
    text = os.environ.get(VARIABLES[name], "")
    if text.strip():
        if not is_utf8(text):
            raise ConfigError(f"{VARIABLES[name]} must be text in UTF-8; got {describe(text)}")
        return read(text, VARIABLES[name], True)
    file = config_file()
    return read(file.rtml[name], f"{file.path}, [rtml]: {name}", False) if name in file.rtml else empty()


def source(name: str) -> str:
    """Where an option is set, in words for messages: the variable, or key and file; '' when it is not."""
    if os.environ.get(VARIABLES[name], "").strip():
        return VARIABLES[name]
    file = config_file()
    return f"{name} in {file.path}" if name in file.rtml else ""


def config_path() -> tuple[Path | None, bool]:
    """Path of the file, and whether it was named and so must be there. None where there is no home to look in."""
    named = os.environ.get(FILE_VARIABLE, "")
    if named.strip():
        return Path(named), True
    base = os.environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the XDG specification: one that is relative is ignored
        base = os.path.join(os.path.expanduser("~"), ".config")
    # Without a home, expanduser answers with something relative: that would be the working directory.
    return (Path(base) / "rtml" / "config.toml", False) if os.path.isabs(base) else (None, False)


def config_file() -> ConfigFile:
    """The file, read again only when it has changed; NO_FILE when there is none. Raises ConfigError when it can't be read."""
    path, named = config_path()
    if path is None:
        return NO_FILE
    try:
        found = path.stat()
        return _read(path, (found.st_mtime_ns, found.st_size, found.st_ino))
    except (FileNotFoundError, NotADirectoryError):
        if not named:
            return NO_FILE
        raise ConfigError(
            f"{FILE_VARIABLE} names {path}, which does not exist; make it, or unset {FILE_VARIABLE} to do without"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path}, the file of settings, can't be read: {error.strerror or error}; mend that, or set"
            f" {FILE_VARIABLE}={os.devnull} to do without"
        ) from None


@lru_cache(maxsize=8)
def _read(path: Path, _stamp: tuple[int, int, int]) -> ConfigFile:
    import tomllib

    try:
        tables = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}, the file of settings, must be UTF-8; byte {error.start} is not") from None
    except (ValueError, RecursionError) as error:  # a ValueError for a number of more digits than Python reads
        raise ConfigError(f"{path}, the file of settings, is no TOML: {error}") from None
    wrong = _wrong(tables)
    if wrong:
        del tables  # a traceback with local variables would show the secrets among them
        raise ConfigError(f"{path}{wrong}")
    return ConfigFile(path, tables.get("rtml", {}), tables.get("plugins", {}))


def _wrong(tables: dict[str, Any]) -> str:
    """What is wrong with the tables of a file, to follow its path; '' when nothing is."""
    for name, table in tables.items():
        if name not in ("rtml", "plugins"):
            hint = close_match(name, ("rtml", "plugins"))
            return f": '{name}' is neither [rtml] nor [plugins.NAME], the tables that this file has.{hint}"
        if not isinstance(table, dict):
            return f": '{name}' must be a table, [{name}]; got {kind(table)}"
    for name in tables.get("rtml", {}):
        if name not in VARIABLES:
            return f", [rtml]: unknown key '{name}'. It has: {listing(VARIABLES)}.{close_match(name, VARIABLES)}"
    for name, table in tables.get("plugins", {}).items():
        if not isinstance(table, dict):
            return f", [plugins]: '{name}' must be a table of settings, [plugins.{name}]; got {kind(table)}"
    return ""


def is_utf8(text: str) -> bool:
    """Whether a text of the environment was UTF-8; Python keeps other bytes as half characters, which nothing can print."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def kind(value: Any) -> str:
    """What a value is, without showing it: it may be a secret in the wrong place."""
    return {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}.get(
        type(value), f"a {type(value).__name__}"
    )


# ---- rtml's own options: from a text of the environment, or a value of the file -----------------------------------


def _names(value: Any, where: str, text: bool) -> tuple[str, ...]:
    if text:
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list) and all(isinstance(name, str) and name.strip() for name in value):
        return tuple(name.strip() for name in value)
    raise ConfigError(f'{where} must be a list of names, like ["geo", "lang"]; got {describe(value)}')


def _trust(value: Any, where: str, text: bool) -> tuple[str, ...]:
    return ("all",) if value == "all" else _names(value, where, text)


def _prefer(value: Any, where: str, text: bool) -> dict[str, str]:
    pairs: dict[str, str] = {}
    if not text:
        if isinstance(value, dict) and all(isinstance(plugin, str) and plugin.strip() for plugin in value.values()):
            return {name: plugin.strip() for name, plugin in value.items()}
        raise ConfigError(f'{where} must be a table of names and plugins, like {{ Haversine = "geo" }}; got {describe(value)}')
    for item in filter(None, (part.strip() for part in value.split(","))):
        name, sign, plugin = item.partition("=")
        if not sign or not name.strip() or not plugin.strip():
            raise ConfigError(f'{where} must be like "Haversine=geo,Geohash=geo"; got {value!r}')
        pairs[name.strip()] = plugin.strip()
    return pairs


def _strict(value: Any, where: str, text: bool) -> bool:
    if isinstance(value, bool):
        return value
    if text and value.strip().lower() in TRUE + FALSE:
        return value.strip().lower() in TRUE
    raise ConfigError(f"{where} must be {'1 or 0' if text else 'true or false'}; got {describe(value)}")


_OPTIONS: Final[Mapping[str, tuple[Callable[[Any, str, bool], Any], Callable[[], Any]]]] = {
    "trust": (_trust, tuple),
    "plugins": (_names, lambda: None),
    "block": (_names, tuple),
    "prefer": (_prefer, dict),
    "strict": (_strict, bool),
}
