"""Writes docs/reference/formula-namespace.md: every function of the array namespace of formulas, from its catalogue.

Each example is run and compiled, and the table shows what came out.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rtml_core import CustomOp, Operator
from rtml_core.errors import describe
from rtml_core.frames import canonical, schema_of, string_dtype
from rtml_core.lowering.namespace.catalogue import ALIASES, FUNCTIONS, GROUPS
from rtml_core.lowering.namespace.names_refused import REFUSED
from rtml_core.lowering.scratch import lower_alone
from rtml_core.testing import onnx_nodes

#: heading -> first function of the part, in the order of the catalogue
_PARTS = {
    "Arithmetic": "add",
    "Powers and logarithms": "exp",
    "Angles": "sin",
    "Rounding, signs, tests": "floor",
    "Comparisons and logic": "equal",
    "Choices, tables, missing values, conversions": "where",
    "Texts": "strings.lower",
    "Times": "dates.year",
}
_INTRO = """# The array namespace of formulas

What `xp` has in `compute(xp, ...)` of an operator, and in the body of a custom operator of kind "function". The page is
generated from the catalogue of the functions; each example ran, and was compiled, when it was written.

A formula sees columns of `float64`, `float32`, `int64`, `bool`, `string`, `timestamp` and `timedelta`. It runs twice: on numpy
arrays, which is the reference, and on symbols, which become ONNX. Both refuse the same things at the same line.

Categories, those of a pandas column as well as those that a Receiver declares, come as the texts that they are: ask with `==` and
`xp.isin`, map with `xp.lookup`. A formula does not know which there may be, and its answers are plain texts.

- **Operators** are functions as well: `+ - * / // % **`, `< <= > >= == !=`, `& | ^ ~` on booleans and whole numbers; `+` joins
  texts, and times take `-` and `+`.
- **Missing values** are NaN, missing texts, times and booleans. A missing operand gives a missing answer; comparisons and
  questions give False, `!=` gives True. `xp.is_missing` asks, `xp.fill_missing` fills. A missing boolean in `&`, `|` and `~` is
  as in pandas: False and missing is False.
- **Constants** are numbers, booleans, texts, `datetime` and `timedelta`, and None where a value may be missing. They take the
  dtype of the column that they meet. A function of constants only is computed once and gives a constant. There are `xp.pi`,
  `xp.e`, `xp.nan`, `xp.inf`.
- **Dtypes** are numpy's, but for this: functions of the mathematical library compute in float64 and give float32 for float32
  columns; whole numbers that come out of texts and times (`length`, `year`, ...) are float64, as a missing one has no integer;
  booleans count as 0 and 1 where numpy would compute in 8 or 16 bits.
- **Exact** means equal to numpy, pandas or Python bit by bit, on every row, but for the sign of a zero: onnxruntime's Where turns
  -0.0 into 0.0. The others agree within 1e-9, the declared tolerance of a formula.
- **Not traced**: `if`, `and`, `or`, `not`, `in`, chained comparisons, `for`, functions of numpy and math, `float()`, f-strings,
  assignment to items. All are refused with what to write instead. `x is None` can't be noticed, and is always False. What
  depends on whether a column may be missing (`astype` to whole numbers, sums of booleans) is refused when a graph compiles; on
  arrays only where a row is missing.

Columns of the examples:

"""


def rows() -> pd.DataFrame:
    """The columns of the examples."""
    return canonical(
        pd.DataFrame(
            {
                "x": [0.5, -2.0, np.nan],
                "y": [0.5, 3.0, 2.0],
                "n": [7, -7, 255],
                "m": [2, 3, -1],
                "p": [True, False, True],
                "q": [True, True, False],
                "s": pd.array(["a-b", " Ab9 ", None], dtype=string_dtype()),
                "u": pd.array(["2024-02-29", "12", "c"], dtype=string_dtype()),
                "t": np.array(["2024-02-29T10:11:12.5", "1969-12-31", "NaT"], dtype="datetime64[us]"),
                "v": np.array(["2024-01-01", "2024-01-01", "2024-01-01"], dtype="datetime64[us]"),
                "d": np.array([90_000_000, -1, 86_400_000_000], dtype="timedelta64[us]"),
            }
        )
    )


def half(x: Any) -> Any:
    """The body of the custom operator of the examples."""
    return x * 0.5


class Shown(Operator):
    """One example as an operator."""

    def __init__(self, code: str):
        self.code = compile(code, code, "eval")
        self.used = [name for name in rows().columns if name in self.code.co_names]
        super().__init__()

    def columns(self) -> Sequence[str]:
        return self.used

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        op = CustomOp("example", "half", 1, ("float64",), ("float64",), body=half, doc="Half of a number.")
        names = {"xp": xp, "dt": datetime.datetime.fromisoformat, "half": op}
        return {"made": eval(self.code, {**names, **dict(zip(self.used, columns, strict=True))})}


def answers(code: str) -> tuple[str, int]:
    """What an example gives on the rows, and how many ONNX nodes it becomes."""
    operator, frame = Shown(code), rows()
    made = operator.process(frame).data["made"]
    nodes = onnx_nodes(lower_alone(operator, schema_of(frame[operator.used])))
    return ", ".join(map(_shown, made)), nodes


def _shown(value: Any) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return "missing"
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    if isinstance(value, (pd.Timestamp, pd.Timedelta)):
        return str(value)
    return describe(value.item() if isinstance(value, np.generic) else value).replace("|", "\\|")


def page() -> str:
    """The whole page."""
    starts = {name: heading for heading, name in _PARTS.items()}
    shown = rows()
    lines = [_INTRO + "| column | dtype | values |", "|---|---|---|"]
    lines += [f"| {name} | {column.dtype} | {', '.join(map(_shown, shown[name]))} |" for name, column in schema_of(shown).items()]
    for name, function in FUNCTIONS.items():
        if name in starts:
            lines += ["", f"## {starts[name]}", "", "| function | | example | gives | ONNX nodes |", "|---|---|---|---|---|"]
        code = function.examples[0]
        gives, nodes = answers(code)
        kind = "" if function.exact else " Near."
        call = f"{name}{function.signature}".replace("|", "\\|")
        doc = function.doc.replace("|", "\\|")
        lines.append(f"| `{call}` | {doc}{kind} | `{code.replace('|', chr(92) + '|')}` | {gives} | {nodes} |")
    lines += ["", "*Near*: the last digits may differ, see above.", "", "## Other names", ""]
    lines += [", ".join(f"`{other}` is `{name}`" for other, name in ALIASES.items()) + ".", ""]
    lines += ["## What numpy has and formulas do not", "", "| names | why, or what to write |", "|---|---|"]
    together: dict[str, list[str]] = {}
    for name, why in REFUSED.items():
        together.setdefault(why, []).append(name)
    lines += [f"| {', '.join(f'`{name}`' for name in names)} | {why} |" for why, names in together.items()]
    assert set(starts) <= set(FUNCTIONS)
    assert sum(map(len, GROUPS.values())) == len(FUNCTIONS)
    return "\n".join(lines) + "\n"


def write(target: Path, text: str) -> None:
    """Write the page when it changed."""
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda built: write(Path(built.srcdir) / "reference" / "formula-namespace.md", page()))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    write(Path(__file__).parents[1] / "reference" / "formula-namespace.md", page())
