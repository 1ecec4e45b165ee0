"""Parameters of the Pandas operator: documented spellings, names, messages."""

from __future__ import annotations

import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.errors import ParamError, RtmlError, UnknownNameError
from rtml_plugins.pandas_ops import Pandas
from rtml_plugins.pandas_ops.names import all_names, resolve


def test_the_documented_form_runs() -> None:
    frame = pd.DataFrame({"device": ["mobile", "desktop", "tv"]})
    mapper = Pandas(
        params={
            "import": "map",
            "kwargs": {"arg": {"desktop": 1, "mobile": 0}, "na_action": 0},
            "inplace": True,
            "cols": "device",
        }
    )
    assert mapper.process(frame).data["device"].tolist()[:2] == [0.0, 1.0]
    assert list(mapper.process(frame).data.columns) == ["device"]


def test_arg_and_func_of_map_mean_the_same() -> None:
    frame = pd.DataFrame({"x": ["a", "b"]})
    for spelling in ("arg", "func"):
        node = Pandas(import_="map", cols="x", kwargs={spelling: {"a": 1, "b": 2}}, into="y")
        assert node.process(frame).data["y"].tolist() == [1, 2]
    assert Pandas(import_="map", cols="x", args=[{"a": 1}], into="y").process(frame).data["y"].tolist()[0] == 1


@pytest.mark.parametrize(
    ("parameters", "columns"),
    [
        ({"cols": "seen"}, ["seen", "age", "seen_hour"]),
        ({"cols": "seen", "inplace": False}, ["seen", "age", "seen_hour"]),
        ({"cols": "seen", "inplace": True}, ["seen", "age"]),
        ({"cols": "seen", "inplace": "hour"}, ["seen", "age", "hour"]),
        ({"cols": "seen", "into": "hour"}, ["seen", "age", "hour"]),
        ({"cols": ["seen"], "into": ["hour"]}, ["seen", "age", "hour"]),
    ],
)
def test_where_the_result_goes(parameters: dict[str, Any], columns: list[str]) -> None:
    frame = pd.DataFrame({"seen": pd.to_datetime(["2026-01-31T10:15"]), "age": [1]})
    result = Pandas(import_="dt.hour", **parameters).process(frame).data
    assert list(result.columns) == columns
    assert result[columns[-1] if len(columns) > 2 else "seen"].tolist() == [10]
    assert list(frame.columns) == ["seen", "age"]
    assert frame["seen"].dt.hour.tolist() == [10]


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"cols": "x"}, "Pandas: parameter 'import' must be|Pandas: parameter 'import' is missing"),
        ({"import_": 3}, "Pandas: parameter 'import' must be the name of a pandas method or function; got 3"),
        ({"import_": "abs", "cols": 3}, "Pandas: parameter 'cols' must be a column name or a list of them; got 3"),
        ({"import_": "abs", "cols": []}, "Pandas: parameter 'cols' must be a column name or a list of them; got an empty list"),
        ({"import_": "abs", "cols": "x", "inplace": 3}, "Pandas: parameter 'inplace' must be true, false or the name"),
        ({"import_": "abs", "cols": "x", "into": 3}, "Pandas: parameter 'into' must be a column name or a list of them; got 3"),
        ({"import_": "abs", "cols": ["x", "y"], "into": "z"}, "'into' must name one new column for each of the 2 in 'cols'"),
        ({"import_": "abs", "cols": ["x", "y"], "inplace": "z"}, "'into' must name one new column for each of the 2"),
        ({"import_": "abs", "cols": ["x", "y"], "into": ["z", "z"]}, "'into' must hold different names"),
        (
            {"import_": "abs", "cols": "x", "inplace": True, "into": "z"},
            "'inplace' must be false when 'into' names the new column",
        ),
        ({"import_": "abs", "cols": "x", "inplace": "z", "into": "z"}, "'into' must be left out when 'inplace' names the column"),
        ({"import_": "abs", "kwargs": [1]}, "Pandas: parameter 'kwargs' must be an object of argument names and values"),
        ({"import_": "abs", "colums": "x"}, "Pandas: unknown parameter 'colums'.* Did you mean 'cols'?"),
        ({"import_": "fillna", "kwargs": {"vale": 0}}, "'fillna' takes no argument 'vale'. It takes: .*Did you mean 'value'?"),
        ({"import_": "fillna", "kwargs": {"inplace": True}}, "'inplace' belongs beside 'kwargs', not inside it"),
        ({"import_": "fillna", "args": [1], "kwargs": {"value": 0}}, "argument 'value' is given twice"),
        ({"import_": "abs", "args": [1]}, "'abs' takes 0 argument.s.; 'args' has 1"),
        ({"import_": "dt.hour", "cols": "x", "args": [1]}, "'dt.hour' takes 0 argument"),
        ({"import_": "dt.hour"}, "'dt.hour' works on columns: name them in 'cols'"),
        ({"import_": "map", "kwargs": {"arg": {}}}, "'map' works on columns: name them in 'cols'"),
        ({"import_": "cut"}, "'cut' works on columns"),
        ({"import_": "assign", "cols": "x"}, "'assign' works on the whole frame: leave 'cols' out"),
        ({"import_": "eval", "cols": "x", "args": ["x"]}, "'eval' works on the whole frame"),
        (
            {"import_": "clip", "cols": "x", "kwargs": {"lower": lambda v: v}},
            "Pandas: argument 'lower' is a function, which only 'map' and 'apply' take",
        ),
        (
            {"import_": "map", "cols": "x", "kwargs": {"arg": "upper"}},
            "argument 'func' must be an object of values or a function",
        ),
        ({"import_": "apply", "kwargs": {"func": "sum"}}, "'apply' takes a function: a def or lambda that can be read"),
        ({"import_": "pipe", "kwargs": {"func": len}}, "argument 'func' is a function, which only 'map' and 'apply' take"),
        ({"import_": "read_csv", "args": ["x.csv"]}, "'read_csv' reads or writes outside the graph"),
        ({"import_": "to_pickle", "args": ["x"]}, "'to_pickle' reads or writes outside the graph"),
        ({"import_": "fillna", "kwargs": {"value": object()}}, "argument 'value' must be made of JSON values"),
        ({"import_": "eval", "args": ["@x + 1"]}, "must use columns and constants only; got variables"),
        ({"import_": "query", "args": ["a.__class__ == 1"]}, "got names with '__'"),
        (
            {"import_": "fillna", "categories": {"x": ["a"]}},
            "'categories' must be left out: it is for get_dummies, not for 'fillna'",
        ),
        ({"import_": "str.contains", "cols": "x", "kwargs": {"pat": "a", "case": None}}, "argument 'case' must be true or false"),
        ({"import_": "str.match", "cols": "x", "kwargs": {"pat": "a", "na": 1}}, "argument 'na' must be true or false; got 1"),
        ({"import_": "str.split", "cols": "x", "kwargs": {"pat": "a", "expand": 1}}, "argument 'expand' must be true or false"),
        ({"import_": "str.count", "cols": "x", "kwargs": {"pat": "a", "flags": None}}, "argument 'flags' must be a whole number"),
        ({"import_": "get_dummies", "kwargs": {"columns": "x"}, "categories": {"x": ["a"]}}, "'columns' must be a list"),
        ({"import_": "get_dummies", "cols": "x", "categories": {"y": ["a"]}}, "'categories' must name columns that are encoded"),
    ],
)
def test_a_wrong_parameter_gets_one_sentence(parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ParamError, match=sentence) as caught:
        Pandas(**parameters)
    assert str(caught.value).startswith("Pandas: ")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fillnaa", "Did you mean 'fillna'?"),
        ("lower", "Did you mean 'str.lower'?"),
        ("hour", "Did you mean 'dt.hour'?"),
        ("str.lowr", "Did you mean 'str.lower'?"),
        ("to_datetme", "Did you mean 'to_datetime'?"),
        ("__class__", ""),
        ("str._get", ""),
        ("plot.bar", ""),
        ("DataFrame", ""),
        ("set_option", ""),
        ("show_versions", ""),
    ],
)
def test_an_unknown_method_gets_the_closest_one(name: str, hint: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        Pandas(import_=name, cols="x")
    assert str(caught.value).startswith(f"Pandas: pandas has no method or function '{name}'.")
    assert hint in str(caught.value)


def test_every_public_name_resolves_or_says_what_it_needs() -> None:
    for name in all_names():
        assert {_resolved(name, columns=True), _resolved(name, columns=False)} & {name, "refused"}


def _resolved(name: str, *, columns: bool) -> str:
    try:
        return resolve(name, columns=columns).name
    except ParamError as error:
        return "refused" if f"'{name}'" in str(error) else str(error)


VALUES: list[Any] = [
    1, 0.5, "x", None, True, [1, "a"], {"a": 1}, {1: "a", 2.5: "b"}, {True: 1}, {float("nan"): 0}, float("inf"), float("nan"),
    {"$pairs": "x", "b": 1}, pd.Timestamp("2024-01-02T03:04:05.000006"), pd.Timedelta(days=1, microseconds=5),
    {"a": {1: [float("nan")]}},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_arguments_survive_json(value: Any) -> None:
    node = Pandas(import_="assign", kwargs={"new": value})
    again = Pandas(json.loads(json.dumps(node.to_json(), allow_nan=False)))
    assert again.params.to_json() == node.params.to_json()
    left, right = node.bound["new"], again.bound["new"]
    assert repr(left) == repr(right)
    assert repr(value) == repr(left)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, 2), [1, 2]),
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.array([1, 2]), [1, 2]),
        (pd.Index(["a"]), ["a"]),
        (pd.Series({1: "a"}), {1: "a"}),
        ({3, 1}, [1, 3]),
        (int, "int64"),
        (np.float32, "float32"),
        (np.dtype("int64"), "int64"),
        (pd.NA, None),
        (np.datetime64("2024-01-02", "D"), pd.Timestamp("2024-01-02")),
        (datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC), pd.Timestamp("2024-01-02")),
        (pd.Timestamp("2024-01-02T02:00+02:00"), pd.Timestamp("2024-01-02")),
    ],
    ids=str,
)
def test_python_objects_become_json_values(value: Any, kept: Any) -> None:
    node = Pandas(import_="assign", kwargs={"new": value})
    assert json.dumps(node.to_json(), allow_nan=False)
    assert repr(node.bound["new"]) == repr(kept)


@pytest.mark.parametrize("value", [{"$number": "x"}, {"$timestamp": "soon"}, {"$pairs": [1]}])
def test_a_broken_marked_value_is_refused(value: Any) -> None:
    with pytest.raises(RtmlError, match="can't be read from"):
        Pandas(import_="assign", kwargs={"new": value})
