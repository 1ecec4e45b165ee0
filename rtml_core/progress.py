"""How far a piece of work is, for whoever wants to show it: a notebook, a terminal.

Who works says `with task("training", 7):` and `step("node 3 (OneHotEncoder)")` before each part; who shows listens. Without
listeners both cost next to nothing. Work inside of work is a part of it, and is not told by itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal

State = Literal["running", "done", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far work is. task: its number in this process; work: what it is, like "training"; stage: the part being done now.

    done: parts that are over; total: how many there are, None when nobody knows yet. state: failed once an error ended it.
    """

    task: int
    work: str
    stage: str = ""
    done: int = 0
    total: int | None = None
    state: State = "running"


Listener = Callable[[Progress], object]

_listeners: list[Listener] = []
#: the work that this thread (or coroutine) is at; None when nobody listens, or it is inside of other work
_current: ContextVar[Task | None] = ContextVar("rtml_progress", default=None)
#: whether this thread is inside of work, which then tells for all
_inside: ContextVar[bool] = ContextVar("rtml_progress_inside", default=False)
_numbers = iter(range(1, 1 << 62))


class Task:
    """Work that is being told of."""

    def __init__(self, work: str, total: int | None):
        self._now = Progress(next(_numbers), work, total=total)
        self._begun = False

    def step(self, stage: str) -> None:
        """The next part begins: the one before is over."""
        done = self._now.done + (1 if self._begun else 0)
        self._begun = True
        self._tell(replace(self._now, stage=stage, done=done))

    def at(self, stage: str, done: int, total: int) -> None:
        """So many parts of so many are over."""
        self._tell(replace(self._now, stage=stage, done=done, total=total))

    def end(self, *, failed: bool = False) -> None:
        """It is over."""
        now = self._now
        if failed:
            self._tell(replace(now, state="failed"))
        else:
            self._tell(replace(now, done=now.done if now.total is None else now.total, state="done"))

    def _tell(self, now: Progress) -> None:
        self._now = now
        for listener in tuple(_listeners):
            try:
                listener(now)
            except Exception as error:  # what shows progress must not end the work
                _listeners.remove(listener)
                warnings.warn(f"progress is not shown any more: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=2)


@contextmanager
def task(work: str, total: int | None = None) -> Iterator[None]:
    """Work of `total` parts, for as long as the block lasts."""
    if not _listeners:
        yield
        return
    outer = _inside.get()
    made = None if outer else Task(work, total)
    _inside.set(True)
    current = _current.get()
    _current.set(made)
    try:
        if made is not None:
            made._tell(made._now)
        yield
    except BaseException:
        if made is not None:
            made.end(failed=True)
        raise
    else:
        if made is not None:
            made.end()
    finally:
        _current.set(current)
        _inside.set(outer)


def watched() -> bool:
    """Whether somebody listens to the work that this thread is at; asked before a text is made for `step`."""
    return _current.get() is not None


def step(stage: str) -> None:
    """The next part of the work begins."""
    found = _current.get()
    if found is not None:
        found.step(stage)


def at(stage: str, done: int, total: int) -> None:
    """So many parts of the work, of so many, are over."""
    found = _current.get()
    if found is not None:
        found.at(stage, done, total)


def listen(listener: Listener) -> None:
    """Call `listener` with a Progress whenever work goes on, until `forget`; once, also when it is asked twice."""
    if listener not in _listeners:
        _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Do not call it any more."""
    if listener in _listeners:
        _listeners.remove(listener)
