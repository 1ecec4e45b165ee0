"""Numeric lowerings on blocks, against numpy and pandas themselves, in batches long enough for vectorised kernels."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rtml_core.assemble import assemble
from rtml_core.columns import carrier_of
from rtml_core.errors import NotLowerableError, ParamError
from rtml_core.lowering import compare, division, numeric
from rtml_core.lowering.blocks import Block, block_of, promote, scalar, symbols, time_scalar
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.expressions import parse, uses_functions
from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_core.testing import run_model

MIN, MAX = -(2**63), 2**63 - 1
WHOLE = np.array(
    [0, 1, -1, 2, 3, -3, 7, -7, 10, MIN, MIN + 1, MAX, MAX - 1, 2**53 + 1, -(2**53) - 1, 2**31, -(2**31) - 1], dtype=np.int64
)
REAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -7.25, np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, 1e-310, 2.0**53, 0.1, 1e16]
)
NARROW = np.array([v for v in REAL if not 3e38 < abs(v) < np.inf], dtype=np.float32)


def pairs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of the values, as two columns."""
    return np.repeat(values, len(values))[:, None], np.tile(values, len(values))[:, None]


def emitted(build: Callable[[Builder, dict[str, Block]], Block], **columns: np.ndarray) -> np.ndarray:
    """What a lowering gives for arrays [N, k], each of them a block that may be missing and infinite."""
    b = Builder()
    blocks = {}
    for name, array in columns.items():
        dtype = str(array.dtype)
        floats = dtype.startswith("float")
        blocks[name] = Block(dtype, b.input(name, dtype, array.shape[1]), nullable=floats, finite=not floats)
    result = build(b, blocks)
    assert result.tensor is not None
    return run_model(assemble(b, {"result": b.alias(result.tensor)}).model, columns)["result"]


def same(left: np.ndarray, right: np.ndarray) -> None:
    np.testing.assert_array_equal(left, right)


ARITHMETIC = ("add", "sub", "mul", "truediv", "floordiv", "mod")


@pytest.mark.parametrize("name", ARITHMETIC)
@pytest.mark.parametrize("values", [REAL, NARROW], ids=["float64", "float32"])
def test_arithmetic_of_floats_is_that_of_numpy(name: str, values: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        x, y = pairs(values)
        found = emitted(lambda b, blocks: numeric.binary(b, name, blocks["x"], blocks["y"]), x=x, y=y)
        same(found, getattr(operator, name)(x, y))


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_of_whole_numbers_is_that_of_pandas_operators(name: str) -> None:
    x, y = pairs(WHOLE)
    found = emitted(lambda b, blocks: numeric.binary(b, name, blocks["x"], blocks["y"]), x=x, y=y)
    with np.errstate(all="ignore"):
        expected = getattr(operator, name)(pd.Series(x[:, 0]), pd.Series(y[:, 0])).to_numpy()
    assert found.dtype == expected.dtype
    same(found[:, 0], expected)


@pytest.mark.parametrize("name", ["floordiv", "mod"])
def test_by_zero_numpy_gives_zero_where_that_is_wanted(name: str) -> None:
    x, y = pairs(WHOLE)
    found = emitted(lambda b, blocks: numeric.binary(b, name, blocks["x"], blocks["y"], numpy_zero=True), x=x, y=y)
    with np.errstate(all="ignore"):
        same(found, getattr(operator, name)(x, y))


@pytest.mark.parametrize("name", ["floordiv", "mod"])
@pytest.mark.parametrize("divisor", [1, -1, 2, 3, -3, 7, -10, MAX, MIN, 2**53 + 1])
def test_division_by_a_whole_constant(name: str, divisor: int) -> None:
    x = np.tile(WHOLE, 3)[:, None]
    found = emitted(lambda b, blocks: numeric.binary(b, name, blocks["x"], scalar(divisor)), x=x)
    with np.errstate(all="ignore"):
        same(found, getattr(operator, name)(x, np.int64(divisor)))


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    x=arrays.arrays(np.int64, (20, 2), elements=st.integers(MIN, MAX)),
    divisor=st.integers(MIN, MAX).filter(bool),
)
def test_floor_division_and_rest_make_the_number_again(x: np.ndarray, divisor: int) -> None:
    quotient = emitted(lambda b, blocks: division.floordiv(b, blocks["x"], scalar(divisor)), x=x)
    rest = emitted(lambda b, blocks: division.mod(b, blocks["x"], scalar(divisor)), x=x)
    for number, whole, left in zip(x.ravel().tolist(), quotient.ravel().tolist(), rest.ravel().tolist(), strict=True):
        if (number, divisor) != (MIN, -1):
            assert (whole, left) == divmod(number, divisor)


@pytest.mark.parametrize("name", compare.COMPARISONS)
@pytest.mark.parametrize("values", [REAL, WHOLE], ids=["float64", "int64"])
def test_comparisons_are_those_of_numpy(name: str, values: np.ndarray) -> None:
    x, y = pairs(values)
    found = emitted(lambda b, blocks: compare.compare(b, name, blocks["x"], blocks["y"]), x=x, y=y)
    same(found, getattr(operator, name)(x, y))


@pytest.mark.parametrize("name", ["and", "or", "xor"])
def test_logic_with_missing_values_is_that_of_pandas(name: str) -> None:
    values = np.array([1.0, 0.0, np.nan])
    x, y = pairs(values)

    def build(b: Builder, blocks: dict[str, Block]) -> Block:
        return compare.logical(b, name, *(Block("bool", blocks[n].tensor, nullable=True) for n in "xy"))

    left, right = (pd.array([None if np.isnan(v) else bool(v) for v in column[:, 0]], dtype="boolean") for column in (x, y))
    expected = {"and": left & right, "or": left | right, "xor": left ^ right}[name]
    same(emitted(build, x=x, y=y)[:, 0], expected.to_numpy(dtype=float, na_value=np.nan))


UNARY: list[tuple[Callable[[Builder, Block], Block], Callable[[np.ndarray], np.ndarray], np.ndarray]] = [
    (numeric.absolute, np.abs, REAL),
    (numeric.absolute, np.abs, WHOLE),
    (numeric.negative, np.negative, REAL),
    (numeric.negative, np.negative, WHOLE),
    (lambda b, x: numeric.rounded(b, x), np.round, REAL),
    (lambda b, x: numeric.rounded(b, x, 3), lambda x: np.round(x, 3), REAL),
    (lambda b, x: numeric.rounded(b, x, -1), lambda x: np.round(x, -1), REAL),
    (lambda b, x: numeric.clipped(b, x, -1.5, 7), lambda x: np.clip(x, -1.5, 7), REAL),
    (lambda b, x: numeric.clipped(b, x, upper=7), lambda x: np.minimum(x, 7), REAL),
    (lambda b, x: numeric.clipped(b, x, -5, 2**40), lambda x: np.clip(x, -5, 2**40), WHOLE),
    (lambda b, x: numeric.power(b, x, scalar(2)), lambda x: x**2, REAL),
    (lambda b, x: numeric.power(b, x, scalar(0)), lambda x: x**0, REAL),
    (lambda b, x: numeric.power(b, x, scalar(-1)), lambda x: x**-1.0, REAL),
    (lambda b, x: numeric.power(b, x, scalar(0.5)), lambda x: x**0.5, REAL),
    (lambda b, x: numeric.power(b, x, scalar(5)), lambda x: x**5, WHOLE),
    (lambda b, x: numeric.power(b, x, scalar(0)), lambda x: x**0, WHOLE),
    (lambda b, x: numeric.function(b, "floor", x), np.floor, REAL),
    (lambda b, x: numeric.function(b, "sqrt", x), np.sqrt, REAL),
    (lambda b, x: numeric.fill(b, x, 4.5), lambda x: np.where(np.isnan(x), 4.5, x), REAL),
    (compare.isna, np.isnan, REAL),
    (compare.isna, np.isnan, WHOLE),
]


@pytest.mark.parametrize("case", UNARY, ids=range(len(UNARY)))
@pytest.mark.parametrize("width", [1, 3])
def test_a_step_on_one_or_several_columns_is_that_of_numpy(case: Any, width: int) -> None:
    build, expected, values = case
    x = np.stack([np.roll(values, shift) for shift in range(width)], axis=1)
    with np.errstate(all="ignore"):
        same(emitted(lambda b, blocks: build(b, blocks["x"]), x=x), expected(x))


@pytest.mark.parametrize("name", ["exp", "log", "sin", "cos", "tanh", "log1p", "expm1", "arctan", "arcsin", "sinh"])
def test_functions_agree_to_a_few_units_in_the_last_place(name: str) -> None:
    x = np.concatenate([np.linspace(-0.99, 0.99, 401), [np.nan, 0.0]])[:, None]
    with np.errstate(all="ignore"):
        found = emitted(lambda b, blocks: numeric.function(b, name, blocks["x"]), x=x)
        np.testing.assert_allclose(found, getattr(np, name)(x), rtol=1e-14, atol=1e-15)


DTYPES = ["bool", "int64", "float32", "float64"]


@pytest.mark.parametrize("one", DTYPES)
@pytest.mark.parametrize("two", DTYPES)
def test_promotion_is_that_of_numpy(one: str, two: str) -> None:
    b = Builder()
    blocks = [Block(dtype, b.input(str(i), carrier_of(dtype, False), 1)) for i, dtype in enumerate((one, two))]
    assert promote(*blocks) == np.promote_types(one, two).name
    expected = np.result_type(np.empty(1, one), {"bool": True, "int64": 1, "float64": 1.0}.get(two, np.float32(1)))
    if two != "float32":
        assert promote(blocks[0], scalar({"bool": True, "int64": 1, "float64": 1.0}[two])) == expected.name


def test_a_boolean_that_may_be_missing_meets_numbers_in_float64() -> None:
    b = Builder()
    missing = Block("bool", b.input("x", "float64", 1), nullable=True)
    assert promote(missing, scalar(1)) == "float64"
    with pytest.raises(NotLowerableError, match="cast one to float64 first"):
        promote(missing, Block("float32", b.input("y", "float32", 1)))


def test_blocks_of_columns_come_apart_as_they_went_together() -> None:
    b = Builder()
    columns = unpack(b.input("x", "float64", 3), "float64", nullable=True)
    block = block_of(b, [columns[2], columns[0]])
    assert (block.width, block.nullable, block.carrier) == (2, True, "float64")
    assert [type(column) for column in symbols(block)] == [Symbolic, Symbolic]
    assert symbols(block_of(b, columns))[1].same_as(columns[1])
    with pytest.raises(NotLowerableError, match="the result is a constant"):
        symbols(scalar(1))


def test_constants_are_computed_at_once() -> None:
    b = Builder()
    assert numeric.binary(b, "mul", scalar(6), scalar(7)).value == 42
    assert numeric.function(b, "exp", scalar(0.0)).value == 1.0
    assert numeric.negative(b, scalar(2)).value == -2
    assert not b.nodes
    with pytest.raises(NotLowerableError, match="1 and 0 can't be combined by 'truediv'"):
        numeric.binary(b, "truediv", scalar(1), scalar(0))


def test_what_is_known_of_a_result() -> None:
    b = Builder()
    x = Block("float64", b.input("x", "float64", 1))
    half, none = numeric.binary(b, "mul", x, scalar(0.5)), numeric.binary(b, "truediv", x, scalar(0))
    assert (half.finite, half.nullable) == (True, False)
    assert (none.finite, none.nullable) == (False, True)
    total = numeric.binary(b, "add", x, x)
    assert (total.finite, total.nullable) == (False, False)
    assert numeric.binary(b, "sub", total, total).nullable  # inf - inf
    assert not numeric.binary(b, "add", total, scalar(1)).nullable
    assert numeric.function(b, "log", x).nullable
    assert not numeric.function(b, "exp", x).nullable
    assert numeric.clipped(b, total, 0, 1).finite


def test_times_refuse_what_has_no_meaning() -> None:
    b = Builder()
    moment = Block("timestamp", b.input("t", "int64", 1))
    for name in ("add", "mul"):
        with pytest.raises(NotLowerableError, match="turn times into numbers first"):
            numeric.binary(b, name, moment, moment)
    with pytest.raises(NotLowerableError, match="a timestamp and a float64 can't be compared"):
        compare.compare(b, "lt", moment, scalar(1.0))
    assert numeric.binary(b, "sub", moment, time_scalar("timestamp", 5)).dtype == "timedelta"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the expression is empty"),
        ("a +", "'a \\+' is not an expression"),
        ("import os", "must be an expression or `name = expression`"),
        ("a = b = c", "must be an expression or"),
        ("a; b", "one expression a line"),
        ("`a + 1", "a backtick without its partner"),
        ("@a + 1", "got variables"),
        ("a.__class__", "got names with '__'"),
        ("(a", "is not an expression"),
    ],
)
def test_what_is_no_expression_is_refused(text: str, words: str) -> None:
    with pytest.raises(ParamError, match=words):
        parse(text)


def test_expressions_say_whether_they_go_through_the_mathematical_library() -> None:
    assert [uses_functions(text) for text in ("a + b", "abs(a)", "floor(a)", "sqrt(a)", "exp(a)", "a ** b", "c = log(a)")] == [
        False, False, False, False, True, True, True,
    ]  # fmt: skip
