"""Native operators: the shared library of a plugin, where it lies, what its bytes are, how a session gets it; and the choice
among the kinds of an operator, which hangs on that.

Nothing here imports the plugin: a library is found by the folder of its package, and loaded by onnxruntime.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import math
import os
import sysconfig
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Final

from rtml_core.custom_ops.declaration import KINDS, CustomOp
from rtml_core.errors import CustomOpError, PluginError, describe

#: what the name of a shared library may end in, besides the suffixes of this Python's extension modules
_SUFFIXES: Final = (".so", ".dylib", ".dll")
_INT64: Final = range(-(2**63), 2**63)

_lock: Final = threading.Lock()
#: libraries that this process has loaded -> their digests then
_loaded: Final[dict[str, str]] = {}


def platform() -> str:
    """The platform as digests name it, "linux-x86_64"."""
    return sysconfig.get_platform()


def library_path(op: CustomOp) -> str | None:
    """Path of the shared library of a native operator, None where it was not built; the package is not imported."""
    package, _, stem = (op.library or "").partition(":")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations if spec else None) or []:
        for suffix in dict.fromkeys((*importlib.machinery.EXTENSION_SUFFIXES, *_SUFFIXES)):
            path = os.path.join(folder, stem + suffix)
            if os.path.isfile(path):
                return path
    return None


def require_library(op: CustomOp) -> str:
    """Path of the shared library. Raises PluginError where it was not built for this platform."""
    path = library_path(op)
    if path is None:
        package, _, stem = (op.library or "").partition(":")
        raise PluginError(
            f"the native operator {op} is not built for {platform()}: package '{package}' has no library '{stem}' here. Install a"
            f" wheel of its distribution for this platform, or install it again where there is a C compiler"
        )
    return path


def preferred(*ops: CustomOp) -> CustomOp:
    """Of several declarations of one meaning the first that is usable here: a function, else a native operator whose library is
    built for this platform, else a Python operator.

    Raises PluginError when they do not take and give the same, or when none is usable.
    """
    if not ops:
        raise PluginError("preferred() needs at least one custom operator")
    for op in ops:
        if (op.signature, op.sees_missing) != (ops[0].signature, ops[0].sees_missing):
            raise PluginError(
                f"preferred() takes operators of one meaning: {ops[0]} is {ops[0].signature} and {op} is {op.signature}"
                if op.signature != ops[0].signature
                else f"preferred() takes operators of one meaning: of {ops[0]} and {op} only one sees missing values"
            )
    for op in sorted(ops, key=lambda op: KINDS.index(op.kind)):
        if op.kind != "native" or library_path(op) is not None:
            return op
    raise PluginError(
        f"the native operator {ops[0]} is not built for {platform()} and nothing else of its meaning is declared; build its"
        f" library, or declare it of kind function or python too"
    )


def digest_of(path: str) -> str:
    """SHA-256 of a file. Raises PluginError when it can't be read."""
    import hashlib  # loads OpenSSL, which most commands do without

    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise PluginError(f"the library {path} can't be read: {error.strerror or error}") from None


def attributes(op: CustomOp, arguments: Mapping[str, Any]) -> dict[str, int | str]:
    """The attributes of a node, one for each argument that is not null: whole numbers and booleans as such, texts as such,
    floats as the text that Python has for them (ONNX keeps 32 bits of a float), lists and objects as JSON.

    Raises PluginError for arguments that do not fit the declaration.
    """
    op.encode(arguments)  # says what does not fit
    found: dict[str, int | str] = {}
    for name, word in op.arguments.items():
        value = arguments[name]
        if value is None:
            continue
        base = word.removesuffix("?")
        if base in ("int", "bool"):
            if int(value) not in _INT64:
                raise PluginError(f"custom operator {op}: argument '{name}' must fit 64 bits; got {describe(value)}")
            found[name] = int(value)
        elif base == "string":
            found[name] = _text(op, name, value)
        elif base == "float":
            found[name] = repr(_float(op, name, value))
        else:
            found[name] = json.dumps(value, sort_keys=True, allow_nan=False)
    return found


def _float(op: CustomOp, name: str, value: float) -> float:
    """A number that float64 holds: a whole one may be too large, or have too many digits, which the reference would see."""
    try:
        made = float(value)
    except OverflowError:
        made = math.inf
    if made != value:
        raise PluginError(f"custom operator {op}: argument '{name}' must be a number that float64 holds; got {describe(value)}")
    return made


def _text(op: CustomOp, name: str, value: str) -> str:
    """A text that arrives whole: UTF-8, and without the U+0000 at which one in C ends."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PluginError(f"custom operator {op}: argument '{name}' holds half of a character; got {describe(value)}") from None
    if "\0" in value:
        raise PluginError(f"custom operator {op}: argument '{name}' holds U+0000, where a text ends in C; got {describe(value)}")
    return value


def register(options: Any, ops: Iterable[CustomOp]) -> None:
    """Give onnxruntime's session options the libraries of the native operators among `ops`, each library once.

    Raises PluginError when a library is not there, is none that onnxruntime can load, or is another than the one that this
    process has loaded from the same place.
    """
    done: set[str] = set()
    for op in ops:
        if op.kind != "native":
            continue
        path = require_library(op)
        if path in done:
            continue
        _require_same(op, path)
        try:
            options.register_custom_ops_library(path)
        except Exception as error:  # onnxruntime raises many classes of its own
            raise PluginError(
                f"the library {path} of the native operator {op} can't be loaded: {_first_line(error)}. It must be built for"
                f" {platform()} and export RegisterCustomOps"
            ) from error
        done.add(path)


def _require_same(op: CustomOp, path: str) -> None:
    """What was loaded once stays: a library that was overwritten since would not be the one that runs."""
    place, digest = os.path.realpath(path), digest_of(path)
    with _lock:
        if _loaded.setdefault(place, digest) != digest:
            raise PluginError(
                f"the library {path} of the native operator {op} was built anew since this process loaded it; start a new process"
            )


def absent(error: BaseException, ops: Iterable[CustomOp]) -> CustomOp | None:
    """The native operator that its library does not have, when that is what onnxruntime says in `error`."""
    text = str(error)
    for op in ops:
        if op.kind == "native" and f"{op.onnx_domain}:{op.name}(" in text and "not a registered function/op" in text:
            return op
    return None


def guarded(run: Callable[..., Any], ops: Iterable[CustomOp]) -> Callable[..., Any]:
    """`run`, which runs a session, raising CustomOpError when a node of a native operator fails in it."""
    natives = [op for op in ops if op.kind == "native"]
    if not natives:
        return run

    @wraps(run)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return run(*args, **options)
        except Exception as error:  # onnxruntime raises many classes of its own
            op = _failed(str(error), natives)
            if op is None:
                raise
            raise CustomOpError(f"the custom operator {op} ({op.library}) failed: {_reason(str(error))}") from error

    return call


def _failed(text: str, ops: list[CustomOp]) -> CustomOp | None:
    """The operator whose node failed. onnxruntime names it without its domain; of several the message may say which."""
    found = [op for op in ops if f"while running {op.name} node" in text]
    return next((op for op in found if str(op) in text), found[0] if found else None)


def _reason(text: str) -> str:
    """What the operator said, without what onnxruntime puts around it."""
    return text.partition("Status Message: ")[2].strip() or _first_line(text)


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [""])[0]
