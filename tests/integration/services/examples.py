"""Pages whose examples need a hub and edges: {code-block} python and console blocks, and the text that each prints."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

_BLOCK = re.compile(r"```(?:\{code-block\} )?(python|console)\n(.*?)```\n(?:\n```text\n(.*?)```\n)?", re.DOTALL)


def follow(page: Path, cli: Any, namespace: dict[str, Any]) -> int:
    """Do what a page says in the folder of the command line; the number of blocks. AssertionError at the first difference."""
    found = _BLOCK.findall(page.read_text())
    with contextlib.chdir(cli.folder):
        for kind, source, shown in found:
            if kind == "python":
                _same(shown, _python(page, source, namespace), source)
            else:
                for command in re.split(r"^\$ ", source, flags=re.MULTILINE)[1:]:
                    line, _, printed = command.partition("\n")
                    _same(printed, _command(line, cli), line)
    return len(found)


def _python(page: Path, source: str, namespace: dict[str, Any]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(source, str(page), "exec"), namespace)
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return printed.getvalue()


def _command(line: str, cli: Any) -> str:
    if not line.startswith("rtml "):
        return subprocess.run(["bash", "-c", line], cwd=cli.folder, capture_output=True, text=True, check=True).stdout
    done = cli(*shlex.split(line)[1:])
    return done.out + done.err


def _same(shown: str, printed: str, source: str) -> None:
    assert doctest.OutputChecker().check_output(shown, printed, doctest.ELLIPSIS), (
        f"{source}\n--- shown\n{shown}\n--- printed\n{printed}"
    )
