"""What a formula can say, a custom operator of kind "function" can: every example of the namespace as an ONNX function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import CustomOp, Operator
from rtml_core.columns import Column, Schema
from rtml_core.custom_ops import apply
from rtml_core.frames import string_dtype
from rtml_core.lowering.custom import custom
from rtml_core.lowering.namespace.catalogue import FUNCTIONS
from rtml_core.lowering.scratch import lower_alone
from rtml_core.testing import assert_parity, frame
from tests.unit.core.lowering.namespace.examples import COLUMNS, HALF, Example, dt

WORDS = dict(
    zip(COLUMNS, ["float?"] * 2 + ["int"] * 2 + ["bool"] * 2 + ["string?"] * 2 + ["timestamp?"] * 2 + ["timedelta?"], strict=True)
)
DTYPES = {"float?": "float64", "int": "int64", "bool": "bool", "string?": "string", "timestamp?": "timestamp"}
#: what a function refuses by its nature: a row check, code of a plugin
REFUSED = ("xp.astype(xp.fill_missing(x, 0.0), 'int64')", "xp.custom(half, x)")
EXAMPLES = {
    exact: [text for f in FUNCTIONS.values() for text in f.examples if f.exact is exact and text not in REFUSED]
    for exact in (True, False)
}
#: examples in one function
TOGETHER = 12
CHUNKS = [
    (exact, tuple(texts[start : start + TOGETHER]))
    for exact, texts in EXAMPLES.items()
    for start in range(0, len(texts), TOGETHER)
]


class Calling(Operator):
    """The examples as outputs of one function."""

    def __init__(self, texts: tuple[str, ...], sees_missing: bool, exact: bool):
        super().__init__()
        self.tolerance = (0.0, 0.0) if exact else (1e-9, 1e-9)  # type: ignore[misc]
        self.used = Example(*texts).used
        dtypes = [DTYPES.get(WORDS[name], "timedelta") for name in self.used]
        known = Schema([Column(name, dtype, finite=False) for name, dtype in zip(self.used, dtypes, strict=True)])
        lowered = lower_alone(Example(*texts), known).result
        codes = [compile(text, "<example>", "eval") for text in texts]

        def body(xp: Any, *columns: Any) -> Any:
            names = {"xp": xp, "dt": dt, "half": HALF, **dict(zip(self.used, columns, strict=True))}
            return tuple(eval(code, names) for code in codes)

        self.op = CustomOp(
            "examples", "function", 1, tuple(dtypes), tuple(lowered[text].dtype for text in texts), body, "Examples.",
            kind="function", sees_missing=sees_missing, gives_missing=True,
        )  # fmt: skip

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        made = rows.copy()
        answers = apply(self.op, *(rows[name] for name in self.used))
        for position, (dtype, values) in enumerate(zip(self.op.outputs, answers, strict=True)):
            series = pd.Series(values, index=rows.index)
            if values.dtype == object:
                series = series.astype(string_dtype() if dtype == "string" else "boolean")
            made[f"made{position}"] = series
        return made

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        made = custom(b, self.op, *(columns[name] for name in self.used))
        return {**columns, **{f"made{position}": column for position, column in enumerate(made)}}


@pytest.mark.parametrize("sees_missing", [False, True], ids=["masked", "seen"])
@pytest.mark.parametrize(("exact", "texts"), CHUNKS, ids=[f"{n}: {texts[0]}" for n, (_, texts) in enumerate(CHUNKS)])
def test_every_example_is_the_same_inside_of_a_function(exact: bool, texts: tuple[str, ...], sees_missing: bool) -> None:
    node = Calling(texts, sees_missing, exact)
    rows = frame({name: WORDS[name] for name in node.used}, rows=120, infinite=True)
    with np.errstate(all="ignore"):
        assert_parity(node, rows)
        assert_parity(node, rows.dropna().reset_index(drop=True).iloc[:20])


def test_hardly_any_example_is_left_out() -> None:
    assert sum(len(texts) for _, texts in CHUNKS) == sum(len(f.examples) for f in FUNCTIONS.values()) - len(REFUSED)
