"""The eager form: pandas itself, with methods that compile and methods that do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.errors import ColumnError, ExecutionError, ParamError
from rtml_plugins.pandas_ops import Pandas


def run(frame: pd.DataFrame, import_: str, **parameters: Any) -> pd.DataFrame:
    before = frame.copy()
    result = Pandas(import_=import_, **parameters).process(frame).data
    pd.testing.assert_frame_equal(frame, before)
    return result


def test_methods_that_do_not_compile_run(plain: pd.DataFrame) -> None:
    assert run(plain, "shift", cols="km", into="before")["before"].tolist()[1:] == [100.0, 0.0, -5.0]
    assert run(plain, "dropna")["age"].tolist() == [18.0, 65.0, 17.5]
    assert run(plain, "sort_values", kwargs={"by": "km"})["km"].tolist() == [-5, 0, 100, 250_000]
    assert run(plain, "rank", cols="km", inplace=True)["km"].tolist() == [3.0, 2.0, 1.0, 4.0]
    assert run(plain, "query", args=["km > 0 and leased"])["km"].tolist() == [100, 250_000]
    assert run(plain, "str.title", cols="brand", inplace=True)["brand"].tolist()[0] == "Vw"


def test_a_single_value_is_the_same_in_every_row(plain: pd.DataFrame) -> None:
    assert run(plain, "mean", cols="age", into="typical")["typical"].tolist() == [33.5] * 4


def test_one_value_a_row_of_the_frame_becomes_a_column(plain: pd.DataFrame) -> None:
    assert run(plain, "sum", cols=["age", "km"], kwargs={"axis": 1}, into="both")["both"].tolist() == [
        118.0,
        0.0,
        60.0,
        250_017.5,
    ]
    assert run(plain, "eval", args=["km * 2"])["eval"].tolist() == [200, 0, -10, 500_000]
    assert run(plain, "duplicated", into="again")["again"].tolist() == [False] * 4
    with pytest.raises(ColumnError, match="Column 'eval' is there already"):
        run(plain.assign(eval=1), "eval", args=["km * 2"])


def test_one_value_a_column_becomes_a_frame_of_one_row(plain: pd.DataFrame) -> None:
    result = run(plain[["age", "km"]], "max")
    assert result.shape == (1, 2)
    assert result["km"].tolist() == [250_000]


def test_a_method_that_changes_its_frame_changes_a_copy(plain: pd.DataFrame) -> None:
    assert list(run(plain, "insert", kwargs={"loc": 0, "column": "one", "value": 1}).columns) == ["one", *plain.columns]


def test_several_columns_of_one_call_get_numbers_or_names(plain: pd.DataFrame) -> None:
    frame = pd.DataFrame({"s": ["a-b", "c-d"]})
    arguments: dict[str, Any] = {"pat": "-", "expand": True}
    assert list(run(frame, "str.split", cols="s", kwargs=arguments).columns) == ["s", "s_split_0", "s_split_1"]
    named = run(frame, "str.split", cols="s", kwargs=arguments, into=["x", "y"])
    assert named[["x", "y"]].to_numpy().tolist() == [["a", "b"], ["c", "d"]]
    with pytest.raises(ExecutionError, match="gives 2 columns; 'into' names 1"):
        run(frame, "str.split", cols="s", kwargs=arguments, into="x")
    with pytest.raises(ExecutionError, match="gives one column; 'into' names 2"):
        run(frame, "str.lower", cols="s", into=["x", "y"])


def test_what_is_no_column_or_frame_is_refused(plain: pd.DataFrame) -> None:
    with pytest.raises(ExecutionError, match="'factorize' gives a tuple, which is not a column"):
        run(plain, "factorize", cols="km")
    with pytest.raises(ExecutionError, match="'unique' gives 3 values for 4 rows"):
        run(plain.assign(km=[1, 1, 2, 3]), "unique", cols="km")
    with pytest.raises(ExecutionError, match="'groupby' gives a DataFrameGroupBy, which is not a frame"):
        run(plain, "groupby", kwargs={"by": "km"})


def test_an_aligned_result_leaves_missing_rows_as_pandas_does(plain: pd.DataFrame) -> None:
    assert run(plain, "dropna", cols="age", into="kept")["kept"].isna().tolist() == [False, True, False, False]


def test_other_columns_are_named_in_the_arguments(plain: pd.DataFrame) -> None:
    assert run(plain, "sub", cols="km", kwargs={"other": "age"}, into="x")["x"].tolist()[0] == 82.0
    assert run(plain, "sub", cols="km", kwargs={"other": {"column": "age"}}, into="x")["x"].tolist()[0] == 82.0
    assert run(plain, "eq", cols="brand", kwargs={"other": "km"}, into="x")["x"].tolist() == [False] * 4
    assert run(plain, "assign", kwargs={"x": {"eval": "km / age"}, "y": {"column": "km"}})["y"].tolist() == plain["km"].tolist()
    with pytest.raises(ColumnError, match="Did you mean 'age'"):
        run(plain, "sub", cols="km", kwargs={"other": "aga"}, into="x")


def test_conditions_are_expressions(plain: pd.DataFrame) -> None:
    result = run(plain, "where", cols="km", kwargs={"cond": "age > 17.9 or leased", "other": -1}, into="x")["x"].tolist()
    assert result == [100, -1, -5, 250_000]
    with pytest.raises(ParamError, match="'cond' must be a condition that is true or false in every row; 'km' is not"):
        run(plain, "where", cols="km", kwargs={"cond": "km"}, into="x")


def test_intervals_become_text(plain: pd.DataFrame) -> None:
    result = run(plain, "cut", cols="age", kwargs={"bins": [0, 18, 99]}, into="x")["x"]
    assert result.astype(object).where(result.notna(), None).tolist() == ["(0, 18]", None, "(18, 99]", "(0, 18]"]


def test_a_mapping_of_texts_gives_texts_where_no_row_has_one() -> None:
    frame = pd.DataFrame({"x": ["q", "r"]})
    assert run(frame, "map", cols="x", kwargs={"arg": {"a": "text"}}, into="y")["y"].dtype == "str"
    assert run(frame, "map", cols="x", kwargs={"arg": {"a": True}}, into="y")["y"].dtype == "boolean"
    assert run(frame.iloc[:0], "map", cols="x", kwargs={"arg": {"a": "text"}}, into="y")["y"].dtype == "str"


def test_eval_does_not_depend_on_numexpr(plain: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    original = pd.DataFrame.eval

    def spy(self: pd.DataFrame, expr: str, **options: Any) -> Any:
        seen.update(options)
        return original(self, expr, **options)

    monkeypatch.setattr(pd.DataFrame, "eval", spy)
    run(plain, "eval", args=["x = km % -7"])
    assert seen["engine"] == "python"


def test_renamed_parts_of_dates_go_without_a_warning() -> None:
    frame = pd.DataFrame({"t": pd.to_datetime(["2026-11-21"])})
    result = run(frame, "dt.dayofweek", cols="t")
    assert result["t_dayofweek"].tolist() == [5]


def test_infinity_comes_without_a_warning() -> None:
    frame = pd.DataFrame({"x": [1e308, 1.0]})
    assert run(frame, "round", cols="x", args=[2], into="y")["y"].tolist() == [np.inf, 1.0]
    assert run(frame, "astype", cols="x", kwargs={"dtype": "float32"}, into="y")["y"].tolist() == [np.inf, 1.0]
