"""A reader who does what a page says: writes its files, runs its Python and its commands, and compares what is printed."""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.docs.blocks import Block, Command, File, Python
from tests.docs.environment import Environment

_CHECKER = doctest.OutputChecker()
_INSTALL = ("pip install -e .", 'pip install -e ".[test]"')
_CD = re.compile(r"cd ([\w./-]+)")


class PageError(AssertionError):
    """What a page says is not what happens."""


class Session:
    """One page being followed, in a folder of its own (which is the working directory)."""

    def __init__(self, page: Path, folder: Path):
        self.page = page
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.status = 0
        self.source: list[str] = []
        #: where the reader is, after `cd`
        self.at = folder
        #: what the reader has installed into, once there is something
        self.environment: Environment | None = None

    def follow(self, steps: list[Block]) -> None:
        """Run all steps; raises PageError at the first that does something else than the page says."""
        for number, step in enumerate(steps):
            following = steps[number + 1] if number + 1 < len(steps) else None
            if isinstance(step, File):
                # what a page has in the reader's home belongs into the page's folder, which is the home of its commands
                home = step.name.startswith("~/")
                target = self.folder / step.name[2:] if home else self.at / step.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(step.text)
            elif isinstance(step, Python):
                self._python(step)
            else:
                self._command(step, following)

    # ---- Python -------------------------------------------------------------------------------------------------

    def _python(self, step: Python) -> None:
        # Compiled under the page's own name and line numbers, so that a traceback points into the page.
        code = compile("\n" * (step.line - 1) + step.source, str(self.page), "exec", dont_inherit=True)
        self._remember(step)
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, self.namespace)
        except Exception as error:
            if step.expected is None:
                raise
            printed.write(f"{type(error).__name__}: {error}\n")
        if step.expected is None and printed.getvalue():
            raise PageError(f"{self._at(step)}: the block prints what the page does not show:\n{printed.getvalue()}")
        if step.expected is not None:
            self._compare(step, step.expected, printed.getvalue())

    def _remember(self, step: Python) -> None:
        """The page's Python, all blocks so far, as its source: functions are found there, as in notebook cells."""
        lines = self.source + ["\n"] * (step.line - 1 - len(self.source)) + step.source.splitlines(keepends=True)
        self.source = lines
        linecache.cache[str(self.page)] = (sum(map(len, lines)), None, lines, str(self.page))

    # ---- commands -----------------------------------------------------------------------------------------------

    def _command(self, step: Command, following: Block | None) -> None:
        if step.source.strip() in _INSTALL:
            return self._install()
        if (moved := _CD.fullmatch(step.source.strip())) is not None:
            self.at = (self.at / moved[1]).resolve(strict=True)
            return None
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status})\n{step.source}"],
            cwd=self.at,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.status = done.returncode
        self._compare(step, step.expected, done.stdout)
        shown = isinstance(following, Command) and following.source.strip() == "echo $?"
        if self.status and not shown:
            raise PageError(f"{self._at(step)}: exit status {self.status}, which the page does not show:\n{done.stdout}")
        return None

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RTML_", "PYTEST_"))}
        own = [str(self.environment.bin)] if self.environment is not None else []
        programs = os.pathsep.join([*own, str(Path(sys.executable).parent), kept.get("PATH", "")])
        told = {"PATH": programs, "PYTHONPATH": str(self.folder), "RTML_HOME": str(self.folder / ".rtml")}
        told["XDG_CONFIG_HOME"] = str(self.folder / ".config")
        return {**kept, **told, "COLUMNS": "120", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}

    def _install(self) -> None:
        """`pip install -e .` for real, but for what it would fetch: the build back end is the one that is here."""
        if self.environment is None:
            self.environment = Environment(self.folder / ".environment")
        self.environment.install(self.at)

    # ---- comparing ----------------------------------------------------------------------------------------------

    def _compare(self, step: Python | Command, expected: str, got: str) -> None:
        wanted, found = _tidy(expected), _tidy(got)
        if not _CHECKER.check_output(wanted, found, doctest.ELLIPSIS):
            raise PageError(f"{self._at(step)}:\n{step.source}\n--- the page says\n{wanted}\n--- it prints\n{found}")

    def _at(self, step: Python | Command) -> str:
        return f"{self.page.name}, line {step.line}"


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"
