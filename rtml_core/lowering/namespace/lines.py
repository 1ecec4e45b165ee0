"""Where in the author's code a formula was refused: the innermost line that is not rtml's, numpy's or Python's own."""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Callable
from typing import Any, Final

from rtml_core.errors import ExecutionError, RtmlError, said

#: whose frames are not the author's
_OTHERS: Final = frozenset(
    {"rtml_core", "numpy", "pandas", "scipy", "sklearn", "onnx_ir", "onnx", "onnxruntime"} | sys.stdlib_module_names
) - {"__main__"}  # fmt: skip


def at_author_line(call: Callable[[], Any], what: str = "compute") -> Any:
    """`call()`, a formula; what it raises names the author's line.

    Raises NotLowerableError for what a formula can't do, ExecutionError for rows without an answer and for errors of the
    author's own code; other errors of rtml keep their type.
    """
    try:
        return call()
    except RtmlError as error:
        if error.args and error.args[0] == str(error):
            error.args = (f"{error}{line_of(error)}", *error.args[1:])
        raise
    except Exception as error:  # an author's code may raise anything
        raise ExecutionError(f"{what} failed: {said(error)}{line_of(error)}") from error


def line_of(error: BaseException) -> str:
    """ " (file, line n: code)", and where that was called from when it is a helper; "" when no line is the author's."""
    frames: list[tuple[types.FrameType, int]] = []
    trace = error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    own = [(frame, line) for frame, line in frames if _is_authors(frame)]
    if not own:
        return ""
    frame, line = own[-1]
    calls = [(f, n) for f, n in own[:-1] if f.f_code.co_name == "compute"]
    outer = f", called in line {calls[-1][1]} of {calls[-1][0].f_code.co_filename}" if calls else ""
    return f" ({_at(frame, line)}{outer})"


def _is_authors(frame: types.FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    if module.startswith("rtml_core.testing"):
        return False
    return module.partition(".")[0] not in _OTHERS


def _at(frame: types.FrameType, line: int) -> str:
    name = frame.f_code.co_filename
    code = linecache.getline(name, line, frame.f_globals).strip()
    return f"{name}, line {line}: {code}" if code else f"{name}, line {line}"
