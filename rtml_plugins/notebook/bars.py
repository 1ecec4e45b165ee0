"""A bar for training, compiling and publishing while they run, and one line in its place when they are over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from html import escape
from typing import TYPE_CHECKING, Any, Final

from rtml_core import progress
from rtml_core.progress import Progress

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

#: seconds that work may take without a bar, and between two pictures of it
QUICK: Final = 0.3
_BETWEEN: Final = 0.1
_WIDTH: Final = 24


class Bars:
    """Listens to the work of this process and shows it in one shell."""

    def __init__(self, shell: InteractiveShell):
        make: Callable[[], Any] = _InNotebook if getattr(shell, "kernel", None) is not None else _InTerminal
        self._make = make
        self._shown: dict[int, _Bar] = {}

    def load(self) -> None:
        """Listen."""
        progress.listen(self)

    def unload(self) -> None:
        """Listen no more; what is shown stays as it is."""
        progress.forget(self)
        self._shown.clear()

    def __call__(self, now: Progress) -> None:
        """Work goes on."""
        bar = self._shown.get(now.task)
        if bar is None:
            if now.state != "running":
                return
            bar = self._shown[now.task] = _Bar(self._make())
        bar.tell(now)
        if now.state != "running":
            del self._shown[now.task]


class _Bar:
    """The bar of one piece of work. A thread draws it, as what is slow may be a single part, and nobody waits for a picture."""

    def __init__(self, place: Any):
        self._place = place
        self._began = time.monotonic()
        self._now: Progress | None = None
        self._drawn: Progress | None = None
        self._over = threading.Event()
        context = copy_context()  # the cell whose output it is
        self._thread = threading.Thread(target=lambda: context.run(self._watch), name="rtml progress", daemon=True)
        self._thread.start()

    def tell(self, now: Progress) -> None:
        """Work goes on. At its end the bar, where there is one, becomes the line that stays."""
        self._now = now
        if now.state != "running":
            self._over.set()
            self._thread.join()
            if self._drawn is not None:
                self._place.close(ended(now, time.monotonic() - self._began))

    def _watch(self) -> None:
        pause = QUICK
        while not self._over.wait(pause):
            pause, now = _BETWEEN, self._now
            if now is not None and now is not self._drawn and now.state == "running":
                self._drawn = now
                self._place.draw(now)


def doing(now: Progress) -> str:
    """What is being done: "training, 2 of 7: node 3 (OneHotEncoder)"."""
    of = f", {now.done} of {now.total}" if now.total else ""
    return f"{now.work}{of}{f': {now.stage}' if now.stage else ''}"


def ended(now: Progress, seconds: float) -> str:
    """The line that stays: "training: done in 3.2 s"."""
    took = f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"
    if now.state == "failed":
        return f"{now.work}: stopped after {took}{f', at {now.stage}' if now.stage else ''}"
    return f"{now.work}: done in {took}"


class _InNotebook:
    """One output of a cell that is drawn anew each time."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, now: Progress) -> None:
        """The bar as it is now."""
        value = f' value="{now.done}" max="{now.total}"' if now.total else ""
        self._show(f'<progress{value} style="vertical-align:middle"></progress> {escape(doing(now))}', doing(now))

    def close(self, line: str) -> None:
        """One line in its place."""
        self._show(f"<span>{escape(line)}</span>", line)

    def _show(self, html: str, text: str) -> None:
        from IPython.display import display

        data = {"text/html": html, "text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


class _InTerminal:
    """A line that is written over, on a terminal; nothing where standard error is none."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()

    def draw(self, now: Progress) -> None:
        """The bar as it is now."""
        filled = _WIDTH * now.done // now.total if now.total else 0
        self._write(f"\r\033[K[{'#' * filled}{'.' * (_WIDTH - filled)}] {doing(now)}")

    def close(self, line: str) -> None:
        """One line in its place."""
        self._write(f"\r\033[K{line}\n")

    def _write(self, text: str) -> None:
        if self._terminal:
            sys.stderr.write(text)
            sys.stderr.flush()
