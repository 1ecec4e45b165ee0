"""Operators, converters and custom ONNX operators by name, with the plugin, distribution and version that brought them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rtml_core import config
from rtml_core.custom_ops import CustomOp
from rtml_core.errors import ParamError, PluginError, UnknownNameError, close_match, describe, listing
from rtml_core.operator import Operator, check_class
from rtml_core.params import describe_params, holds_secret

#: the distribution whose plugins ship with rtml
BUILT_IN: Final = "rtml"
#: in place of a distribution, of operators that somebody is writing: they are in this process only
IN_DEVELOPMENT: Final = "in development"


@dataclass(frozen=True)
class Origin:
    """Who brought something: plugin name, distribution ("rtml" for what is built in) and its version."""

    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        if self.distribution == IN_DEVELOPMENT:
            return f"plugin '{self.plugin}' ({IN_DEVELOPMENT})"
        source = "built in" if self.distribution == BUILT_IN else f"{self.distribution} {self.version}"
        return f"plugin '{self.plugin}' ({source})"


@dataclass(frozen=True)
class Entry:
    """A registered operator class."""

    cls: type[Operator]
    origin: Origin


def _grouped(items: Iterable[tuple[Origin, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for origin, name in items:
        groups.setdefault(origin.plugin, []).append(name)
    return groups


class Registry:
    """Operator classes by name. Registration of a plugin's classes is all or nothing."""

    def __init__(self, prefer: dict[str, str] | None = None):
        self._entries: dict[str, Entry] = {}
        self._prefer = config.option("prefer") if prefer is None else prefer

    def add_all(self, classes: Any, origin: Origin) -> None:
        """Register the classes of one plugin, or none of them; raises PluginError on a conflict."""
        staged = dict(self._entries)
        if not isinstance(classes, (list, tuple)):
            raise PluginError(f"rtml_operators of {origin} must return a list of operator classes; got {describe(classes)}")
        for cls in classes:
            check_class(cls)
            if origin.distribution != BUILT_IN:
                check_annotations(cls)
            present = staged.get(cls.name)
            if present is None:
                staged[cls.name] = Entry(cls, origin)
                continue
            if present.cls is cls:  # brought along from another plugin, which stays its owner
                continue
            if present.origin == origin:
                raise PluginError(f"operator '{cls.name}' is twice in rtml_operators of {origin}; give one another name")
            chosen = self._prefer.get(cls.name)
            if chosen == origin.plugin:
                staged[cls.name] = Entry(cls, origin)
            elif chosen != present.origin.plugin:
                raise PluginError(
                    f"operator '{cls.name}' is brought by {present.origin} and by {origin}. Uninstall or block one of them, or"
                    f' set RTML_PREFER="{cls.name}={origin.plugin}"'
                )
        self._entries = staged

    def replace(self, classes: Any, origin: Origin) -> None:
        """Register classes in place of those of the same names and origin, or none of them; raises PluginError on a conflict."""
        before = self._entries
        names = {getattr(cls, "name", None) for cls in classes}
        self._entries = {name: entry for name, entry in before.items() if entry.origin != origin or name not in names}
        try:
            self.add_all(classes, origin)
        except BaseException:
            self._entries = before
            raise

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

    def by_plugin(self) -> dict[str, list[str]]:
        """Names of the operators of each plugin."""
        return _grouped((entry.origin, name) for name, entry in self._entries.items())

    def origin_of(self, operator: Operator) -> Origin | None:
        """Who brought the class of this operator; None when it was never registered (defined in a notebook, say)."""
        entry = self._entries.get(operator.name)
        return entry.origin if entry is not None and entry.cls is type(operator) else None


def check_annotations(cls: type[Operator]) -> None:
    """Raise PluginError for parameters that would fail at the first use: annotations, kept as texts, that say no types; secrets,
    which a graph would carry in its file and its package."""
    annotations: Iterable[Any] = cls.Params.__annotations__.values()
    if any(isinstance(annotation, str) for annotation in annotations):
        try:
            annotations = [info.type for info in describe_params(cls.Params)]
        except ParamError as error:
            raise PluginError(f"operator {cls.name}: {error}") from None
    if any(map(holds_secret, annotations)):
        raise PluginError(
            f"operator {cls.name}: a parameter can't be a Secret, as graphs keep their parameters; make it a setting (hook"
            " rtml_settings)"
        )


#: what a plugin may say about a class of estimators, each a function as "module:function"
CONVERTER_PARTS: Final = ("convert", "to_state", "from_state", "points")
_CLASS_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_FUNCTION_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True)
class ConverterEntry:
    """What a plugin says about the estimators of one class: functions by "module:function", imported when first used.

    name: the path of the class, module and name as type(estimator) says them. preferred: RTML_PREFER names this plugin for
    the class, so that it goes before a converter of rtml's own.
    """

    name: str
    origin: Origin
    convert: str | None = None
    to_state: str | None = None
    from_state: str | None = None
    points: str | None = None
    preferred: bool = False

    def function(self, part: str) -> Callable[..., Any] | None:
        """The function of one of CONVERTER_PARTS, or None where the plugin gives none. Raises PluginError naming the plugin."""
        path: str | None = getattr(self, part)
        if path is None:
            return None
        module, _, attribute = path.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except Exception as error:  # a stranger's module may raise anything when it is imported
            raise PluginError(
                f"'{path}', the function '{part}' for {self.name} of {self.origin}, can't be imported"
                f" ({type(error).__name__}: {error}); repair or uninstall that plugin"
            ) from error
        if not callable(found):
            raise PluginError(
                f"'{path}', the function '{part}' for {self.name} of {self.origin}, is no function: {describe(found)}"
            )
        return found  # type: ignore[no-any-return]


class Converters:
    """Converters by class path. Registration of a plugin's converters is all or nothing."""

    def __init__(self, prefer: dict[str, str] | None = None):
        self._entries: dict[str, ConverterEntry] = {}
        self._prefer = config.option("prefer") if prefer is None else prefer

    def add_all(self, converters: Any, origin: Origin) -> None:
        """Register the converters of one plugin, or none of them; raises PluginError on a conflict."""
        if not isinstance(converters, Mapping):
            raise PluginError(f"rtml_converters of {origin} must return a dict of class paths and functions; got {converters!r}")
        staged = dict(self._entries)
        for name, value in converters.items():
            entry, present = converter_entry(name, value, origin), staged.get(name)
            chosen = self._prefer.get(name)
            if present is None or chosen == origin.plugin:
                staged[name] = replace(entry, preferred=chosen == origin.plugin)
            elif chosen != present.origin.plugin:
                raise PluginError(
                    f"a converter for {name} is brought by {present.origin} and by {origin}. Uninstall or block one of them, or"
                    f' set RTML_PREFER="{name}={origin.plugin}"'
                )
        self._entries = staged

    def remove(self, plugin: str) -> None:
        """Forget everything a plugin brought."""
        self._entries = {name: entry for name, entry in self._entries.items() if entry.origin.plugin != plugin}

    def snapshot(self) -> dict[str, ConverterEntry]:
        """All entries as they are now, for `restore`."""
        return dict(self._entries)

    def restore(self, entries: dict[str, ConverterEntry]) -> None:
        """Back to what `snapshot` gave."""
        self._entries = dict(entries)

    def find(self, name: str) -> ConverterEntry | None:
        """The entry for a class path, or None."""
        return self._entries.get(name)

    def packages(self) -> frozenset[str]:
        """Top-level packages of all classes."""
        return frozenset(name.partition(".")[0] for name in self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def brought_by(self, plugin: str) -> list[str]:
        """Class paths of the converters of a plugin."""
        return self.by_plugin().get(plugin, [])

    def by_plugin(self) -> dict[str, list[str]]:
        """Class paths of the converters of each plugin."""
        return _grouped((entry.origin, name) for name, entry in sorted(self._entries.items()))


def converter_entry(name: Any, value: Any, origin: Origin) -> ConverterEntry:
    """One item of what rtml_converters returned, checked. Raises PluginError that names plugin and class."""
    if not isinstance(name, str) or not _CLASS_PATH.fullmatch(name):
        raise PluginError(
            f'rtml_converters of {origin}: a key must be the path of a class, like "lightgbm.sklearn.LGBMClassifier"; got'
            f" {describe(name)}"
        )
    parts = {"convert": value} if isinstance(value, str) else value
    where = f"rtml_converters of {origin}, {name}"
    if not isinstance(parts, Mapping) or not parts:
        raise PluginError(f'{where}: must be "module:function" or a dict of {listing(CONVERTER_PARTS)}; got {describe(value)}')
    for part, path in parts.items():
        if part not in CONVERTER_PARTS:
            raise PluginError(
                f"{where}: there is no part {part!r}. Parts: {listing(CONVERTER_PARTS)}.{close_match(str(part), CONVERTER_PARTS)}"
            )
        if not isinstance(path, str) or not _FUNCTION_PATH.fullmatch(path):
            raise PluginError(f'{where}: {part} must be like "module:function"; got {describe(path)}')
    if ("to_state" in parts) != ("from_state" in parts):
        raise PluginError(f"{where}: to_state and from_state belong together; give both or neither")
    if "convert" not in parts and "to_state" not in parts:
        raise PluginError(f"{where}: must have convert, or to_state and from_state; got {listing(map(str, parts))}")
    return ConverterEntry(name, origin, **parts)


class CustomOps:
    """Custom ONNX operators by domain, name and version. Registration of a plugin's operators is all or nothing."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, int], tuple[CustomOp, Origin]] = {}

    def add_all(self, ops: Any, origin: Origin) -> None:
        """Register the custom operators of one plugin, or none of them; raises PluginError on a conflict."""
        if not isinstance(ops, (list, tuple)):
            raise PluginError(f"rtml_custom_ops of {origin} must return a list of CustomOp; got {describe(ops)}")
        staged = dict(self._entries)
        for op in ops:
            if not isinstance(op, CustomOp):
                raise PluginError(f"rtml_custom_ops of {origin} must return a list of CustomOp; it holds {describe(op)}")
            op.check()
            if op.key in staged:
                owner = staged[op.key][1]
                raise PluginError(
                    f"custom operator {op} is brought by {owner} and by {origin}; uninstall or block one of them"
                    if owner != origin
                    else f"custom operator {op} is twice in rtml_custom_ops of {origin}; give the new one another version"
                )
            if origin.distribution != BUILT_IN and op.domain.partition(".")[0] == BUILT_IN:  # a version to come may take it
                raise PluginError(
                    f"custom operator {op} of {origin}: the domain '{op.domain}' is rtml's own; take one of yours, like"
                    f' "{origin.plugin}" or "org.example.text"'
                )
            staged[op.key] = (op, origin)
        self._entries = staged

    def remove(self, plugin: str) -> None:
        """Forget everything a plugin brought."""
        self._entries = {key: entry for key, entry in self._entries.items() if entry[1].plugin != plugin}

    def origin_of(self, op: CustomOp) -> Origin | None:
        """Who brought exactly this operator; None when no plugin did."""
        entry = self._entries.get(op.key)
        return entry[1] if entry is not None and entry[0] == op else None

    def entries(self) -> list[tuple[CustomOp, Origin]]:
        """All operators with who brought them, by domain, name and version."""
        return [self._entries[key] for key in sorted(self._entries)]

    def by_plugin(self) -> dict[str, list[str]]:
        """The custom operators of each plugin, as "domain:name version"."""
        return _grouped((origin, str(op)) for op, origin in self.entries())
