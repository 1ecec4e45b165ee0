"""Runs a notebook whole, cell by cell as a kernel does, in this process: so that a test sees what its variables are."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
Variables = dict[str, Any]


def code_cells(name: str) -> list[str]:
    """The sources of the code cells of a notebook in examples/."""
    cells = json.loads((EXAMPLES / name).read_text())["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@contextmanager
def shell(folder: Path) -> Iterator[Any]:
    """An IPython shell of its own that works in a folder."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("IPYTHONDIR", str(folder / "ipython"))
        changed.setenv("RTML_HOME", str(folder / "home"))
        changed.chdir(folder)
        known = _forget()  # a kernel that was just started has imported nothing of it
        made = InteractiveShell.instance(config=settings)
        try:
            yield made
        finally:
            InteractiveShell.clear_instance()
            _forget()  # modules of the shell beside those of before would have two classes of one name
            sys.modules.update(known)


def _forget() -> dict[str, ModuleType]:
    """Take platform_sdk out of what is imported; what it was."""
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "platform_sdk"}


def run(name: str, folder: Path, hub: str, *, before: str = "", then: Callable[[Variables], object] | None = None) -> Variables:
    """Run all code cells of a notebook with RTML_HUB set; its variables. An error of a cell is raised.

    then: called with the variables before the cell that holds the text `before`.
    """
    cells = code_cells(name)
    assert then is None or sum(before in source for source in cells) == 1
    with pytest.MonkeyPatch.context() as changed, shell(folder) as running:
        changed.setenv("RTML_HUB", hub)
        for number, source in enumerate(cells, 1):
            if then is not None and before in source:
                then(running.user_ns)
            result = running.run_cell(source, silent=True)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                error.add_note(f"code cell {number} of {name}:\n{source}")
                raise error
        return dict(running.user_ns)
