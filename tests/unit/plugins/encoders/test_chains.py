"""Random chains of fitted operators and Pandas steps over several columns: folded or not, they answer as the eager chain does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import DataMsg, Operator
from rtml_core import operators as op
from rtml_core.errors import RtmlError
from rtml_core.testing import assert_parity

TEXTS = ["a", "b", "A", "ß", "SS", "İ", "", " a", "日本", "Others", None]
NUMBERS = [0.0, -0.0, 1.0, 2.5, -7.0, 1e300, 5e-324, float(2**53), np.nan]


class Chain(Operator):
    """Steps one after the other, as one operator."""

    steps: list[Operator]

    def process(self, message: Any = None, *_: Any) -> Any:
        message = DataMsg(data=message)
        for step in self.steps:
            message = step.process(message)
        return message

    def lower(self, b: Any, columns: Any) -> Any:
        for step in self.steps:
            columns = step.lower(b, columns)
        return columns


@st.composite
def frames(draw: Any, rows: int) -> pd.DataFrame:
    """Two to four columns of texts, two of numbers, one of booleans and one of whole numbers."""
    texts = draw(st.integers(2, 4))
    columns: dict[str, Any] = {
        f"s{i}": pd.Series(draw(st.lists(st.sampled_from(TEXTS), min_size=rows, max_size=rows)), dtype="str")
        for i in range(texts)
    }
    for name in ("x0", "x1"):
        columns[name] = pd.Series(draw(st.lists(st.sampled_from(NUMBERS), min_size=rows, max_size=rows)), dtype="float64")
    columns["b"] = draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    columns["n"] = draw(st.lists(st.sampled_from([0, 1, 2**53 + 1, -(2**62)]), min_size=rows, max_size=rows))
    return pd.DataFrame(columns)


def step(draw: Any, frame: pd.DataFrame) -> Operator:
    """One operator on columns of the frame that it can take."""
    texts = [name for name in frame if frame[name].dtype == "str"]
    numbers = [name for name in frame if frame[name].dtype.kind in "fi" and name != "y"]
    cols = draw(st.lists(st.sampled_from(sorted({*texts, *numbers, "b"} & set(frame))), min_size=1, max_size=6, unique=True))
    words = [name for name in cols if name in texts]
    figures = [name for name in cols if name in numbers]
    kinds = ["ordinal", "frequency", "target", "mode"]
    kinds += ["group", "lower", "upper", "hot"] if words else []
    kinds += ["scale", "bins", "mean"] if figures else []
    kind = draw(st.sampled_from(kinds))
    missing = draw(st.sampled_from(["missing", "category", "unknown"]))
    made: dict[str, Any] = {
        "ordinal": lambda: op.OrdinalEncoder(cols=cols, handle_missing=missing, by=draw(st.sampled_from(["value", "frequency"]))),
        "frequency": lambda: op.FrequencyEncoder(cols=cols, handle_missing=missing),
        "target": lambda: op.TargetEncoder(cols=cols, label="y", handle_missing=missing),
        "mode": lambda: op.FillMissing(cols=cols, strategy="mode"),
        "group": lambda: op.GroupRare(cols=words, top=draw(st.integers(1, 3))),
        "lower": lambda: op.Pandas(import_="str.lower", cols=words, inplace=True),
        "upper": lambda: op.Pandas(import_="str.upper", cols=words, inplace=True),
        "hot": lambda: op.OneHotEncoder(cols=words),
        "scale": lambda: op.Scaler(cols=figures, method=draw(st.sampled_from(["standard", "minmax", "robust", "maxabs"]))),
        "bins": lambda: op.QuantileBins(
            cols=figures,
            bins=3,
            labels=draw(st.sampled_from(["range", "code"])),
            handle_missing=draw(st.sampled_from(["missing", "bin"])),
        ),
        "mean": lambda: op.FillMissing(cols=figures, strategy=draw(st.sampled_from(["mean", "median"]))),
    }
    operator: Operator = made[kind]()
    return operator


@settings(max_examples=40)
@given(frames(14), st.lists(st.floats(-5, 5), min_size=8, max_size=8), st.data())
def test_chains_agree_in_both_forms(whole: pd.DataFrame, label: list[float], data: st.DataObject) -> None:
    seen = whole.head(8).assign(y=label)
    chain = Chain()
    chain.steps = []
    for _ in range(data.draw(st.integers(1, 4))):
        made = step(data.draw, seen)
        try:
            made.fit(seen)
            following = made.process(seen).data
        except RtmlError:  # nothing to learn from, or not from this
            continue
        chain.steps.append(made)
        seen = following
    assert_parity(chain, whole, nullable=True)
