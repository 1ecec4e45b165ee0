"""What does not compile says why, and what to do instead."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_core.errors import ColumnError
from rtml_core.testing import assert_refuses
from rtml_plugins.pandas_ops import Pandas
from rtml_plugins.pandas_ops.refusals import NO_EXACT_FORM, NOT_ROW_WISE

#: method -> arguments that it must have to be a node at all
_ARGUMENTS: dict[str, dict[str, Any]] = {"query": {"expr": "f > 0"}, "agg": {"func": "sum"}, "aggregate": {"func": "sum"}}
_ACCESSOR = tuple(name for name in NO_EXACT_FORM if "." in name)


def _node(name: str) -> Pandas | None:
    """The method as a node: on a column, else on the frame; None where this pandas has no such method."""
    from rtml_core.errors import RtmlError

    for columns in ("f", None):
        try:
            return Pandas(import_=name, cols=columns, kwargs=_ARGUMENTS.get(name, {}))
        except RtmlError:
            continue
    return None


@pytest.mark.parametrize("name", sorted(NOT_ROW_WISE))
def test_what_needs_other_rows_says_so(name: str, hard: pd.DataFrame) -> None:
    node = _node(name)
    if node is not None:
        sentence = assert_refuses(node, hard, "cannot run in real time")
        assert sentence.endswith(".")


def test_shift_points_to_the_profile(hard: pd.DataFrame) -> None:
    assert_refuses(
        Pandas(import_="shift", cols="f"),
        hard,
        "cannot run in real time: it needs other rows of the frame. Compute the value when the event is stored, as a"
        " profile aggregate,"
        " and read it with ProfileReader.",
    )


@pytest.mark.parametrize("name", _ACCESSOR)
def test_what_has_no_exact_form_says_what_to_use(name: str, hard: pd.DataFrame) -> None:
    column = "s" if name.startswith("str.") else "t"
    assert_refuses(Pandas(import_=name, cols=column), hard, "has no exact compiled form")


#: method, columns, arguments, words of the refusal
REFUSED: list[tuple[str, Any, dict[str, Any], tuple[str, ...]]] = [
    ("astype", "h", {"dtype": "int64"}, ("column 'h' may be missing here", "no integer", 'fillna", cols="h"')),
    ("astype", "n", {"dtype": "int64"}, ("column 'n' may be missing here", '"value": False')),
    ("astype", "n", {"dtype": "bool"}, ("column 'n'", "neither true nor false")),
    ("astype", "t", {"dtype": "str"}, ("column 't'", "dt.year")),
    ("astype", "s", {"dtype": "float64"}, ("column 's'", "map the strings to numbers")),
    ("astype", "s", {"dtype": "int64"}, ("column 's'", "map the strings to numbers")),
    ("astype", "f", {"dtype": "Int64"}, ("whole numbers only",)),
    ("astype", "f", {"dtype": "boolean"}, ("booleans only",)),
    ("astype", "f", {"dtype": "flaot64"}, ("dtype 'flaot64'", "Did you mean 'float64'?")),
    ("astype", "s", {"dtype": "datetime64[us]"}, ("to_datetime",)),
    ("astype", "t", {"dtype": "float64"}, ("no float form",)),
    ("fillna", "s", {"value": 0}, ("column 's'", "neither text nor number")),
    ("fillna", "f", {"value": "x"}, ("Column 'x' does not exist",)),
    ("fillna", "n", {"value": 0}, ("column 'n'", "0 does not fit a bool column")),
    ("fillna", "t", {"value": 5}, ("column 't'",)),
    ("fillna", "f", {"value": 0, "limit": 3}, ("argument 'limit'", "leave it out")),
    ("fillna", "f", {"value": {"a": 1}}, ("object of values", "whole frame")),
    ("add", "f", {"other": "absent"}, ("Column 'absent' does not exist",)),
    ("add", "s", {"other": 1}, ("column 's'", "a text can be joined with a text only")),
    ("mul", "s", {"other": 2}, ("column 's'", "texts have no arithmetic beside add")),
    ("add", "f", {"other": [1, 2]}, ("must be one value",)),
    ("add", "i", {"other": 2**70}, ("does not fit into int64",)),
    ("pow", "i", {"other": -1}, ("no power of -1", "float64")),
    ("pow", "i", {"other": "k"}, ("cast one to float64",)),
    ("pow", "i", {"other": 100}, ("beyond int64",)),
    ("pow", "w", {"other": 3}, ("float32", "cast the column to float64")),
    ("pow", "b", {"other": 2}, ("8-bit",)),
    ("floordiv", "b", {"other": 2}, ("8-bit",)),
    ("sub", "b", {"other": True}, ("can't be subtracted",)),
    ("truediv", "b", {"other": True}, ("can't be divided",)),
    ("mul", "n", {"other": "n"}, ("cast them to float64",)),
    ("mul", "t", {"other": 2}, ("column 't'",)),
    ("truediv", "d", {"other": 2}, ("dt.total_seconds",)),
    ("gt", "s", {"other": "a"}, ("column 's'", "no order of strings")),
    ("eq", "s", {"other": 1}, ("column 's'", "do not mix")),
    ("eq", "t", {"other": "k"}, ("a timestamp and a int64",)),
    ("eq", "f", {"other": None}, ("argument 'other' is missing",)),
    ("abs", "s", {}, ("column 's'", "needs numbers")),
    ("round", "f", {"decimals": 1.5}, ("whole number",)),
    ("round", "f", {"decimals": 40}, ("between -22 and 22",)),
    ("clip", "s", {"lower": 0}, ("column 's'", "needs numbers")),
    ("clip", "f", {"lower": [1, 2]}, ("one number or a column",)),
    ("between", "f", {"left": 0, "right": 1, "inclusive": "all"}, ("inclusive must be",)),
    ("map", "i", {"arg": {"1": "a"}}, ("no key of the mapping can be met by a int64 column", "$pairs")),
    ("map", "s", {"arg": {"VW": 1, "Audi": "x"}}, ("several kinds",)),
    ("replace", "s", {"to_replace": {"VW": 1}}, ("both kinds", "use map")),
    ("replace", "s", {"to_replace": "V", "value": "x", "regex": True}, ("str.replace",)),
    ("replace", "k", {"to_replace": {2**60: 0.5}}, ("beyond 2 ** 53",)),
    ("isin", "i", {"values": [1.5, 2**60]}, ("beyond 2 ** 53",)),
    ("isin", "f", {"values": "abc"}, ("must be a list",)),
    ("where", "f", {"cond": "s"}, ("must be true or false", "string")),
    ("where", "f", {"cond": "f + 1"}, ("must be true or false",)),
    ("where", "f", {"cond": "absent > 1"}, ("Column 'absent' does not exist",)),
    ("where", "f", {"cond": "f.abs() > 1"}, ("condition", "methods of columns")),
    ("where", "f", {"cond": "b", "other": True}, ("does not fit a float64 column",)),
    ("where", "k", {"cond": "b", "other": {"column": "s"}}, ("a string column does not fit",)),
    ("mask", "f", {"cond": [True]}, ("the condition must be an expression",)),
    ("cut", "f", {"bins": 4}, ("cannot run in real time", "4 equal bins")),
    ("cut", "f", {"bins": [1]}, ("at least two numbers",)),
    ("cut", "f", {"bins": [1, 1, 2]}, ("pandas refuses the bins", "unique")),
    ("cut", "f", {"bins": [0, 1, 2], "labels": ["a"]}, ("pandas refuses",)),
    ("cut", "n", {"bins": [0, 1]}, ("column 'n'", "cast the column to float64")),
    ("cut", "s", {"bins": [0, 1]}, ("column 's'", "needs numbers")),
    ("cut", "f", {"bins": [0, 1], "retbins": True}, ("retbins",)),
    ("combine_first", "h", {"other": 1}, ("use fillna",)),
    ("to_datetime", "i", {}, ("column 'i' is int64", "unit")),
    ("to_datetime", "s", {"format": "%d/%m/%Y %z"}, ("'%z' of the format",)),
    ("to_datetime", "s", {"errors": "ignore"}, ('"raise" or "coerce"',)),
    ("dt.hour", "s", {}, ("column 's'", "timestamp")),
    ("str.lower", "f", {}, ("column 'f'", "a string")),
    ("str.startswith", "s", {"pat": ["a", 1]}, ("needs a text", "got 1")),
    ("str.replace", "s", {"pat": {"a": "b"}, "repl": "c"}, ("'repl' must be left out",)),
    ("str.index", "s", {"sub": "a", "start": 2}, ("argument 'start'",)),
    ("str.partition", "s", {"sep": ""}, ("an empty separator",)),
    ("str.rsplit", "s", {"pat": "-"}, ("'n' to 1", "two columns")),
    ("str.translate", "s", {"table": {97: "b", 98: "a"}}, ("change into each other",)),
    ("str.translate", "s", {"table": {"a": "b"}}, ("number of a character", "str.maketrans")),
    ("str.slice_replace", "s", {"start": -1, "repl": "x"}, ("count from the start",)),
    ("str.repeat", "s", {"repeats": [1, 2]}, ("whole number",)),
    ("str.cat", "s", {}, ("joins all rows", "Name the other columns")),
    ("str.cat", "s", {"others": "absent"}, ("Column 'absent' does not exist",)),
    ("case_when", "f", {"caselist": []}, ("a list of [condition, value]",)),
    ("case_when", "f", {"caselist": [["f > 0", "x"]]}, ("Column 'x' does not exist",)),
    ("case_when", "f", {"caselist": [["b", True]]}, ("column 'f'", "do not meet")),
    ("case_when", "f", {"caselist": [["f", 1.0]]}, ("true or false in every row",)),
    ("to_numeric", "s", {"downcast": "integer"}, ("'downcast'", "use astype")),
    ("to_numeric", "t", {}, ("column 't'", "astype")),
    ("to_numeric", "s", {"errors": "ignore"}, ('"raise" or "coerce"',)),
    ("to_datetime", "f", {"unit": "s"}, ("column 'f'", "whole numbers")),
    ("to_datetime", "i", {"unit": "week"}, ("'unit' must be one of",)),
    ("to_datetime", "i", {}, ("set 'unit'",)),
    ("to_datetime", "i", {"unit": "s", "origin": "2000-01-01"}, ("argument 'origin'",)),
    ("to_timedelta", "s", {}, ("no durations from texts",)),
    ("dt.as_unit", "t", {"unit": "D"}, ("'unit' must be one of",)),
    ("dt.as_unit", "t", {"unit": "s", "round_ok": False}, ("argument 'round_ok'",)),
    ("str.pad", "s", {"width": 5, "side": "middle"}, ("left, right or both",)),
    ("dt.isocalendar", "d", {}, ("column 'd'", "a timestamp")),
    ("dt.components", "t", {}, ("column 't'", "a timedelta")),
    ("sum", ["f", "s"], {"axis": 1}, ("needs numbers", "'cols'")),
    ("sum", ["f", "b"], {"axis": 1}, ("booleans and numbers side by side",)),
    ("mean", ["f", "w"], {"axis": 1}, ("float32", "cast them to float64")),
    ("max", ["b"], {"axis": 1}, ("any or all",)),
    ("idxmax", ["f", "h"], {"axis": 1, "skipna": False}, ("fill the columns first",)),
    ("idxmax", ["i", "k"], {"axis": 1}, ("float64",)),
    ("sum", ["f", "h"], {"axis": 1, "min_count": 1}, ("argument 'min_count'",)),
    ("std", ["f", "h"], {"axis": 1}, ("no compiled form along a row",)),
    ("str.split", "s", {"pat": ","}, ("number of parts",)),
    ("str.get", "s", {"i": "a"}, ("whole number",)),
    ("dt.floor", "t", {"freq": "ME"}, ("'freq' must be a fixed time",)),
    ("dt.round", "t", {"freq": "100ns"}, ("at least a microsecond",)),
    ("value_counts", "f", {}, ("cannot run in real time", "FrequencyEncoder")),
    ("qcut", "f", {"q": 4}, ("QuantileBins",)),
    ("rank", "f", {}, ("QuantileBins",)),
    ("factorize", "s", {}, ("OrdinalEncoder",)),
    ("std", "f", {}, ("Scaler",)),
    ("median", "f", {}, ("FillMissing",)),
    ("mode", "s", {}, ("FillMissing",)),
    ("groupby", "f", {}, ("TargetEncoder", "ProfileReader")),
    ("cumsum", "f", {}, ("ProfileReader",)),
    ("divmod", "f", {"other": 2}, ("floordiv", "mod")),
    ("tz_localize", "t", {"tz": "UTC"}, ("labels of rows",)),
    ("dropna", "f", {}, ("changes which rows there are", "fillna")),
    ("autocorr", "f", {}, ("cannot run in real time",)),
    ("squeeze", "f", {}, ("gives no column",)),
]


@pytest.mark.parametrize(("name", "columns", "arguments", "words"), REFUSED, ids=lambda value: str(value)[:50])
def test_a_refusal_says_why(
    name: str, columns: Any, arguments: dict[str, Any], words: tuple[str, ...], hard: pd.DataFrame
) -> None:
    assert_refuses(Pandas(import_=name, cols=columns, kwargs=arguments, into="new"), hard, *words)


WHOLE: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("get_dummies", {"columns": ["s"]}, ("cannot run in real time", "categories={", "OneHotEncoder")),
    ("get_dummies", {"columns": ["absent"]}, ("Column 'absent' does not exist",)),
    ("drop", {"columns": ["absent"]}, ("not found",)),
    ("drop", {"index": [0]}, ("about rows",)),
    ("drop", {"labels": [0]}, ("along the rows",)),
    ("rename", {"index": {0: 1}}, ("about rows",)),
    ("rename", {"columns": {"f": "g"}}, ("two columns would be called 'g'",)),
    ("reindex", {"labels": [0, 1]}, ("along the rows",)),
    ("drop", {"columns": ["f"], "level": 0}, ("pandas refuses it",)),
    ("replace", {"to_replace": [1, 2]}, ("argument 'value' must be given",)),
    ("reindex", {"columns": ["f", "new"]}, ("no column 'new'",)),
    ("sort_index", {}, ("along the rows",)),
    ("reset_index", {}, ("no labels in real time",)),
    ("fillna", {"value": 0}, ("column 's'",)),
    ("astype", {"dtype": "int64"}, ("may be missing here",)),
    ("add", {"other": 1}, ("column 's'",)),
    ("where", {"cond": "f > 0"}, ("name the columns in 'cols'",)),
    ("to_datetime", {}, ("puts dates together", "'cols'")),
    ("combine_first", {"other": "g"}, ("name the columns in 'cols'",)),
    ("insert", {"loc": 0, "column": "f", "value": 1}, ("name of a new column",)),
    ("insert", {"loc": 99, "column": "x", "value": 1}, ("a place from 0 to 13",)),
    ("select_dtypes", {"include": "number"}, ("column 'n'", "Fill it first")),
    ("replace", {"to_replace": {"s": {"VW": "x"}, "u": 1}}, ("objects of values only",)),
    ("pop", {"item": "f"}, ("gives no column", "drop")),
    ("merge", {"right": 1}, ("two branches",)),
    ("assign", {"x": [1, 2]}, ("column 'x'", "one value")),
    ("assign", {"x": {"column": "absent"}}, ("Column 'absent' does not exist",)),
    ("median", {"axis": 1}, ("no compiled form along a row", "total = a + b")),
    ("sum", {"axis": 1}, ("needs numbers", "Fill it first")),
    ("sum", {}, ("needs all rows", "set 'axis' to 1")),
    ("eval", {"expr": "f if b else g"}, ("'if ... else'", "can't be compiled")),
    ("eval", {"expr": "log10(g)"}, ("log10", "write log(x) / 2.302585092994046")),
    ("eval", {"expr": "arcsinh(g)"}, ("write log(x + sqrt(x * x + 1))",)),
    ("eval", {"expr": "sine(g)"}, ("no function 'sine'", "Did you mean 'sin'?")),
    ("eval", {"expr": "f.abs()"}, ("methods of columns",)),
    ("eval", {"expr": "f.real"}, ("an attribute",)),
    ("eval", {"expr": "f[0]"}, ("an item",)),
    ("eval", {"expr": "absent + 1"}, ("Column 'absent' does not exist",)),
    ("eval", {"expr": "s + 1"}, ("in 's + 1'", "needs numbers")),
    ("eval", {"expr": "k and b"}, ("needs booleans", "x > 0")),
    ("eval", {"expr": "1 + 2"}, ("is a constant", "assign")),
    ("eval", {"expr": "f is g"}, ("'is'",)),
    ("eval", {"expr": "f in g"}, ("list of constants",)),
    ("eval", {"expr": "t == '2024-01-01'"}, ("no time equals a text", "method eq")),
    ("eval", {"expr": "w ** 3"}, ("float32",)),
    ("eval", {"expr": "sin(w)"}, ("float32",)),
    ("eval", {"expr": "1 < 2"}, ("two constants",)),
    ("eval", {"expr": "a = f\nf + 1"}, ("each must be `name = expression`",)),
]


@pytest.mark.parametrize(("name", "arguments", "words"), WHOLE, ids=lambda value: str(value)[:50])
def test_a_refusal_of_the_whole_frame_says_why(
    name: str, arguments: dict[str, Any], words: tuple[str, ...], hard: pd.DataFrame
) -> None:
    assert_refuses(Pandas(import_=name, kwargs=arguments), hard, *words)


def test_a_missing_column_is_named_with_the_closest_one(plain: pd.DataFrame) -> None:
    words = "Column 'brnad' does not exist. It has: age, km, brand, leased. Did you mean 'brand'?"
    assert_refuses(Pandas(import_="str.lower", cols="brnad"), plain, words)
    with pytest.raises(ColumnError, match="Did you mean 'brand'"):
        Pandas(import_="str.lower", cols="brnad").process(plain)


def test_an_automatic_name_that_is_taken_is_refused_on_both_sides(plain: pd.DataFrame) -> None:
    frame = plain.assign(km_abs=1)
    assert_refuses(Pandas(import_="abs", cols="km"), frame, "Column 'km_abs' is there already", "'into'")
    with pytest.raises(ColumnError, match="Column 'km_abs' is there already"):
        Pandas(import_="abs", cols="km").process(frame)


def test_an_infinite_row_is_refused_when_scored(plain: pd.DataFrame) -> None:
    from rtml_core.frames import schema_of
    from rtml_core.lowering.scratch import lower_alone
    from rtml_core.testing import assert_parity

    frame = plain.assign(ratio=[1.0, float("inf"), -2.5, 0.0])
    node = Pandas(import_="astype", cols="ratio", kwargs={"dtype": "int64"}, inplace=True)
    assert_parity(node, frame)  # the infinite row is refused by both
    (check,) = lower_alone(node, schema_of(frame)).builder.checks
    assert check.message == "column 'ratio' is infinite here, and infinity has no whole number"


def test_a_finite_column_is_cast_without_a_check(plain: pd.DataFrame) -> None:
    from rtml_core.frames import schema_of
    from rtml_core.lowering.scratch import lower_alone

    node = Pandas(import_="astype", cols="km", kwargs={"dtype": "float64"}, inplace=True)
    assert lower_alone(node, schema_of(plain)).builder.checks == []
