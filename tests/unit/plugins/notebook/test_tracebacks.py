"""Errors of rtml show the lines of the user's own code and the sentence; others are as ever."""

from typing import Any

import pytest

from tests.unit.plugins.notebook.conftest import Notebook


def test_the_lines_of_the_cells_and_the_sentence(notebook: Notebook) -> None:
    notebook.value("def node(x):\n    return op.Pandas(imprt=x)")
    notebook("a = 1\nnode('fillna')")
    assert "--> 2 node('fillna')" in notebook.out
    assert "--> 2     return op.Pandas(imprt=x)" in notebook.out
    assert "ParamError: Pandas: unknown parameter 'imprt'." in notebook.out
    assert "rtml_core" not in notebook.out
    assert len(notebook.out.splitlines()) <= 12


def test_all_of_it_can_be_seen(notebook: Notebook) -> None:
    notebook("op.Pandas(imprt='fillna')")
    notebook("%rtml traceback")
    assert "rtml_core/params.py" in notebook.out
    notebook("%tb")
    assert "rtml_core/params.py" in notebook.out


def test_causes_are_folded(notebook: Notebook) -> None:
    notebook.value('''%%rtml_operator
class Broken(Operator):
    """Reads a column."""
    def transform(self, frame):
        return frame.assign(y=frame["nope"])
''')
    notebook("(op.Receiver(schema={'x': 'float'}) >> op.Broken()).run(pd.DataFrame({'x': [1.0]}))")
    assert '--> 5         return frame.assign(y=frame["nope"])' in notebook.out
    assert "ExecutionError: node 2 (Broken) failed: KeyError: 'nope'" in notebook.out
    assert "During handling" not in notebook.out
    assert "direct cause" not in notebook.out
    assert "site-packages" not in notebook.out


def test_notes_are_shown(notebook: Notebook) -> None:
    notebook("(op.Receiver(schema={'x': 'float'}) >> op.Pandas(import_='shift', cols='x')).compile()")
    assert "CompileError: Node 2 (Pandas 'shift')" in notebook.out
    assert "node id: pandas" in notebook.out


@pytest.mark.parametrize(("cell", "text"), [("1 / 0", "ZeroDivisionError"), ("x = )", "SyntaxError"), ("{}['a']", "KeyError")])
def test_other_errors_are_as_ever(notebook: Notebook, cell: str, text: str) -> None:
    shell = notebook.shell
    notebook(cell)
    mine = notebook.out
    notebook("%unload_ext rtml").raise_error()
    notebook(cell)
    number = shell.execution_count - 1
    assert text in mine
    assert mine.replace(f"In[{number - 2}]", "In[]") == notebook.out.replace(f"In[{number}]", "In[]")
    notebook("%load_ext rtml").raise_error()


def test_a_file_of_the_user_is_shown_and_a_library_is_not(notebook: Notebook, tmp_path: object) -> None:
    notebook.value("%%writefile features.py\nfrom rtml import operators as op\ndef f():\n    return op.Scaler(col='a')")
    notebook.value("import sys; sys.path.insert(0, '.')\nimport features\nsys.path.remove('.')")
    notebook("features.f()")
    assert "features.py, line 3, in f" in notebook.out
    assert "--> 3     return op.Scaler(col='a')" in notebook.out


@pytest.mark.parametrize(
    "compiled",
    [
        "def columns(self):\n        return ['x']\n    def compute(self, xp, x):\n        return {'y': x * 3.0}",
        "def lower(self, b, columns):\n        return {**columns, 'y': columns['x']}",
    ],
)
def test_a_parity_error_shows_its_worst_rows(notebook: Notebook, monkeypatch: pytest.MonkeyPatch, compiled: str) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda value, **_: shown.append(value))
    notebook.value(f"""%%rtml_operator
class Twice(Operator):
    '''Twice a column of floats.'''
    def transform(self, frame):
        return frame.assign(y=frame["x"] * 2.0)
    {compiled}
""")
    notebook("(op.Receiver(schema={'x': 'float'}) >> op.Twice()).compile()")
    assert "ParityError: Authored and compiled differ at " in notebook.out
    (table,) = shown
    assert "<table" in table.data
