"""Python bodies inside of onnxruntime, made safe.

onnxruntime-extensions calls a Python function for a node and copies what it returns. By itself that is no place for a
stranger's code: an exception, a None, a list or a number among texts ends the process, a wrong dtype is copied bit by bit, and
declaring an operator in a domain that an open session uses breaks that session. So what is declared there is never the body but a
host that catches and checks everything; a failure is parked, the node answers with blanks, and `guarded` raises the failure once
the run is over. Every operator and version has a domain of its own and is declared once in a process.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import lru_cache
from typing import Any, Final

import numpy as np

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.custom_ops.declaration import CustomOp
from rtml_core.custom_ops.guarding import BODY, failure, local
from rtml_core.errors import PluginError, describe

Array = np.ndarray[Any, Any]

#: the one attribute of a node, which holds all its arguments as JSON
ATTRIBUTE: Final = "arguments"
_PACKAGE: Final = "onnxruntime_extensions"
#: dtype of a column -> how a body sees it
_SEEN: Final = {
    "string": np.dtype(object),
    "timestamp": np.dtype("datetime64[us]"),
    "timedelta": np.dtype("timedelta64[us]"),
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "int64": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
}
_TIMES: Final = ("timestamp", "timedelta")
#: dtype of a column -> its missing value as it travels, where it has one
_MARKS: Final[dict[str, Any]] = {
    "string": MISSING_STRING,
    "float64": np.nan,
    "float32": np.nan,
    "timestamp": MISSING_TIME,
    "timedelta": MISSING_TIME,
}
#: dtype of a column -> how onnxruntime-extensions calls the tensor that carries it
_WIRE: Final = {
    "string": "dt_string",
    "timestamp": "dt_int64",
    "timedelta": "dt_int64",
    "float64": "dt_double",
    "float32": "dt_float",
    "int64": "dt_int64",
    "bool": "dt_bool",
}

#: up to so many values a look at each of them costs less than a call of numpy, and most calls are about one row
_FEW: Final = 16
#: texts of arguments that a host remembers as read
_REMEMBERED: Final = 4096

_lock: Final = threading.Lock()
_hosts: Final[dict[str, CustomOp]] = {}


def declare(ops: Iterable[CustomOp]) -> None:
    """Make the Python operators among `ops` known to onnxruntime, before a session that uses them is opened.

    Raises PluginError when a body can't be imported, or when the process already has another operator of that domain, name
    and version: a body can't be exchanged under the sessions that use it.
    """
    for op in ops:
        if op.kind != "python":
            continue
        with _lock:
            present = _hosts.get(op.onnx_domain)
            if present is not None:
                if present != op:
                    raise PluginError(
                        f"the custom operator {op} is in use in this process with another declaration ({present.body_name}, and"
                        f" now {op.body_name}); give the new one another version, or start a new process"
                    )
                continue
            op.function  # noqa: B018 - what can't be imported is an error now, not at the first row
            extensions = bindings()
            types = extensions.PyCustomOpDef
            extensions.Opdef.create(
                _host(op),
                op_type=f"{op.onnx_domain}::{op.name}",
                inputs=[getattr(types, _WIRE[dtype]) for dtype in op.inputs],
                outputs=[getattr(types, _WIRE[dtype]) for dtype in op.outputs],
                attrs={ATTRIBUTE: types.dt_string},
            )
            _hosts[op.onnx_domain] = op


def library() -> str | None:
    """Path of the library of onnxruntime-extensions, or None when it is not installed.

    Looked up without importing that package, which would import onnx wherever it is installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or []:
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = os.path.join(folder, f"_extensions_pydll{suffix}")
            if os.path.isfile(path):
                return path
    return None


@lru_cache(maxsize=1)
def bindings() -> Any:
    """The module of onnxruntime-extensions that declares Python operators.

    Loaded without running its package, which would import onnx wherever it is installed; who imports the package later gets
    these very modules.
    """
    path = library()
    if path is None:
        raise PluginError("a Python operator needs onnxruntime-extensions, which is not installed: pip install it")
    folder = os.path.dirname(path)
    _module("_extensions_pydll", path)
    return _module("_ocos", os.path.join(folder, "_ocos.py"))


def _module(name: str, path: str) -> Any:
    full = f"{_PACKAGE}.{name}"
    if full in sys.modules:
        return sys.modules[full]
    spec = importlib.util.spec_from_file_location(full, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full]
        raise
    return module


# ---- one call -----------------------------------------------------------------------------------------------------------


def _host(op: CustomOp) -> Callable[..., Any]:
    """What onnxruntime calls for a node of the operator: it always returns arrays of the declared types, and never raises."""
    read: dict[str, dict[str, Any]] = {}
    nothing = tuple(_blank(dtype, (0,)) for dtype in op.outputs)
    #: whether a body could change what it gets, so that each call needs its own
    changeable = any(word.removesuffix("?") in ("list", "object") for word in op.arguments.values())

    def host(*tensors: Array, **attributes: str) -> Any:
        results: tuple[Array, ...] | None = None
        state = local.state
        before = state.where
        if state.error is None:
            try:
                state.where, state.hosted = BODY, True
                text = attributes[ATTRIBUTE]
                arguments = read.get(text)
                if arguments is None:
                    arguments = read_arguments(op, text)
                    if len(read) < _REMEMBERED:
                        read[text] = arguments
                elif changeable:
                    arguments = json.loads(text)
                results = run_body(op, tensors, arguments)
                state.where = before
            except BaseException as error:  # anything that leaves this function ends the process
                # No call may come before this is set, as Python handles signals at calls, and here they may not raise.
                state.where = before
                state.error, state.op = error, op
        if results is None:
            try:
                results = tuple(_blank(dtype, tensors[0].shape) for dtype in op.outputs)
            except Exception:  # there is no memory for them
                results = nothing
        return results if len(results) > 1 else results[0]

    return host


def _blank(dtype: str, shape: tuple[int, ...]) -> Array:
    if dtype == "string":
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, np.int64 if dtype in _TIMES else _SEEN[dtype])


def read_arguments(op: CustomOp, text: str) -> dict[str, Any]:
    """The arguments of a node from its attribute. Raises CustomOpError when they are not what the operator declares."""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        raise failure(op, f"its arguments are no JSON: {describe(text)}") from None
    wrong = op.wrong_arguments(arguments)
    if wrong:
        raise failure(op, wrong)
    return arguments  # type: ignore[no-any-return]


def run_body(
    op: CustomOp, tensors: tuple[Array, ...], arguments: dict[str, Any], body: Callable[..., Any] | None = None
) -> tuple[Array, ...]:
    """The body (or what stands for it) on tensors of one shape, in the form that tensors travel in; rows with missing inputs are
    kept from it unless it wants to see them. Raises CustomOpError for an answer that is not what the operator declares."""
    shape = tensors[0].shape
    columns = []
    absent: Array | None = None
    for dtype, tensor in zip(op.inputs, tensors, strict=True):
        if tensor.shape != shape:
            raise failure(op, f"its inputs differ in shape: {', '.join(str(tensor.shape) for tensor in tensors)}")
        column = tensor.reshape(-1)
        columns.append(column)
        gone = _missing(dtype, column)
        if gone is not None:
            absent = gone if absent is None else absent | gone
    kept = absent is not None and not op.sees_missing
    if kept:
        columns = [column[~absent] for column in columns]  # type: ignore[operator]
    seen = [_seen(dtype, column, absent is not None) for dtype, column in zip(op.inputs, columns, strict=True)]
    # In a context of its own, so that what a body sets there, such as how numpy treats overflow, is not set for its caller.
    answer = copy_context().run(op.function if body is None else body, *seen, **arguments)
    if absent is None and not isinstance(answer, tuple) and len(op.outputs) == 1:  # most calls, and every one counts
        return (_checked(op, op.outputs[0], answer, len(seen[0]), None).reshape(shape),)
    answers = answer if isinstance(answer, tuple) else (answer,)
    if len(answers) != len(op.outputs):
        raise failure(op, f"it returned {len(answers)} arrays, and has {len(op.outputs)} outputs")
    results = []
    for dtype, result in zip(op.outputs, answers, strict=True):
        values = _checked(op, dtype, result, len(seen[0]), None if kept else absent)
        if kept and absent is not None:
            spread = np.full(absent.shape, _MARKS.get(dtype, 0), dtype=values.dtype)
            spread[~absent] = values
            values = spread
        results.append(values.reshape(shape))
    return tuple(results)


def _missing(dtype: str, column: Array) -> Array | None:
    """bool [N]: where a column is missing, in the form that it travels in; None when it is nowhere."""
    mark = _MARKS.get(dtype)
    if mark is None:
        return None
    if dtype == "string":
        return np.asarray(column == mark) if mark in column.tolist() else None
    if len(column) <= _FEW:
        for value in column.tolist():
            if value == mark or value != value:
                break
        else:
            return None
    gone: Array = np.isnan(column) if mark != mark else column == mark
    return gone if gone.any() else None


def _seen(dtype: str, column: Array, some_missing: bool) -> Array:
    """A column as a body sees it; it can't write into it, as other nodes read the same memory."""
    if dtype == "string" and some_missing:
        column = column.copy()
        column[column == MISSING_STRING] = None
    if dtype in _TIMES:
        column = column.view(_SEEN[dtype])
    column.setflags(write=False)
    return column


def _checked(op: CustomOp, dtype: str, result: Any, count: int, absent: Array | None) -> Array:
    """An array that a body returned, in the form that it travels in. absent: rows where an input that it saw is missing."""
    if not isinstance(result, np.ndarray):
        raise failure(op, f"it returned {describe(result)}, and must return a numpy array")
    if type(result) is not np.ndarray:  # a masked array has None where others have a number
        raise failure(op, f"it returned a {type(result).__name__}, and must return a plain numpy array")
    if result.size == count:
        result = result.copy()  # a body may keep its array and write into it on another thread, after the checks
    if result.dtype != _SEEN[dtype]:
        raise failure(op, f"it returned an array of {result.dtype}, and must return {_SEEN[dtype]} for a {dtype} column")
    if result.shape != (count,):
        raise failure(op, f"it returned an array of shape {result.shape} for {count} rows, and must return ({count},)")
    values: Array
    gone: Array | None
    if dtype == "string":
        values, gone = _checked_texts(op, result)
    else:
        values = result.view(np.int64) if dtype in _TIMES else result
        gone = _missing(dtype, values)
    if gone is not None and not _may_miss(op, dtype) and (gone if absent is None else gone & ~absent).any():
        raise failure(op, "it gave a missing value for a row that is all there, and is not declared to (gives_missing)")
    return values


def _may_miss(op: CustomOp, dtype: str) -> bool:
    """Whether a row that is all there may have no answer; arithmetic gives NaN by itself."""
    return op.gives_missing or (op.kind == "function" and dtype in ("float64", "float32"))


def _checked_texts(op: CustomOp, texts: Array) -> tuple[Array, Array | None]:
    """Texts in the form that they travel in, and where they are missing (None: nowhere)."""
    items = texts.tolist()
    gone: Array | None = None
    if None in items:
        gone = np.array([item is None for item in items])
        items = [item for item in items if item is not None]
    if set(map(type, items)) - {str}:
        wrong = next(item for item in items if type(item) is not str)
        raise failure(op, f"it returned {describe(wrong)} among texts; a text must be a str, or None where it is missing")
    if MISSING_STRING in items:
        raise failure(op, "it returned the text U+FDD0, which stands for a missing one; return None instead")
    together = "".join(items)
    if "\0" in together:
        raise failure(op, "it returned a text with U+0000, which onnxruntime would cut there")
    if not together.isascii():
        _require_utf8(op, items)
    if gone is not None:
        texts = texts.copy()
        texts[gone] = MISSING_STRING
    return texts, gone


def _require_utf8(op: CustomOp, items: list[str]) -> None:
    for text in items:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise failure(op, f"it returned {describe(text)}, half of a character, which no UTF-8 text holds") from None
