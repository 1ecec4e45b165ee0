"""The custom operators that a package needs, from installed plugins that whoever runs the runtime trusts.

A package never names code: it names a distribution, a plugin and an operator with its version. The code is what that plugin
declares here, and its module is imported only when its distribution is trusted. The library of a native operator is loaded only
when its bytes are those that the package was compiled with.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from typing import Any, Final, Literal, TypeVar

from rtml_core import config
from rtml_core.custom_ops import CustomOp, native
from rtml_core.errors import PackageError, PluginError, describe, said
from rtml_core.installed import EntryPoint, entry_points, normal
from rtml_core.package import BoundaryEntry, Manifest, OpEntry

#: distributions by name, or all that are installed
Trust = Iterable[str] | Literal["all"]
#: what ships with rtml is as trusted as rtml itself
BUILT_IN: Final = "rtml"
VARIABLE: Final = config.VARIABLES["trust"]

T = TypeVar("T")
#: what the hooks of plugins returned, by distribution, plugin and hook
_loaded: Final[dict[tuple[str, str, str], Any]] = {}
#: of two threads that load packages one asks the plugin: asked twice it may declare two bodies under one name
_lock: Final = threading.RLock()


def resolve(manifest: Manifest, trust: Trust, where: str, known: Mapping[str, CustomOp] | None = None) -> list[CustomOp]:
    """The operators that the package runs code of plugins for; [] for a portable one. Raises PackageError that says which
    operator, of whom, and what to do: install it, trust it, or get the right version of it.

    known: operators by their ONNX domain that are in this process already and need no plugin, as those of an author.
    """
    found = []
    for entry in manifest.foreign:
        if known is not None and entry.domain in known:
            op = known[entry.domain]
        else:
            op = _installed(entry, _names(trust), where)
        if (op.onnx_domain, op.name) != (entry.domain, entry.op):
            raise PackageError(
                f"{where} is damaged: it calls the custom operator {op} by another name, {entry.domain}:{entry.op}"
            )
        if op.kind != entry.kind:
            raise PackageError(
                f"{where} was compiled with {op} as {entry.kind} operator, and here it is of kind {op.kind}: pip install"
                f" {entry.distribution}=={entry.version}, or compile the graph anew"
            )
        _require_unicode(entry, where)
        if op.kind == "native":
            _require_digest(op, entry, where)
        found.append(op)
    return found


def boundary(entry: BoundaryEntry, trust: Trust, where: str) -> Callable[..., Any]:
    """The function that makes a source or a sink of an entry, from its plugin (hook rtml_boundaries). Raises PackageError."""
    needs = f"{where} needs {entry.operator} of {entry.distribution} {entry.version} to read requests or to shape answers"
    point = _allowed(entry.distribution, entry.plugin, _names(trust), needs, entry.version)
    places = _asked_once(point, needs, "rtml_boundaries", _checked_places)
    path = places.get(entry.operator)
    if path is None:
        raise PackageError(
            f"{needs}. {entry.distribution} {point.version}, which is installed here, does not bring it: pip install"
            f" {entry.distribution}=={entry.version}, or compile the graph anew"
        )
    module, _, attribute = path.partition(":")
    try:
        with redirect_stdout(sys.stderr):
            function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise PackageError(f"{needs}, and {path} can't be imported: {said(error)}") from error
    return function


def _names(trust: Trust) -> set[str] | None:
    """Trusted distributions, None for all: those given, and those of RTML_TRUST or else of the file of settings."""
    if isinstance(trust, str) and trust != "all":
        raise PackageError(f"trust must be a list of distributions, or 'all'; got the text {trust!r}")
    if not isinstance(trust, Iterable):
        raise PackageError(f"trust must be a list of distributions, or 'all'; got {describe(trust)}")
    given = [trust] if isinstance(trust, str) else list(trust)
    for name in given:
        if not isinstance(name, str):
            raise PackageError(f"trust must be a list of distributions by their names; it holds {describe(name)}")
    names = {normal(name) for name in (*given, *config.option("trust")) if name.strip()}
    return None if "all" in names else names | {BUILT_IN}


def _allowed(distribution: str, plugin: str, trusted: set[str] | None, needs: str, version: str | None) -> EntryPoint:
    """The entry point of a plugin whose code may run here. PackageError: not installed, not trusted, or not loaded."""
    point = _entry_point(distribution, plugin)
    if point is None:
        raise PackageError(f"{needs}, which is not installed here: pip install {distribution}=={version}")
    if trusted is not None and normal(distribution) not in trusted:
        raise PackageError(
            f"{needs}, which runs code of that distribution in this process, and it is not trusted here. If you trust it, say so:"
            f" trust=['{distribution}'], --trust {distribution}, or {VARIABLE}={distribution}"
        )
    if plugin in config.option("block"):
        raise PackageError(f"{needs}, and its plugin '{plugin}' is blocked here ({config.source('block')})")
    allowed = config.option("plugins")
    if allowed is not None and plugin not in allowed and normal(distribution) != BUILT_IN:
        raise PackageError(
            f"{needs}, and its plugin '{plugin}' is not among those that are loaded here ({config.source('plugins')})"
        )
    return point


def _installed(entry: OpEntry, trusted: set[str] | None, where: str) -> CustomOp:
    distribution, plugin = entry.distribution, entry.plugin
    if distribution is None or plugin is None or entry.custom is None or entry.op_version is None:
        raise PackageError(f"{where} is damaged: its manifest does not say who brings the operator {entry.label}")
    needs = f"{where} needs the {entry.kind} operator {entry.label} of {distribution} {entry.version}"
    exact = f"{distribution}=={entry.version}"
    point = _allowed(distribution, plugin, trusted, needs, entry.version)
    declared = _declared(point, needs)
    op = declared.get((entry.custom, entry.op, entry.op_version))
    if op is not None:
        return op
    here = sorted(str(v) for domain, name, v in declared if (domain, name) == (entry.custom, entry.op))
    installed = f"{distribution} {point.version}"
    has = f"brings version {', '.join(here)} of it only" if here else "does not bring it"
    raise PackageError(f"{needs}. {installed}, which is installed here, {has}: pip install {exact}, or compile the graph anew")


def _entry_point(distribution: str, plugin: str) -> EntryPoint | None:
    from rtml_core.hookspecs import GROUP

    for point in entry_points(GROUP):
        if point.name == plugin and normal(point.distribution) == normal(distribution):
            return point
    return None


def _declared(point: EntryPoint, needs: str) -> dict[tuple[str, str, int], CustomOp]:
    """The custom operators that the plugin declares."""
    return _asked_once(point, needs, "rtml_custom_ops", _checked_ops)


def _asked_once(point: EntryPoint, needs: str, hook: str, checked: Callable[[Any], T]) -> T:
    """What a hook of the plugin returns, checked by the rules that hold at discovery (see plugins); its module is imported, and
    the hook called, once in a process."""
    key = (normal(point.distribution), point.name, hook)
    with _lock:
        if key not in _loaded:
            try:
                with redirect_stdout(sys.stderr):  # a print must not end up among scored rows
                    from rtml_core.hookcalls import api_of, call

                    plugin = point.load()
                    api_of(plugin, point.distribution)
                    _loaded[key] = checked(call(plugin, hook))
            except BaseException as error:  # a stranger's plugin may raise anything, SystemExit too
                if isinstance(error, KeyboardInterrupt):
                    raise
                raise PackageError(f"{needs}, and its plugin '{point.name}' can't be loaded: {said(error)}") from error
        found: T = _loaded[key]
        return found


def _checked_ops(ops: Any) -> dict[tuple[str, str, int], CustomOp]:
    ops = [] if ops is None else ops
    if not isinstance(ops, (list, tuple)):
        raise PluginError(f"its rtml_custom_ops must return a list of CustomOp; got {describe(ops)}")
    for op in ops:
        if not isinstance(op, CustomOp):
            raise PluginError(f"its rtml_custom_ops must return a list of CustomOp; it holds {describe(op)}")
        op.check()
    return {op.key: op for op in ops}


def _checked_places(places: Any) -> dict[str, str]:
    if places is None:
        return {}
    if not isinstance(places, Mapping) or not all(isinstance(path, str) and ":" in path for path in places.values()):
        raise PluginError(f'its rtml_boundaries must return a dict of names and "module:function"; got {describe(places)}')
    return dict(places)


def _require_digest(op: CustomOp, entry: OpEntry, where: str) -> None:
    """A library that differs in one byte may answer differently, and was proved by nobody."""
    built = f"{entry.distribution}=={entry.version}"
    platform = native.platform()
    wanted = entry.digests.get(platform)
    if wanted is None:
        known = ", ".join(sorted(entry.digests)) or "no platform"
        raise PackageError(
            f"{where} was compiled for {known}, as its native operator {entry.label} runs a library; here is {platform}. Compile"
            f" the graph on this platform"
        )
    try:
        path = native.require_library(op)
        found = native.digest_of(path)
    except PluginError as error:
        raise PackageError(f"{where} needs the native operator {entry.label}: {error}") from None
    if found != wanted:
        raise PackageError(
            f"{where} was compiled with another build of the library of its native operator {entry.label}: {path} has the SHA-256"
            f" {found[:12]}..., the package names {wanted[:12]}.... Install that build of {built}, or compile the graph anew"
        )


def _require_unicode(entry: OpEntry, where: str) -> None:
    """Letters that a newer Unicode knows have another title case than in an older one: that is another operator."""
    if entry.unicode is None:
        return
    from platform import python_version
    from unicodedata import unidata_version

    if entry.unicode != unidata_version:
        raise PackageError(
            f"{where} was compiled where Python knows Unicode {entry.unicode}, and its operator {entry.label} depends on that;"
            f" Python {python_version()} here knows Unicode {unidata_version}. Compile it with the Python that scores it"
        )
