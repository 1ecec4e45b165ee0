"""The command line in the process of a test: what it would print, and with which code it would end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CliResult:
    """How a run of the command line ended. code: its exit code; out, err: what it wrote to standard output and error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output read as JSON, of a command with --json. AssertionError with all of it when it is none."""
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError(f"the output is no JSON: code {self.code}, out {self.out!r}, err {self.err!r}") from None

    @property
    def error(self) -> str:
        """The sentence behind "Error: ", with which it failed. AssertionError when it did not, or showed a traceback."""
        last = self.err.strip().rpartition("\n")[2]
        if self.code == 0 or not last.startswith("Error: ") or "Traceback" in self.err:
            raise AssertionError(f"it does not end in an error: code {self.code}, out {self.out!r}, err {self.err!r}")
        return last.removeprefix("Error: ")


class Cli:
    """Runs `rtml` in this process, in a folder: cli("plugins", "list", "--json").json"""

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)

    def __call__(self, *arguments: Any, stdin: str | bytes = b"") -> CliResult:
        """Run one command line. arguments: words, or anything whose text is one; stdin: what it reads from standard input.

        What is returned is what a shell would see; a command that fails raises nothing. The process is the test's: plugins,
        warnings and monkeypatches hold here too.
        """
        from rtml_core.cli.app import run

        out, err = _Stream(), _Stream()
        given = io.TextIOWrapper(io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin), encoding="utf-8")
        words = [os.fspath(word) if isinstance(word, os.PathLike) else str(word) for word in arguments]
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            _standard_input(given),
            contextlib.chdir(self.folder),
        ):
            try:
                code = run(words)
            except SystemExit as end:  # of a plugin's command
                code = _exit_code(end)
        return CliResult(code, out.text(), err.text())


def _exit_code(end: SystemExit) -> int:
    """The code with which Python ends then; a text goes to standard error."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


class _Stream(io.TextIOWrapper):
    """A standard stream with its `buffer`, kept in memory."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n", write_through=True)

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined,no-any-return]


@contextlib.contextmanager
def _standard_input(stream: io.TextIOWrapper) -> Iterator[None]:
    before, sys.stdin = sys.stdin, stream
    try:
        yield
    finally:
        sys.stdin = before
