"""What a cell shows of rtml's own errors: the lines of the user's code that led there, and the sentence. Others are as ever."""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import rtml_core
from rtml_core.errors import ParityError, RtmlError, said

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: lines above the one that is shown
_ABOVE: Final = 2
#: a cell's line of one of rtml's magics, as it is run or as it is written; the magic says what is wrong by itself
_MAGIC: Final = re.compile(r"get_ipython\(\)\.run_(line|cell)_magic\('rtml(_operator)?'|^%%rtml_operator\b")
_RED, _GREEN, _DIM, _OFF = "\033[31;1m", "\033[32m", "\033[2m", "\033[0m"
#: where code is that is not the user's: rtml, installed packages, Python
_ROOT: Final = Path(rtml_core.__file__).resolve().parents[1]
_OTHERS: Final = tuple(
    str(path) + os.sep
    for path in {
        *(_ROOT / name for name in ("rtml", "rtml_core", "rtml_plugins")),
        *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
)


def own(filename: str) -> bool:
    """Whether a file is the user's: a cell, a script, a plugin that is being written."""
    if filename.startswith("<frozen") or filename in ("<string>", "<stdin>"):
        return False
    return not str(Path(filename).resolve()).startswith(_OTHERS)


class Tracebacks:
    """Short tracebacks of one shell. They take the place that IPython has for custom ones, and give it back."""

    def __init__(self, shell: InteractiveShell):
        self._shell = shell
        self._before: tuple[Any, Any] | None = None
        self._handler: Any = None

    def load(self) -> None:
        """Show rtml's errors short from now on."""
        self._before = (self._shell.custom_exceptions, getattr(self._shell, "CustomTB", None))
        others = tuple(self._shell.custom_exceptions)

        def show(shell: InteractiveShell, kind: Any, error: BaseException, trace: Any, tb_offset: int | None = None) -> Any:
            if not isinstance(error, RtmlError):  # somebody else's, who was here before
                return self._before[1](kind, error, trace, tb_offset=tb_offset) if self._before and self._before[1] else None
            shell._get_exc_info((kind, error, trace))  # %tb, %debug and %rtml traceback find it there
            lines = short(error, colors=shell.colors.lower() != "nocolor", shell=shell)
            shell._showtraceback(kind, error, lines)
            _show_rows(error)
            return lines

        self._shell.set_custom_exc((*others, RtmlError), show)
        self._handler = self._shell.CustomTB

    def unload(self) -> None:
        """Show them as IPython does, unless somebody else has taken the place since."""
        if self._before is not None and self._shell.CustomTB is self._handler:
            self._shell.custom_exceptions = self._before[0]
            self._shell.CustomTB = self._before[1]
        self._before = None


def whole(shell: InteractiveShell) -> str:
    """All of the last error, as text with colours; '' when there was none."""
    last = getattr(sys, "last_value", None)
    if last is None:
        return ""
    lines = shell.InteractiveTB.structured_traceback(type(last), last, last.__traceback__)
    return str(shell.InteractiveTB.stb2text(lines))


def short(error: BaseException, *, colors: bool, shell: InteractiveShell | None = None) -> list[str]:
    """The lines of the user's code that led to the error and to its causes, and the sentence with what is chained to it."""
    lines: list[str] = []
    seen: set[tuple[str, int]] = set()
    for found in _chain(error):
        frames = [frame for frame in _frames(found) if own(frame[0]) and frame[:2] not in seen]
        seen |= {frame[:2] for frame in frames}
        for filename, number, function in frames:
            lines += _source(filename, number, function, colors, shell)
    shown = bool(lines)
    lines.append(_painted(type(error).__name__, _RED, colors) + f": {_text(error, seen, shell)}")
    lines += [f"  {note}" for note in getattr(error, "__notes__", ())]
    causes = [said(cause) for cause in list(_chain(error))[1:]]
    told = str(error)
    lines += [f"  because of {cause}" for cause in causes if cause not in told and cause.partition(": ")[2] not in told]
    if shown and any(not own(frame[0]) for frame in _frames(error)):
        lines.append(_painted("(%rtml traceback shows all of it)", _DIM, colors))
    return lines


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the newest first."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _frames(error: BaseException) -> list[tuple[str, int, str]]:
    """(file, line, function) of every step, the outermost first; those of IPython, which ran the cell, are left out."""
    found = []
    trace: types.TracebackType | None = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if "__tracebackhide__" not in trace.tb_frame.f_locals:
            found.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return found


def _source(filename: str, number: int, function: str, colors: bool, shell: InteractiveShell | None) -> list[str]:
    """Where a line is, and the line with those above where it can be read. Nothing for a line of magic."""
    text = linecache.getline(filename, number).rstrip()
    if _MAGIC.search(text):
        return []
    where = (
        _where(filename, shell) + f", line {number}" + (f", in {function}" if function not in ("<module>", "<cell line>") else "")
    )
    if not text:
        return [_painted(where, _GREEN, colors)]
    lines = [_painted(where, _GREEN, colors)]
    first = max(1, number - _ABOVE)
    width = len(str(number))
    for at in range(first, number + 1):
        mark = "--> " if at == number else "    "
        lines.append(f"{mark}{at:>{width}} {linecache.getline(filename, at).rstrip()}".rstrip())
    return [*lines, ""]


def _where(filename: str, shell: InteractiveShell | None) -> str:
    """A file as people know it: "Cell In[3]", or its path."""
    names = getattr(shell.compile, "format_code_name", None) if shell is not None else None
    known = names(filename) if names is not None else None
    if known is not None:
        return f"{known[0]} {known[1]}"
    try:
        return os.path.relpath(filename)
    except ValueError:  # on another drive
        return filename


def _text(error: BaseException, seen: set[tuple[str, int]], shell: InteractiveShell | None) -> str:
    """What the error says, with cells by the names that people know."""
    text = str(error) or "it says nothing"
    for filename in {filename for filename, _ in seen}:
        where = _where(filename, shell)
        if where.startswith("Cell"):
            text = text.replace(filename, where).replace(Path(filename).name, where)
    return text


def _painted(text: str, color: str, colors: bool) -> str:
    return f"{color}{text}{_OFF}" if colors else text


def _show_rows(error: BaseException) -> None:
    """The rows at which the two forms of a graph differ most, as a table below the sentence."""
    if isinstance(error, ParityError) and error.rows:
        from IPython.display import HTML, display

        from rtml_core.display import html

        display(HTML(html(error)))
