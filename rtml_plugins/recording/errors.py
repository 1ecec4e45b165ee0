"""RecordingError: what can't be recorded, said at the very line where it stands."""

from __future__ import annotations

import linecache
import os
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Final, NoReturn

from rtml_core.errors import RtmlError


class RecordingError(RtmlError):
    """A statement can't become part of a graph; says where it stands, why, and what to write instead."""


@dataclass(frozen=True)
class Place:
    """A line of the user's code: `file` as people know it ("features.py", "cell In[3]"), its number and its text."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" + (f": {self.text}" if self.text else "")


def here() -> Place:
    """The line that is being executed, leaving out recording itself, pandas and numpy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_inside()):
        frame = frame.f_back
    if frame is None:
        return Place("<unknown>", 0, "")
    path, line = frame.f_code.co_filename, frame.f_lineno
    return Place(_shown(path), line, linecache.getline(path, line, frame.f_globals).strip())


#: packages that call back into recorded frames; a line of theirs says nothing to the user
_LIBRARIES: Final = ("numpy", "pandas", "scipy", "sklearn", "statsmodels", "seaborn", "matplotlib", "pyarrow")


def asked_by(library: str) -> bool:
    """Whether a library's own code is what calls a recorded object now."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(os.path.dirname(os.path.abspath(__file__)) + os.sep):
        frame = frame.f_back
    return frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == library


def _inside() -> tuple[str, ...]:
    """Where the files of recording and of these packages lie."""
    found = [__file__, *(getattr(sys.modules.get(name), "__file__", None) for name in _LIBRARIES)]
    return (*(os.path.dirname(os.path.abspath(path)) + os.sep for path in found if path), "<frozen")


def _shown(path: str) -> str:
    """A file by its name; a cell of a notebook by its number."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and hasattr(shell, "compile"):
        named = shell.compile.format_code_name(path)
        if named is not None:
            return f"{named[0].lower()} {named[1]}"
    return os.path.basename(path)


def refuse(reason: object, place: Place | None = None) -> NoReturn:
    """Raise RecordingError for the line that is being executed, or for `place`."""
    raise RecordingError(f"{place or here()}\n{reason}") from (reason if isinstance(reason, Exception) else None)
