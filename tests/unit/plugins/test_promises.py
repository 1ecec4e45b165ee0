"""What the SDK asks of an operator, asked of those that ship with rtml: exact, row by row, and of the columns they promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from rtml_core import Operator
from rtml_core import operators as op
from rtml_core.plugins import plugins
from rtml_core.testing import assert_parity, assert_row_wise, assert_schema, frame

#: every dtype, with and without missing rows, and all edge values of each
ROWS = frame(
    {"c": {"type": "string", "categories": ["x", "y", "z"]}},
    a="float?",
    b="float",
    i="int",
    s="string?",
    w="string",
    t="timestamp?",
    u="timestamp",
    z="bool?",
    d="timedelta",
    f="float32?",
    rows=60,
)
TRAINING = ROWS.assign(y=(ROWS["b"] > 0).astype("int64"))


def pandas(method: str, cols: Any = None, into: Any = None, **kwargs: Any) -> Operator:
    given: dict[str, Any] = {"import_": method, "kwargs": kwargs}
    return op.Pandas({**given, **({} if cols is None else {"cols": cols}), **({} if into is None else {"into": into})})


def fitted(name: str, **params: Any) -> Callable[[], Operator]:
    return lambda: getattr(op, name)(params).fit(TRAINING)


def made(name: str, **params: Any) -> Callable[[], Operator]:
    return lambda: getattr(op, name)(params)


OPERATORS: dict[str, Callable[[], Operator]] = {
    "fillna": lambda: pandas("fillna", "a", value=0.0),
    "clip": lambda: pandas("clip", "a", lower=-1.0, upper=5.0),
    "round": lambda: pandas("round", ["a", "b"]),
    "abs": lambda: pandas("abs", ["a", "i"]),
    "isna": lambda: pandas("isna", "s"),
    "between": lambda: pandas("between", "a", left=0, right=1),
    "cut": lambda: pandas("cut", "a", bins=[-1.0, 0.0, 1.0]),
    "map": lambda: pandas("map", "s", arg={"a": "A", "": "empty"}),
    "isin": lambda: pandas("isin", "s", values=["a", "é"]),
    "astype": lambda: pandas("astype", "i", dtype="str"),
    "to_numeric": lambda: pandas("to_numeric", "s", errors="coerce"),
    "to_datetime": lambda: pandas("to_datetime", "s", errors="coerce"),
    "eval": lambda: pandas("eval", expr="q = a * b + i"),
    "upper": lambda: pandas("str.upper", ["s", "w"]),
    "title": lambda: pandas("str.title", "s"),
    "len": lambda: pandas("str.len", "s"),
    "contains": lambda: pandas("str.contains", "s", pat="[0-9]"),
    "slice": lambda: pandas("str.slice", "s", start=1, stop=3),
    "year": lambda: pandas("dt.year", "t"),
    "floor": lambda: pandas("dt.floor", "t", freq="D"),
    "strftime": lambda: pandas("dt.strftime", "u", date_format="%Y-%m-%d %H:%M"),
    "total_seconds": lambda: pandas("dt.total_seconds", "d"),
    "Scaler": fitted("Scaler", cols=["a", "b"]),
    "OneHotEncoder": fitted("OneHotEncoder", cols=["c", "s"]),
    "OrdinalEncoder": fitted("OrdinalEncoder", cols=["s", "i"]),
    "FrequencyEncoder": fitted("FrequencyEncoder", cols=["s"]),
    "GroupRare": fitted("GroupRare", cols=["w"], top=3),
    "QuantileBins": fitted("QuantileBins", cols=["b"], bins=4),
    "FillMissing": fitted("FillMissing", cols=["a", "s", "z", "t"], strategy="mode"),
    "TargetEncoder": fitted("TargetEncoder", cols=["c"], label="y"),
    "TextHash": made("TextHash", cols=["s"], buckets=64),
    "TextJoin": made("TextJoin", cols=["s", "w"], into="both"),
    "TextNormalize": made("TextNormalize", cols=["s"]),
    "TextSplit": made("TextSplit", column="w", separator=",", into=["one", "two"]),
    "RegexExtract": made("RegexExtract", column="s", pattern="([a-z]+)", into=["word"]),
    "RegexReplace": made("RegexReplace", cols=["s"], pattern="[0-9]", replacement="#"),
    "TfIdf": fitted("TfIdf", column="w", max_terms=5),
    "Frame2XDM": made("Frame2XDM", paths={"b": "_acme.b.score", "s": "_acme.text"}),
    "ProfileWriter": made("ProfileWriter", output="b"),
    "ScikitLearn": lambda: op.ScikitLearn(model=LinearRegression(), features=["i"], label="y").fit(
        TRAINING.assign(i=TRAINING["i"].clip(-10, 10))
    ),
}
#: tested so in rooms of their own, as they need a model, a file, a graph, a function, events or profiles
ELSEWHERE = {
    *("Receiver", "Simulator", "ModelUpload", "Processor", "Function", "ONNXNode", "JsonToDataframe", "NumpyArrays", "Split"),
    *("FieldOps", "FieldTrans", "BertTokenizer", "HfJsonTokenizer", "SentencePieceTokenizer", "XDM2Frame", "ProfileReader"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_is_exact_row_by_row_and_gives_the_columns_it_promises(name: str) -> None:
    node = OPERATORS[name]()
    rows = ROWS if name != "ScikitLearn" else ROWS.assign(i=ROWS["i"].clip(-100, 100))
    assert_parity(node, rows)
    assert_schema(node, rows)
    assert assert_row_wise(node, rows, alone=12) == 12


def test_it_does_so_without_rows() -> None:
    empty = ROWS.iloc[:0]
    for name in ("fillna", "map", "upper", "year", "Scaler", "TextJoin"):
        node = OPERATORS[name]()
        assert_parity(node, empty, nullable=True)
        assert_row_wise(node, empty)


def test_no_operator_is_forgotten() -> None:
    known = plugins().registry
    shipped = {name for name in known if known.entry(name).origin.distribution == "rtml" and known[name].lowers()}
    assert shipped - ELSEWHERE - {"Pandas"} - set(OPERATORS) == set()


def test_frames_of_the_sdk_have_a_dtype_of_each_kind() -> None:
    assert isinstance(ROWS, pd.DataFrame)
    assert len(set(map(str, ROWS.dtypes))) == 7
