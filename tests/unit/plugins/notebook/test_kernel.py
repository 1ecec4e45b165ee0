"""In a real kernel: a bar while training runs and a line when it is over, tables, short tracebacks."""

import os
import re
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
CELLS = {
    "load": "%load_ext rtml\nimport rtml\nfrom rtml import operators as op\nimport pandas as pd",
    "define": '''%%rtml_operator
class Slow(Operator):
    """Learns nothing from a frame of columns, until somebody looks."""
    learns = True

    def fit(self, frame):
        drawn = next(iter(get_ipython()._rtml_extension._bars._shown.values()))
        while drawn._drawn is None:
            time.sleep(0.01)
        if self.params.fails:
            raise ValueError("no")
        self.state = {}
        return self

    class Params(Params):
        fails: Annotated[bool, doc("whether it fails")] = False

    def transform(self, frame):
        return frame
''',
    "slow": "import time\nfitted = (op.Receiver(schema={'x': 'float'}) >> op.Slow()).fit(pd.DataFrame({'x': [1.0]}))",
    "quick": "fitted = (op.Receiver(schema={'x': 'float'}) >> op.Scaler(cols='x')).fit(pd.DataFrame({'x': [1.0]}))",
    "fails": "(op.Receiver(schema={'x': 'float'}) >> op.Slow(fails=True)).fit(pd.DataFrame({'x': [1.0]}))",
    "broken": "%%rtml_operator\nclass Broken(Operator):\n    x = (1 +)\n",
    "wrong": "1\nop.Pandas(imprt='fillna')",
    "table": "%rtml operators Scaler",
}


class Client(nbclient.NotebookClient):
    """Keeps every message about displays, those that were replaced too."""

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.drawn: list[tuple[int, str, str]] = []

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] in ("display_data", "update_display_data"):
            self.drawn.append((cell_index, msg["msg_type"], msg["content"]["data"].get("text/html", "")))
        return super().process_message(msg, cell, cell_index)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """The notebook, run once."""
    folder = tmp_path_factory.mktemp("kernel")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS.values()])
    client = Client(notebook, timeout=120, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": folder}})
    root = Path(__file__).resolve().parents[4]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RTML_")}
    own = {"IPYTHONDIR": str(folder / "ipython"), "RTML_HOME": str(folder / ".rtml"), "PYTHONPATH": str(root)}
    client.execute(env={**kept, **own})
    return client


def outputs(run: Client, name: str) -> list[Any]:
    return run.nb.cells[list(CELLS).index(name)].outputs  # type: ignore[no-any-return]


def test_a_bar_is_drawn_in_place_and_becomes_a_line(run: Client) -> None:
    drawn = [(kind, html) for cell, kind, html in run.drawn if cell == list(CELLS).index("slow")]
    assert drawn[0][0] == "display_data"
    assert '<progress value="1" max="2"' in drawn[0][1]
    assert "node 2 (Slow)" in drawn[0][1]
    assert {kind for kind, _ in drawn[1:]} == {"update_display_data"}
    (left,) = outputs(run, "slow")
    assert re.fullmatch(r"training: done in \d+\.\d s", left["data"]["text/plain"])


def test_what_is_quick_draws_nothing(run: Client) -> None:
    assert outputs(run, "quick") == []


def test_an_error_leaves_a_line_and_no_bar(run: Client) -> None:
    bar, error = outputs(run, "fails")
    assert re.fullmatch(r"training: stopped after \d+\.\d s, at node 2 \(Slow\)", bar["data"]["text/plain"])
    text = _COLORS.sub("", "\n".join(error["traceback"]))
    assert error["ename"] == "ExecutionError"
    assert f"Cell In[{list(CELLS).index('define') + 1}], line 11, in fit" in text  # as the notebook numbers it
    assert '--> 11             raise ValueError("no")' in text
    assert "ExecutionError: node 2 (Slow) failed: ValueError: no" in text


def test_a_cell_of_operators_that_is_no_python_is_one_sentence(run: Client) -> None:
    (error,) = outputs(run, "broken")
    text = _COLORS.sub("", "\n".join(error["traceback"]))
    assert text == "CellError: line 3 of the cell is no Python: invalid syntax: x = (1 +)"


def test_an_error_shows_the_line_of_the_cell(run: Client) -> None:
    (error,) = outputs(run, "wrong")
    text = _COLORS.sub("", "\n".join(error["traceback"]))
    assert text.splitlines()[0].startswith("Cell In[")
    assert "--> 2 op.Pandas(imprt='fillna')" in text
    assert "ParamError: Pandas: unknown parameter 'imprt'" in text
    assert "rtml_core" not in text


def test_tables_draw_themselves(run: Client) -> None:
    (table,) = outputs(run, "table")
    assert "<table>" in table["data"]["text/html"]
    assert "Scaler" in table["data"]["text/plain"]
