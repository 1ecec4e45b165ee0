"""The README's figures are those of the benchmarks, not of an earlier day."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
#: in the README's sentence about single rows -> row of the benchmarks' table of one row
ROWS = {
    "scikit-learn on a one-row frame": "scikit-learn Pipeline on a one-row frame",
    "ONNX written by hand": "ONNX by hand, from a dict",
    "rtml": "rtml compiled, Runtime on a dict",
}
#: what a pipeline runs on, in the README -> in the results
KINDS = {"scikit-learn": "scikit-learn", "ONNX Runtime by hand": "ONNX Runtime by hand", "": "rtml"}


def cells(text: str) -> list[list[str]]:
    """The cells of all table rows of a page."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_figures_of_one_row_are_those_of_the_benchmarks() -> None:
    page = (ROOT / "tests" / "benchmarks" / "README.md").read_text()
    one_row = page[page.index("### One row") : page.index("### Rows a second")]
    header, *rows = cells(one_row)
    measured = {row[0]: row[header.index("fastest turn")] for row in rows}
    sentence = README[README.index("microseconds a row:") : README.index("from a dict to the answer. The gain")]
    wrong = {
        name: f"measured {measured[source]}"
        for name, source in ROWS.items()
        if not re.search(rf"{re.escape(name)}\s+{re.escape(measured[source])},", sentence.replace("\n", " "))
    }
    assert wrong == {}, "copy the measured figures into README.md"


def test_the_figures_of_serving_are_those_of_the_benchmarks() -> None:
    contenders = json.loads((ROOT / "tests/benchmarks/serving/results/throughput.json").read_text())["contenders"]
    measured = {
        (one["name"], one["kind"]): [f"{one['connections']['32']['rate']:,.0f}", f"{one['paced']['p99']:.3g}"]
        for one in contenders.values()
    }
    _, _, *rows = cells(README[README.index("| a pipeline with 80 trees over HTTP") : README.index("Measured [side by side]")])
    shown = {tuple(name.partition(", ")[::2]): figures for name, *figures in rows}
    wanted = {(name, kind): measured[name, KINDS[kind]] for name, kind in shown}
    assert len(shown) == 5
    assert shown == wanted, "copy the measured figures into the table of README.md"


def test_the_first_screen_stays_one_screen() -> None:
    fold = README.index("\n---\n")
    assert README[:fold].count("\n") < 62
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    assert code.start() < fold
