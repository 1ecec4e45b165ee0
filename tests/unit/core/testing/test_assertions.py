"""The assertions that ship for operator authors: each passes what is right, and names what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import DataMsg, Operator, Params
from rtml_core.errors import ColumnError, ParityError, RtmlError
from rtml_core.lowering.symbolic import new, value_of
from rtml_core.testing import assert_parity, assert_refuses, assert_row_wise, assert_schema, frame
from tests.unit.core.operators_for_tests import Crooked, Eager, Mean, Positive, Scale

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan], "s": ["x", None, "y", "z"]})


class One(Operator):
    """A transform on column a, given as a function, without a lowering."""

    def __init__(self, change: Callable[[pd.DataFrame], pd.DataFrame]):
        super().__init__()
        self.change = change

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return self.change(frame)


class Summed(Operator):
    """Adds the sum of all rows, compiled; eagerly one row at a time."""

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(a=frame["a"] + frame["a"])

    def lower(self, b: Any, columns: Any) -> Any:
        value = value_of(b, columns["a"])
        total = b.op("ReduceSum", value, b.const([0], "int64"), keepdims=1)
        return {**columns, "a": new("float64", b.op("Add", value, total), nullable=True)}


class Promises(Operator):
    """Passes the frame on, and promises a schema of the test's own."""

    class Params(Params):
        column: str
        dtype: str
        nullable: bool = False
        finite: bool = True
        categories: list[str] | None = None

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    def schema(self, columns: Any) -> Any:
        from rtml_core import Column, Schema

        p = self.params
        kept = tuple(p.categories) if p.categories is not None else None
        said = Column(p.column, p.dtype, p.nullable, p.finite, kept)
        return Schema([said if column.name == p.column else column for column in columns.values()])


# ---- assert_parity -----------------------------------------------------------------------------------------------------


def test_parity_shows_the_first_rows_with_their_inputs_and_both_answers() -> None:
    rows = pd.DataFrame({"a": [1.0, 7.0, 8.0, 9.0, 10.0]})
    with pytest.raises(ParityError) as failure:
        assert_parity(Crooked(col="a", limit=5.0), rows)
    text = str(failure.value)
    assert "column 'a': 4 of 5 rows differ; first: row 1, {'a': 7.0}, authored 8.0, compiled 9.0; then row 2" in text
    assert "row 3, {'a': 9.0}, authored 10.0, compiled 11.0" in text
    assert "row 4" not in text


def test_parity_names_rows_by_their_place_in_the_frame_also_where_others_are_refused() -> None:
    class Both(Crooked):
        """Refuses what is not positive, and is crooked above a limit."""

        def transform(self, frame: Any) -> Any:
            return super().transform(Positive(col="a").transform(frame))

        def lower(self, b: Any, columns: Any) -> Any:
            return super().lower(b, Positive(col="a").lower(b, columns))

    with pytest.raises(ParityError, match=r"1 of 2 rows differ; first: row 3, \{'a': 9\.0\}"):
        assert_parity(Both(col="a", limit=5.0), pd.DataFrame({"a": [-1.0, 1.0, -2.0, 9.0]}))


def test_a_row_that_only_the_eager_form_refuses_is_named_with_the_cure() -> None:
    class Strict(Scale):
        """Refuses sevens, eagerly only."""

        def transform(self, frame: Any) -> Any:
            if (frame["a"] == 7).any():
                raise ValueError("no sevens here")
            return super().transform(frame)

    with pytest.raises(ParityError, match=r"compiled takes row 2, .*'a': 7.0.*ValueError: no sevens here\)\. .*b\.check"):
        assert_parity(Strict(col="a"), pd.DataFrame({"a": [1.0, 2.0, 7.0]}))


def test_an_error_of_the_batch_alone_is_raised_as_it_is() -> None:
    class Single(Scale):
        """Takes one row at a time."""

        def transform(self, frame: Any) -> Any:
            if len(frame) > 1:
                raise RuntimeError("one at a time")
            return super().transform(frame)

    with pytest.raises(RuntimeError, match="one at a time"):
        assert_parity(Single(col="a"), FRAME)


def test_an_operator_that_loses_rows_is_no_operator() -> None:
    class Loses(Scale):
        """Drops the missing rows, eagerly."""

        def transform(self, frame: Any) -> Any:
            return super().transform(frame).dropna()

    with pytest.raises(ParityError, match="authored gives 3 rows for 4"):
        assert_parity(Loses(col="a"), FRAME[["a"]])


def test_a_difference_says_within_what_it_was_compared() -> None:
    class Sloppy(Scale):
        """Off by a millionth when compiled."""

        def compute(self, xp: Any, value: Any) -> Any:
            return {"a": value * 2.0 if xp.__name__ == "numpy" else value * 2.000001}

        def transform(self, frame: Any) -> Any:
            return frame.assign(a=frame["a"] * 2.000001)

    class Off(Sloppy):
        """And the other way round."""

        def compute(self, xp: Any, value: Any) -> Any:
            return {"a": value * 2.0}

    with pytest.raises(ParityError, match=r"compared within rtol 1e-09 and atol 1e-09"):
        assert_parity(Off(col="a"), FRAME)


# ---- what is given ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [assert_parity, assert_refuses, assert_row_wise, assert_schema])
def test_what_is_no_operator_or_no_frame_is_refused_with_the_name_of_what_was_called(check: Callable[..., Any]) -> None:
    name = check.__name__
    with pytest.raises(RtmlError, match=rf"^{name} takes .* its parameters, Scale\(\.\.\.\); got the class itself"):
        check(Scale, FRAME)
    with pytest.raises(RtmlError, match=rf"^{name} takes an operator made with its parameters; got 'Scale'"):
        check("Scale", FRAME)
    with pytest.raises(RtmlError, match=rf"^{name} takes a pandas DataFrame of the columns .*; got \{{'a': 1\.0\}}"):
        check(Scale(col="a"), {"a": 1.0})
    with pytest.raises(ColumnError, match="Column 'a' holds values of the kinds int, str"):
        check(Scale(col="a"), pd.DataFrame({"a": [1, "x"]}))


def test_a_frame_may_have_any_index() -> None:
    rows = FRAME.set_index(pd.Index([5, 5, 7, 8]))
    assert assert_parity(Scale(col="a"), rows) == 1
    assert assert_row_wise(Scale(col="a"), rows) == 4
    assert list(assert_schema(Scale(col="a"), rows)) == ["a", "s"]


# ---- assert_refuses ----------------------------------------------------------------------------------------------------


def test_a_refusal_that_lacks_a_word_says_which() -> None:
    with pytest.raises(AssertionError, match=r"the refusal of Eager\(\) does not say 'banana': Eager has no lowering"):
        assert_refuses(Eager(), FRAME, "lowering", "banana")


# ---- assert_row_wise ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", [Scale(col="a"), Crooked(col="a", limit=2.0), Mean(col="a").fit(FRAME)], ids=repr)
def test_operators_of_single_rows_are_row_wise(operator: Operator) -> None:
    assert assert_row_wise(operator, FRAME) == 4
    assert assert_row_wise(operator, FRAME.iloc[:0]) == 0
    assert assert_row_wise(operator, frame(a="float?", s="string?", rows=80, infinite=True)) == 50


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(a=f["a"].cumsum()), "authored, column 'a': row"),
        (lambda f: f.assign(a=f["a"].shift()), "must depend on that row alone"),
        (lambda f: f.assign(a=f["a"] - f["a"].mean()), "belongs into fit"),
        (lambda f: f.sort_values("a", ascending=False).reset_index(drop=True), "in another order"),
        (lambda f: f.assign(a=np.arange(len(f))), "in another order|alone"),
        (lambda f: f.dropna(), "authored gives 2 rows for 4"),
        (lambda f: f.assign(**{f"n{len(f)}": 1.0}), "gives the columns"),
    ],
)
def test_what_depends_on_other_rows_is_found(change: Any, words: str) -> None:
    with pytest.raises(ParityError, match=words):
        assert_row_wise(One(change), FRAME)


def test_chance_is_found_as_another_answer() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ParityError, match="a second time"):
        assert_row_wise(One(lambda f: f.assign(a=rng.random(len(f)))), FRAME)


def test_the_frame_that_comes_in_must_stay_as_it_was() -> None:
    def write(rows: pd.DataFrame) -> pd.DataFrame:
        rows["a"] = rows["a"] * 2
        return rows

    def add(rows: pd.DataFrame) -> pd.DataFrame:
        rows["new"] = 1.0
        return rows

    with pytest.raises(ParityError, match="changes column 'a' of the frame that it is given"):
        assert_row_wise(One(write), FRAME)
    with pytest.raises(ParityError, match=r"changes the columns, which are now \['a', 's', 'new'\]"):
        assert_row_wise(One(add), FRAME)


def test_a_lowering_that_mixes_rows_is_found() -> None:
    with pytest.raises(ParityError, match=r"Summed.*, compiled, column 'a'"):
        assert_row_wise(Summed(), FRAME[["a"]].dropna())


# ---- assert_schema -----------------------------------------------------------------------------------------------------


def test_a_schema_that_is_kept_is_returned() -> None:
    schema = assert_schema(Scale(col="a", into="c"), FRAME, {"c": "float64?", "s": "string?"})
    assert list(schema) == ["a", "s", "c"]


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        ({"dtype": "int64"}, "its schema says int64, and the column is float64"),
        ({"dtype": "float64"}, "its schema says that no row is missing, and row 3 is"),
        ({"dtype": "float64", "nullable": True, "finite": True}, "no row is infinite, and row 1 is .*inf"),
    ],
)
def test_a_promise_about_numbers_that_is_broken_is_named(promise: dict[str, Any], words: str) -> None:
    rows = FRAME.assign(a=[1.0, np.inf, 2.0, np.nan])
    with pytest.raises(ColumnError, match=words):
        assert_schema(Promises(column="a", **promise), rows)


def test_a_promise_about_categories_and_names_that_is_broken_is_named() -> None:
    told = Promises(column="s", dtype="string", nullable=True, categories=["x", "y"])
    with pytest.raises(ColumnError, match=r"its values are \('x', 'y'\), and row 3 is 'z'"):
        assert_schema(told, FRAME)

    class Adds(Promises):
        """Gives a column more than it promises."""

        def transform(self, frame: Any) -> Any:
            return frame.assign(more=1.0)

    with pytest.raises(ColumnError, match=r"its schema says the columns \['a', 's'\], and it gives \['a', 's', 'more'\]"):
        assert_schema(Adds(column="s", dtype="string", nullable=True), FRAME)


def test_what_is_expected_of_a_schema_is_checked() -> None:
    node = Scale(col="a", into="c")
    with pytest.raises(ColumnError, match=r"column 'c': must be float64, and its schema says float64\?"):
        assert_schema(node, FRAME, {"c": "float64"})
    with pytest.raises(ColumnError, match=r"Column 'cc' does not exist"):
        assert_schema(node, FRAME, {"cc": "float64"})
    with pytest.raises(ColumnError, match=r"must be expected as one of float64, .*; got 'number'"):
        assert_schema(node, FRAME, {"c": "number"})


def test_a_column_without_a_single_value_may_have_any_dtype_that_may_be_missing() -> None:
    rows = pd.DataFrame({"a": [1.0, 2.0], "s": pd.Series([None, None], dtype=object)})
    assert_schema(Promises(column="s", dtype="string", nullable=True), rows)


class Bare(Operator):
    """Gives what `process` must not give."""

    def __init__(self, answer: Any):
        super().__init__()
        self.answer = answer

    def process(self, message: Any = None, *_: Any) -> Any:
        return self.answer

    def lower(self, b: Any, columns: Any) -> Any:
        return columns


@pytest.mark.parametrize("check", [assert_parity, assert_row_wise, assert_schema])
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (FRAME, "Bare: process must return a DataMsg; got DataFrame: return DataMsg(data=frame), or write transform"),
        (None, "Bare: process must return a DataMsg; got NoneType: "),
        (DataMsg(data=[1.0]), "Bare must give a DataFrame; got list"),
    ],
)
def test_what_process_gives_is_named_when_it_is_no_frame(check: Callable[..., Any], answer: Any, words: str) -> None:
    with pytest.raises(RtmlError) as caught:
        check(Bare(answer), FRAME)
    assert words in str(caught.value)
