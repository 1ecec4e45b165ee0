"""A shell of IPython in the process of a test, with the extension loaded."""

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from traitlets.config import Config

from rtml_plugins.up import embedded

_COLORS = re.compile(r"\x1b\[[0-9;]*m")


class Notebook:
    """Runs cells as a notebook does. out: what the last one printed, tracebacks included, without colours."""

    def __init__(self, shell: InteractiveShell):
        self.shell = shell
        self.out = ""

    def __call__(self, cell: str) -> ExecutionResult:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            result = self.shell.run_cell(cell, store_history=True)
        self.out = _COLORS.sub("", printed.getvalue())
        return result

    def value(self, cell: str) -> object:
        """What a cell gives that does not fail."""
        result = self(cell)
        result.raise_error()
        return result.result

    def complete(self, text: str) -> list[str]:
        """What a Tab at the end of a cell offers that comes from rtml, in order."""
        with provisionalcompleter():
            found = self.shell.Completer.completions(text, len(text))
            return [text[: one.start] + one.text for one in found if one._origin == "rtml"]


@pytest.fixture
def plain_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell as IPython makes it, in a folder of its own; what it changes of the process is put back."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("RTML_HOME", str(tmp_path / ".rtml"))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(embedded, "_machines", {})  # those that other tests of this process have started
    kept = {name: getattr(sys, name, None) for name in ("excepthook", "displayhook", "ps1", "ps2", "ps3")}
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.Completer.use_jedi = False  # it starts a process of its own
    yield shell
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()
    for name, value in kept.items():
        if value is not None:
            setattr(sys, name, value)


@pytest.fixture
def notebook(plain_shell: InteractiveShell) -> Iterator[Notebook]:
    """A notebook that begins as the templates do."""
    made = Notebook(plain_shell)
    made("%load_ext rtml\nimport rtml\nfrom rtml import operators as op\nimport pandas as pd").raise_error()
    yield made
    made("%unload_ext rtml").raise_error()
