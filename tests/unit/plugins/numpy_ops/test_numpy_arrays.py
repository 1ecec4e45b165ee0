"""NumpyArrays: columns in and out, every function against numpy, and what wrong arguments are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.columns import Column, Schema
from rtml_core.errors import ColumnError, ParamError
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.numpy_ops import elementwise, rowwise, steps
from rtml_plugins.numpy_ops.node import TOLERANCE, NumpyArrays

EDGES = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-9, 1e30, -1e30, 1e200, -1.7e308, 2.0**53, 5e-324, 1e-300, 0.1, 3.0, 700.5,
    -700.5, np.nan, np.inf, -np.inf,
]  # fmt: skip
PAIRS = pd.DataFrame([(x, y, z) for x in EDGES for y in EDGES[::3] for z in (1.0, -3.5, np.nan)], columns=list("xyz"))
XY: dict[str, Any] = {"cols": ["x", "y"]}


def awkward(width: int, *, missing: bool = True) -> pd.DataFrame:
    """Rows of very different sizes, with NaN and infinities in some, cancellation in one."""
    rng = np.random.default_rng(width)
    values = rng.standard_normal((40, width)) * 10.0 ** rng.integers(-12, 12, (40, width))
    if missing:
        values[rng.random(values.shape) < 0.05] = np.nan
        values[rng.random(values.shape) < 0.03] = np.inf
        values[rng.random(values.shape) < 0.03] = -np.inf
        values[:4] = np.array([np.nan, 1e30, 0.0, -0.0])[:, None]
        values[4, ::2], values[4, 1::2] = 1e30, -1e30
    return pd.DataFrame(values, columns=[f"c{position}" for position in range(width)])


@pytest.mark.parametrize("function", elementwise.UNARY)
def test_functions_of_elements_are_those_of_numpy(function: str) -> None:
    made = NumpyArrays(function=function, **XY)
    with np.errstate(all="ignore"):
        expected = getattr(np, function)(PAIRS[["x", "y"]].to_numpy())
    np.testing.assert_array_equal(made.process(PAIRS).data[["x", "y"]].to_numpy(), expected)
    assert_parity(made, PAIRS)


@pytest.mark.parametrize("function", elementwise.BINARY)
def test_functions_of_two_operands(function: str) -> None:
    for other in (2, 0.3, [1, -2.5], {"cols": ["z"]}, {"cols": ["y", "z"]}):
        assert_parity(NumpyArrays(function=function, args=[other], into=["p", "q"], **XY), PAIRS)
    made = NumpyArrays(function=function, args=[{"cols": ["z"]}], into="r", cols="y").process(PAIRS).data
    present = PAIRS.notna().all(axis=1) & (PAIRS["y"] != 0)  # the sign of a zero counts in numpy's arctan2 only
    with np.errstate(all="ignore"):
        expected = getattr(np, function)(PAIRS["y"].to_numpy(), PAIRS["z"].to_numpy())
    np.testing.assert_array_equal(made["r"].to_numpy()[present], expected[present])


@pytest.mark.parametrize("function", rowwise.LOWERED)
def test_functions_along_the_row_are_equal_bit_by_bit_at_every_width(function: str) -> None:
    for width in (3, 8, 21, 131):
        frame = awkward(width)
        assert_parity(NumpyArrays(function=function, into="r"), frame, nullable=True)
    assert_parity(NumpyArrays(function=function, into="r"), awkward(5, missing=False))
    assert_parity(NumpyArrays(function=function, into="r"), awkward(9).iloc[:1], nullable=True)
    assert (NumpyArrays(function=function).tolerance == (0.0, 0.0)) == (function != "softmax")


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 20)), elements=st.floats(width=64)))
def test_sums_are_those_of_numpy(values: np.ndarray[Any, Any]) -> None:
    frame = pd.DataFrame(values, columns=[f"c{position}" for position in range(values.shape[1])])
    made = NumpyArrays(function="sum", into="total")
    with np.errstate(all="ignore"):
        expected = np.ascontiguousarray(values).sum(axis=1)
    np.testing.assert_array_equal(made.process(frame).data["total"].to_numpy(), expected)
    assert_parity(made, frame, nullable=True)


OTHERS: list[dict[str, Any]] = [
    {"function": "where", "args": [1, {"cols": ["z"]}]},
    {"function": "clip", "args": [-1, 2]},
    {"function": "clip", "kwargs": {"a_max": [1, 2]}},
    {"function": "round", "args": [2]},
    {"function": "np.around", "kwargs": {"decimals": -2}},
    {"function": "nan_to_num"},
    {"function": "nan_to_num", "args": [-1, 5, None]},
    {"function": "dot", "args": [np.array([1.0, 2.0])], "into": "d"},
    {"function": "matmul", "args": [[[1, 2, 3], [0.5, 0, -1]]], "into": "d"},
    {"function": "polyval", "args": [[1, 2, 3]]},
    {"function": "polyval", "args": [[7]]},
    {"function": "digitize", "args": [[0, 0.5, 1, 1, 3]]},
    {"function": "digitize", "args": [[3, 1, 0]]},
    {"function": "digitize", "args": [[3, 1, 0]], "kwargs": {"right": True}},
    {"function": "searchsorted", "args": [[0, 1, 1, 2.5]]},
    {"function": "searchsorted", "args": [[0, 1, 1, 2.5], "right"]},
    {"function": "interp", "args": [[-1, 0, 2.5, 700], [1, 5, 5, -3]]},
    {"function": "interp", "args": [[-1, 0, 2.5], [1, 5, -3]], "kwargs": {"left": 0, "right": 9}},
    {"function": "interp", "args": [[1], [2]]},
    {"function": "norm", "args": [1]},
    {"function": "linalg.norm", "args": ["inf"]},
    {"function": "std", "kwargs": {"ddof": 1, "axis": 1}},
    {"function": "var", "kwargs": {"ddof": 2}},
    {"function": "take", "args": [[1, 0, -2]], "into": "t"},
    {"function": "hstack", "args": [{"cols": ["z"]}], "into": "t"},
    {"steps": ["isnan", "any"], "into": "gone"},
    {"steps": ["isnan", "sum"], "into": "gone"},
    {"steps": [{"function": "greater", "args": [0]}, "all"], "into": "p"},
    {"steps": ["argmax", {"function": "add", "args": [1]}], "into": "p"},
    {"steps": ["isnan", {"function": "where", "args": [0, {"cols": ["x", "y"]}]}]},
    {"steps": ["isnan", "flip"]},
    {
        "steps": [
            {"function": "subtract", "args": [[1, 2]]},
            {"function": "divide", "args": [[3, 0.7]]},
            {"function": "clip", "args": [-3, 3]},
            "norm",
        ],
        "into": "distance",
    },
]  # fmt: skip


@pytest.mark.parametrize("params", OTHERS, ids=str)
def test_tables_and_steps_agree(params: dict[str, Any]) -> None:
    assert_parity(NumpyArrays(**params, **XY), PAIRS)
    assert_parity(NumpyArrays(**params, **XY), PAIRS.iloc[:0], nullable=True)
    assert NumpyArrays(NumpyArrays(**params, **XY).to_json()).to_json() == NumpyArrays(**params, **XY).to_json()


def test_tables_are_those_of_numpy() -> None:
    frame = pd.DataFrame({"x": [-1.0, 0.0, 0.25, 0.5, 1.0, 3.0, np.nan]})
    x = frame["x"].to_numpy()

    def result(**params: Any) -> list[float]:
        return NumpyArrays(cols="x", **params).process(frame).data["x"].tolist()  # type: ignore[no-any-return]

    assert result(function="digitize", args=[[0, 0.5, 1]]) == np.digitize(x, [0, 0.5, 1]).tolist()
    assert result(function="searchsorted", args=[[0, 0.5, 1]]) == np.searchsorted([0, 0.5, 1], x).tolist()
    np.testing.assert_array_equal(result(function="interp", args=[[0, 1], [3, 7]]), np.interp(x, [0, 1], [3, 7]))
    np.testing.assert_array_equal(result(function="polyval", args=[[1, 0, -1]]), np.polyval([1, 0, -1], x))
    np.testing.assert_array_equal(result(function="dot", args=[[2]]), x * 2)


def test_columns_by_name_position_and_slice() -> None:
    frame = pd.DataFrame({"a": [1.0], "b": [2.0], "c": [3.0], "d": [4.0], "1:2": [9.0]})

    def touched(cols: Any) -> str:
        made = NumpyArrays(function="negative", cols=cols)
        assert_parity(made, frame)
        after = made.process(frame).data
        return " ".join(name for name in frame if after[name][0] < 0)

    assert touched("b") == "b"
    assert touched(["a", -2]) == "a d"
    assert touched("1:3") == "b c"
    assert touched(["::2"]) == "a c 1:2"
    assert touched("-2:") == "d 1:2"
    assert touched("1:2") == "1:2"
    assert touched(None) == "a b c d 1:2"
    assert frame["a"][0] == 1.0


def test_names_of_what_comes_out() -> None:
    frame = pd.DataFrame({"a": [3], "f": [True]})

    def names(**params: Any) -> list[str]:
        made = NumpyArrays(**params)
        assert_parity(made, frame)
        return list(made.process(frame).data.columns)

    assert names(function="sum") == ["a", "f", "sum"]
    assert names(function="log1p") == ["a", "f"]
    assert names(function="log1p", into=["x", "y"]) == ["a", "f", "x", "y"]
    assert names(function="dot", args=[[[1, 2], [3, 4]]], into="z") == ["a", "f", "z_0", "z_1"]
    assert names(function="max", into="a") == ["a", "f"]
    made = NumpyArrays(function="isnan", cols="a").process(frame).data
    assert (made["a"].dtype, made["f"].dtype) == (np.dtype(bool), np.dtype(bool))


def test_many_columns_cost_what_one_costs_and_booleans_and_whole_numbers_are_numbers() -> None:
    schema = Schema([*(Column(f"c{n}", "float64", True) for n in range(30)), Column("n", "int64"), Column("f", "bool", True)])
    made = NumpyArrays(function="log1p", cols="0:30").schema(schema)
    assert made["c0"] == Column("c0", "float64", True, False)
    assert NumpyArrays(function="argmax", into="i").schema(schema)["i"] == Column("i", "int64")
    frame = pd.DataFrame({"n": [1, 2**53 + 1, -(2**63)], "f": [True, None, False], "h": np.array([0.1, 2, 3], dtype="float32")})
    assert_parity(NumpyArrays(function="add", args=[1]), frame)
    fields = {f"c{n}": "float?" for n in range(30)}
    graph = op.Receiver(schema=fields) >> op.NumpyArrays(function="sqrt", cols=list(fields))
    compiled = Graph.from_dsl(graph.to_dsl()).compile()
    assert compiled.node_count <= 2
    assert compiled.score([{**dict.fromkeys(fields, None), "c3": 16.0}])[0]["c3"] == 4.0


def test_counts_and_sums_of_whole_numbers_are_never_missing() -> None:
    schema = Schema([Column("a", "float64", True, False), Column("n", "int64"), Column("f", "bool")])
    assert NumpyArrays(steps=["isnan", "sum"], into="r").schema(schema)["r"] == Column("r", "float64")
    assert NumpyArrays(function="mean", cols=["n", "f"], into="r").schema(schema)["r"] == Column("r", "float64")
    assert NumpyArrays(function="sum", into="r").schema(schema)["r"].nullable
    with_zero = NumpyArrays(function="var", cols=["n"], kwargs={"ddof": 1}, into="r")
    assert with_zero.schema(schema)["r"].nullable  # 0 / 0


def test_what_is_exact_says_so() -> None:
    assert NumpyArrays(steps=["abs", "sum", {"function": "round", "args": [2]}]).tolerance == (0.0, 0.0)
    assert NumpyArrays(steps=["abs", "log1p", "sum"]).tolerance == TOLERANCE


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "parameter 'function' must be given, or 'steps', and not both"),
        ({"function": "log1p", "steps": ["abs"]}, "and not both"),
        ({"steps": ["abs"], "args": [1]}, "parameter 'args' must be left out with 'steps'"),
        ({"function": "log1"}, "there is no function 'log1'. Did you mean 'log1p'?"),
        ({"function": "reshape"}, "'reshape' is not available: a row of real-time data stands alone"),
        ({"function": "np.einsum"}, "write it as 'dot' with a constant matrix"),
        ({"function": "random.normal"}, "answers would differ from call to call"),
        ({"function": "sum", "kwargs": {"axis": 0}}, "'sum' goes along the row, axis=1"),
        ({"function": "log1p", "args": [1]}, "'log1p' takes 0 argument(s) after the array"),
        ({"function": "clip"}, "'clip': needs 'min' or 'max'"),
        ({"function": "clip", "kwargs": {"lower": 1}}, "'clip' has no argument 'lower'. It has: min, max"),
        ({"function": "clip", "args": [1], "kwargs": {"a_min": 2}}, "argument 'min' is given twice"),
        ({"function": "add"}, "'add' needs the argument 'other'"),
        ({"function": "add", "args": ["x"]}, "'add': 'other' must be a number, a list of numbers or {\"cols\": [...]}"),
        ({"function": "add", "args": [{"col": "x"}]}, 'must be numbers, or {"cols": [...]} for other columns'),
        ({"function": "dot", "args": [[[1, 2], [3]]]}, "a list of equally long lists of numbers"),
        ({"function": "digitize", "args": [[1, 0, 2]]}, "'bins' must be sorted"),
        ({"function": "searchsorted", "args": [[0], "middle"]}, '\'side\' must be "left" or "right"'),
        ({"function": "interp", "args": [[0, 0], [1, 2]]}, "'xp' of 'interp' must increase"),
        ({"function": "round", "args": [1.5]}, "'decimals' must be a whole number; got 1.5"),
        ({"function": "norm", "args": [3]}, "'ord' must be 1, 2 or"),
        ({"function": "take", "args": ["x"]}, "the positions of 'take' must be whole numbers"),
        ({"function": "concatenate", "args": [3]}, "'concatenate' takes other columns"),
        ({"steps": ["abs", "lgo"]}, "step 2: there is no function 'lgo'. Did you mean 'log'?"),
        ({"steps": [{"function": "abs", "arg": 1}]}, "step 1: a step must be the name of a function, or"),
        ({"function": "abs", "cols": [1.5]}, "parameter 'cols' must list columns by name, by position (0, -1) or by slice"),
        ({"function": "abs", "into": ["a", "a"]}, "parameter 'into' must hold different names"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        NumpyArrays(params)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"function": "abs", "cols": ["a", "bb"]}, "Column 'bb' does not exist"),
        ({"function": "abs", "cols": [4]}, "there is no column at position 4; the frame has 3"),
        ({"function": "abs", "cols": "5:"}, "the slice '5:' chooses no column"),
        ({"function": "abs", "cols": ["a", 0]}, "Column 'a' is chosen twice"),
        ({"function": "abs"}, "Column 's' is string; an array takes numbers and booleans"),
        ({"function": "add", "args": [[1, 2, 3]], "cols": "0:2"}, "one for each of the 2 columns; got 3"),
        ({"function": "add", "args": [{"cols": ["a", "b"]}], "cols": "a"}, "'add' of 1 columns meets 2 others"),
        ({"function": "dot", "args": [[1, 2, 3]], "cols": "0:2"}, "has 3 rows for 2 columns"),
        ({"function": "dot", "args": [[[1, 2, 3], [4, 5, 6]]], "cols": "0:2"}, "makes 3 columns out of 2; name them with 'into'"),
        ({"function": "cumsum", "cols": "0:2", "into": ["x"]}, "makes 2 columns; 'into' names 1"),
        ({"function": "take", "args": [[2]], "cols": "0:2"}, "asks for position 2 of 2 columns"),
        ({"steps": ["abs", {"function": "take", "args": [5]}], "cols": "a"}, "step 2 ('take'): 'take' asks for position 5"),
    ],
)
def test_what_does_not_fit_the_frame_is_refused_by_both(params: dict[str, Any], words: str) -> None:
    frame = pd.DataFrame({"a": [1.0], "b": [2.0], "s": ["x"]})
    with pytest.raises((ColumnError, ParamError)) as caught:
        NumpyArrays(params).process(frame)
    assert words in str(caught.value)
    assert_refuses(NumpyArrays(params), frame, words)


def test_every_refusal_is_about_a_function_that_is_not_there() -> None:
    assert set(steps.REFUSED).isdisjoint(steps.ARGUMENTS)
