"""%%rtml_operator: a cell defines operators, which are checked, registered, replaced, and saved as a package."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rtml_core import operators
from tests.unit.plugins.notebook.conftest import Notebook

HALF = '''%%rtml_operator
class Half(Operator):
    """Half of a number column, as float64; missing stays missing."""

    class Params(Params):
        col: Annotated[str, doc("column of numbers")]

    def columns(self):
        return [self.params.col]

    def compute(self, xp, x):
        return {"half": x / 2.0}

    @classmethod
    def examples(cls):
        return [cls(col="x")]

    def parity_cases(self):
        return pd.DataFrame({self.params.col: [0.0, 3.0, None]})
'''


def test_a_formula_is_an_operator_at_once(notebook: Notebook) -> None:
    found = notebook.value(HALF)
    assert [one.name for one in found] == ["Half"]
    assert "a formula: it runs on numpy, and is traced into ONNX" in repr(found)
    assert "ok: 1 example: parameters come back from JSON, 3 parity cases equal in both forms" in repr(found)
    assert "column of numbers" in found._repr_html_()
    package = notebook.value('(op.Receiver(schema={"x": "float"}) >> op.Half(col="x")).compile()')
    assert package.score({"x": 3.0}) == {"x": 3.0, "half": 1.5}
    assert package.report is not None
    assert [(plugin.name, plugin.distribution) for plugin in package.manifest.plugins if plugin.distribution != "rtml"] == [
        ("notebook", "in development")
    ]


def test_running_the_cell_again_replaces_the_class(notebook: Notebook) -> None:
    notebook.value(HALF)
    notebook.value('old = op.Receiver(schema={"x": "float"}) >> op.Half(col="x")')
    assert notebook.value(HALF.replace("x / 2.0", "x / 4.0"))[0].replaced
    assert notebook.value('op.Half(col="x").process(pd.DataFrame({"x": [8.0]})).data["half"][0]') == 2.0
    assert notebook.value('old.run(pd.DataFrame({"x": [8.0]}))["half"][0]') == 4.0
    assert notebook.value("rtml.Graph.from_dsl(old.to_dsl())").nodes["half"].name == "Half"


def test_a_graph_whose_operator_is_not_here_says_which_cell_to_run(notebook: Notebook) -> None:
    notebook.value(HALF)
    notebook.value('document = (op.Receiver(schema={"x": "float"}) >> op.Half(col="x")).to_dsl()')
    notebook("%reload_ext rtml").raise_error()
    notebook("rtml.Graph.from_dsl(document)")
    assert "It was written in a notebook: run the cell that defines it (%%rtml_operator), or install its plugin." in notebook.out


def test_two_forms_and_a_base_class(notebook: Notebook) -> None:
    found = notebook.value('''%%rtml_operator
class Base(Operator):
    """Adds a column of ones to a frame."""

class One(Base):
    """Adds a column of ones to a frame."""
    def transform(self, frame):
        return frame.assign(one=1.0)
    def lower(self, b, columns):
        return columns
    @classmethod
    def examples(cls):
        return [(cls(), pd.DataFrame({"x": [1.0]}))]

class OnlyHere(Operator):
    """Shuffles a frame of columns."""
    role = "authoring"
    def transform(self, frame):
        return frame
''')
    one, here = found
    assert (one.name, one.form, one.well) == ("One", "two forms: process, and lower in ONNX", False)
    assert "both forms are compared" in repr(one) or "authored gives the columns ['x', 'one'], compiled gives ['x']" in str(one)
    assert here.form == "process only: it runs when authoring, and a graph with it does not compile"
    assert here.well
    assert "Base" not in dir(operators)


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (
            'class Pandas(Operator):\n    "columns"\n    def transform(self, f): return f',
            "operator 'Pandas' is brought by plugin 'pandas' (built in): give yours another name (line 2 of the cell)",
        ),
        ("x = 1\nclass Bad(Operator):\n    def transform(self, f): return f", "operator Bad has no docstring"),
        ("x = 1\nclass Bad(Operator):\n    def transform(self, f): return f", "(line 3 of the cell)"),
        ("x = 1\nclass Bad(Operator:\n    pass", "line 3 of the cell is no Python"),
        ("x = 1", "the cell defines no class of operators"),
        ("# nothing", "the cell is empty"),
    ],
)
def test_what_is_wrong_names_the_line(notebook: Notebook, cell: str, sentence: str) -> None:
    before = dir(operators)
    assert not notebook(f"%%rtml_operator\n{cell}").success
    assert sentence in notebook.out
    assert len(notebook.out.strip().splitlines()) == 1
    assert dir(operators) == before


def test_a_class_that_is_refused_leaves_the_one_before(notebook: Notebook) -> None:
    notebook.value(HALF)
    notebook(
        '%%rtml_operator\nclass Half(Operator):\n    """Columns."""\n\nclass Other(Half):\n    "Columns"\n    name = "no name"'
    )
    assert notebook.value('op.Half(col="x")').name == "Half"
    assert "Other" not in dir(operators)


def test_an_error_in_the_formula_points_into_the_cell(notebook: Notebook) -> None:
    found = notebook.value(HALF.replace("x / 2.0", "xp.nothing(x)"))
    assert not found[0].well
    assert 'the cell, line 12: return {"half": xp.nothing(x)}' in repr(found)
    notebook('op.Half(col="x").process(pd.DataFrame({"x": [1.0]}))')
    assert '--> 12         return {"half": xp.nothing(x)}' in notebook.out
    notebook("%%rtml_operator\nlet = 1\n\nclass Half(Operator):\n    x = 1 / 0")
    assert "--> 5     x = 1 / 0" in notebook.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--save", "%%rtml_operator takes --save FOLDER and --name NAME; got '--save'"),
        ("--nope x", "%%rtml_operator takes --save FOLDER and --name NAME; got '--nope x'"),
        ("--name x", "--name is the name of a package: give --save FOLDER, too"),
        ("--save nowhere", "nowhere does not exist; make it first"),
    ],
)
def test_options_that_are_wrong(notebook: Notebook, options: str, sentence: str) -> None:
    notebook(HALF.replace("%%rtml_operator", f"%%rtml_operator {options}"))
    assert sentence in notebook.out


def test_help(notebook: Notebook) -> None:
    for cell in ("%rtml_operator", "%rtml_operator --help", "%%rtml_operator --help\nx"):
        assert notebook.value(cell) is None
        assert "--save FOLDER" in notebook.out


def test_a_cell_is_saved_as_a_package(notebook: Notebook, tmp_path: Path) -> None:
    notebook.value("LIMIT = 3.0")
    cell = HALF.replace("%%rtml_operator", "%%rtml_operator --save .").replace("x / 2.0", "xp.minimum(x, LIMIT) / 2.0")
    assert 'pip install -e ".[test]"' in repr(notebook.value(cell))
    folder = tmp_path / "rtml-half"
    source = (folder / "rtml_half" / "operators.py").read_text()
    for line in (
        "        import pandas as pd",  # inside of parity_cases: a plugin is imported at every start
        "from rtml_core import Operator",
        "from rtml_core import Params",
        "from rtml_core import doc",
        "from typing import Annotated",
        "LIMIT = 3.0",
        "class Half(Operator):",
    ):
        assert line in source.splitlines()
    start = (folder / "rtml_half" / "__init__.py").read_text()
    assert "from rtml_half.operators import Half" in start
    assert "return [Half]" in start
    assert "| `Half` | Half of a number column, as float64; missing stays missing |" in (folder / "README.md").read_text()
    namespace: dict[str, Any] = {"__name__": "rtml_half.operators"}
    exec(compile(source, "operators.py", "exec"), namespace)
    made = namespace["Half"](col="x").process(pd.DataFrame({"x": [8.0, 1.0]})).data
    assert made["half"].tolist() == [1.5, 0.5]


def test_a_saved_cell_is_saved_again_until_its_author_takes_it_over(notebook: Notebook, tmp_path: Path) -> None:
    cell = HALF.replace("%%rtml_operator", "%%rtml_operator --save . --name sums")
    notebook.value(cell)
    readme = tmp_path / "rtml-sums" / "README.md"
    readme.write_text("mine")
    assert "again" in repr(notebook.value(cell.replace("x / 2.0", "x / 8.0")))
    module = tmp_path / "rtml-sums" / "rtml_sums" / "operators.py"
    assert "x / 8.0" in module.read_text()
    assert readme.read_text() == "mine"
    module.write_text("# mine\n")
    notebook(cell)
    assert "is the author's by now" in notebook.out


def test_an_import_stays_outside_when_it_is_used_there(notebook: Notebook, tmp_path: Path) -> None:
    notebook.value("import math")
    cell = HALF.replace("%%rtml_operator", "%%rtml_operator --save .").replace("class Half", "LIMIT = math.pi\n\n\nclass Half")
    notebook.value(cell)
    assert "import math" in (tmp_path / "rtml-half" / "rtml_half" / "operators.py").read_text().splitlines()


def test_a_cell_that_leans_on_another_is_not_saved(notebook: Notebook) -> None:
    notebook.value("def helper(x):\n    return x")
    notebook(HALF.replace("%%rtml_operator", "%%rtml_operator --save .").replace("x / 2.0", "helper(x)"))
    assert "the cell uses 'helper', which is not defined in it: put the definition into this cell" in notebook.out
