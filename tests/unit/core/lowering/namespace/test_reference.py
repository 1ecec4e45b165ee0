"""The eager reading is numpy's: same values, same dtypes, on hard values of all pairs of dtypes."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.namespace.catalogue import FUNCTIONS
from rtml_core.lowering.namespace.eager import ArrayEngine, eager_values
from rtml_core.lowering.namespace.meeting import NUMBERS, meet
from rtml_core.lowering.namespace.scalars import plain
from tests.unit.core.lowering.namespace.examples import frame

#: functions of one and of two numbers that numpy has under the same name, or another
ONE = {
    "abs": "abs", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan",
    "atanh": "arctanh",
    "ceil": "ceil", "cos": "cos", "cosh": "cosh", "degrees": "degrees", "exp": "exp", "exp2": "exp2", "expm1": "expm1",
    "floor": "floor",
    "isfinite": "isfinite", "isinf": "isinf", "isnan": "isnan", "log": "log", "log10": "log10", "log1p": "log1p", "log2": "log2",
    "logical_not": "logical_not", "nan_to_num": "nan_to_num", "negative": "negative", "ones_like": "ones_like",
    "positive": "positive",
    "radians": "radians", "reciprocal": "reciprocal", "round": "round", "sign": "sign", "sin": "sin", "sinh": "sinh",
    "sqrt": "sqrt",
    "square": "square", "tan": "tan", "tanh": "tanh", "trunc": "trunc", "zeros_like": "zeros_like",
}  # fmt: skip
TWO = {
    "add": "add", "atan2": "arctan2", "divide": "divide", "equal": "equal", "floor_divide": "floor_divide", "fmax": "fmax",
    "fmin": "fmin",
    "greater": "greater", "greater_equal": "greater_equal", "hypot": "hypot", "less": "less", "less_equal": "less_equal",
    "logaddexp": "logaddexp", "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor",
    "maximum": "maximum", "minimum": "minimum", "multiply": "multiply", "not_equal": "not_equal", "pow": "power",
    "remainder": "remainder", "subtract": "subtract",
}  # fmt: skip


def _ours(name: str, *arrays: Any) -> Any:
    return eager_values(lambda xp, *columns: getattr(xp, name)(*columns), arrays)


@pytest.mark.parametrize("name", ONE)
def test_a_function_of_one_number_is_numpys(name: str) -> None:
    rows = frame()
    with np.errstate(all="ignore"):
        expected = getattr(np, ONE[name])(rows["x"].to_numpy())
    np.testing.assert_array_equal(_ours(name, rows["x"].to_numpy()), expected, strict=True)


@pytest.mark.parametrize("name", TWO)
def test_a_function_of_two_numbers_is_numpys(name: str) -> None:
    rows = frame()
    pairs = [("x", "y"), ("n", "m")] if name not in ("atan2", "hypot", "logaddexp", "pow") else [("x", "y")]
    for one, two in pairs:
        arrays = rows[one].to_numpy(), rows[two].to_numpy()
        with np.errstate(all="ignore"):
            expected = getattr(np, TWO[name])(*arrays)
        np.testing.assert_array_equal(_ours(name, *arrays), expected, strict=True)


def test_every_function_of_numbers_is_compared_with_numpy() -> None:
    special = {
        "clip",
        "copysign",
        "signbit",
        "isin",
        "where",
        "select",
        "lookup",
        "is_missing",
        "fill_missing",
        "astype",
        "full_like",
    }
    tables = {"searchsorted", "digitize", "interp", "polyval", "custom"}
    bits = {name for name in FUNCTIONS if name.startswith("bitwise_")}
    assert {name for name in FUNCTIONS if "." not in name} == {*ONE, *TWO} | special | tables | bits


@pytest.mark.parametrize(("one", "two"), [*itertools.product(NUMBERS, NUMBERS)])
def test_numbers_meet_as_in_numpy(one: str, two: str) -> None:
    arrays = [np.ones(3, dtype=dtype) for dtype in (one, two)]
    assert _ours("where", np.array([True, False, True]), *arrays).dtype == np.result_type(*arrays)
    if (one, two) != ("bool", "bool"):
        assert _ours("add", *arrays).dtype == (arrays[0] + arrays[1]).dtype
        assert _ours("divide", *arrays).dtype == (arrays[0] / arrays[1]).dtype


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("constant", [True, 2, 2.5])
def test_constants_are_weak_as_in_numpy(dtype: str, constant: Any) -> None:
    array = np.ones(3, dtype=dtype)
    found = eager_values(lambda xp, x: (x + constant, x * constant, xp.where(x > 0, x, constant)), [array])
    assert [item.dtype for item in found[:2]] == [(array + constant).dtype, (array * constant).dtype]
    assert str(found[2].dtype) == meet(ArrayEngine(3).wrap(array), constant, "where")


def test_constants_become_plain() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    assert plain(datetime.datetime(2024, 1, 1, 2, tzinfo=zone)) == np.datetime64("2024-01-01", "us")
    assert plain(datetime.date(1969, 12, 31)) == np.datetime64("1969-12-31", "us")
    assert plain(pd.Timedelta(days=-1, microseconds=1)) == np.timedelta64(-86_399_999_999, "us")
    assert np.isnat(plain(pd.NaT))
    assert [type(plain(value)) for value in (np.float32(1), np.int8(1), np.bool_(True), np.str_("a"))] == [float, int, bool, str]
    for value in (object(), [1], {"a": 1}, 1j, b"a"):
        with pytest.raises(NotLowerableError, match="columns and constants"):
            plain(value)


def test_missing_texts_times_and_booleans_go_in_and_out() -> None:
    columns = [
        pd.Series(["a", None], dtype="string"),
        pd.Series(pd.to_datetime(["2024-01-01T00:00:00+01:00", None])),
        pd.Series([True, None], dtype="boolean"),
    ]
    texts, times, truths = eager_values(lambda xp, s, t, p: (s + "b", t, ~p), columns)
    assert texts.tolist() == ["ab", None]
    assert times.dtype == "datetime64[us]"
    assert times[0] == np.datetime64("2023-12-31T23:00")
    assert np.isnat(times[1])
    assert truths.tolist() == [False, None]


def test_a_column_without_a_value_may_be_of_any_dtype() -> None:
    nothing = np.array([np.nan, np.nan])
    found = eager_values(lambda xp, x: (xp.strings.upper(x), xp.dates.year(x), x + 1.0), [nothing])
    assert found[0].tolist() == [None, None]
    assert np.isnan(found[1]).all()
    assert eager_values(lambda xp, s: xp.is_missing(s), [np.array([None, None])], dtypes=["string"]).all()
