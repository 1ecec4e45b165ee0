"""The README's figures are those of the benchmarks, not of an earlier day."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: row of the README's table -> row of the benchmarks' table of one row
ROWS = {
    "scikit-learn `Pipeline` on a one-row frame": "scikit-learn Pipeline on a one-row frame",
    "the same written in ONNX by hand, from a dict": "ONNX by hand, from a dict",
    "rtml, from a dict to the answer": "rtml compiled, Runtime on a dict",
}


def cells(text: str) -> list[list[str]]:
    """The cells of all table rows of a page."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_the_figures_are_those_of_the_benchmarks() -> None:
    shown = {row[0]: row[1] for row in cells((ROOT / "README.md").read_text())}
    page = (ROOT / "tests" / "benchmarks" / "README.md").read_text()
    one_row = page[page.index("### One row") : page.index("### Rows a second")]
    header, *rows = cells(one_row)
    column = header.index("fastest turn")
    measured = {row[0]: row[column] for row in rows}
    wrong = {
        name: f"{shown.get(name)}; measured {measured[source]}"
        for name, source in ROWS.items()
        if shown.get(name) != measured[source]
    }
    assert wrong == {}, "copy the measured figures into the table of README.md"


def test_the_first_screen_stays_one_screen() -> None:
    readme = (ROOT / "README.md").read_text()
    fold = readme.index("\n---\n")
    assert readme[:fold].count("\n") < 60
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    assert code.start() < fold
