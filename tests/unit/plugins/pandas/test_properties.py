"""Random columns through random methods: compiled or refused, never different from pandas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rtml_core.errors import RtmlError
from rtml_core.frames import string_dtype
from rtml_plugins.pandas_ops import Pandas

EDGES = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, 1e16, -1e16, 1e308, 5e-324, 2.0**53, 0.1, 99.995]
floats = st.one_of(st.sampled_from(EDGES), st.floats(allow_nan=False, width=64), st.integers(-20, 20).map(float))
wholes = st.one_of(
    st.sampled_from([0, 1, -1, 2**53 + 1, -(2**63), 2**63 - 1]), st.integers(-(2**63), 2**63 - 1), st.integers(-20, 20)
)
texts = st.one_of(
    st.sampled_from(["a", "b", "A", "", " a", "é", "ab"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufdd0"), max_size=4),
)
numbers = st.one_of(floats, st.integers(-100, 100))


def series(values: st.SearchStrategy[Any], dtype: Any, *, missing: bool) -> st.SearchStrategy[pd.Series]:
    entries = st.one_of(values, st.none()) if missing else values
    return st.lists(entries, min_size=1, max_size=6).map(lambda items: pd.Series(items, dtype=dtype))


frames = st.one_of(
    series(floats, "float64", missing=True),
    series(floats, "float64", missing=False),
    series(wholes, "int64", missing=False),
    series(texts, string_dtype(), missing=True),
    series(st.booleans(), "boolean", missing=True),
    series(st.booleans(), "bool", missing=False),
).map(lambda column: column.to_frame("x"))


def keyed(keys: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    return st.dictionaries(keys, values, min_size=1, max_size=4)


anything = st.one_of(floats, wholes, texts, st.booleans())
one_kind = st.one_of(*(keyed(anything, values) for values in (floats, st.integers(-9, 9), texts, st.booleans())))
ascending = st.lists(st.integers(-50, 50), min_size=2, max_size=5, unique=True).map(sorted)

calls: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.one_of(
    st.tuples(
        st.sampled_from(
            ["add", "sub", "mul", "truediv", "floordiv", "mod", "radd", "rsub", "rtruediv", "rfloordiv", "rmod", "pow"]
        ),
        st.fixed_dictionaries({"other": numbers}),
    ),
    st.tuples(st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"]), st.fixed_dictionaries({"other": anything})),
    st.tuples(st.just("clip"), st.fixed_dictionaries({"lower": numbers, "upper": numbers})),
    st.tuples(st.just("round"), st.fixed_dictionaries({"decimals": st.integers(-3, 6)})),
    st.tuples(st.just("fillna"), st.fixed_dictionaries({"value": anything})),
    st.tuples(st.just("map"), st.fixed_dictionaries({"func": one_kind})),
    st.tuples(st.just("replace"), st.fixed_dictionaries({"to_replace": one_kind})),
    st.tuples(st.just("isin"), st.fixed_dictionaries({"values": st.lists(anything, max_size=4)})),
    st.tuples(
        st.just("cut"), st.fixed_dictionaries({"bins": ascending, "right": st.booleans(), "include_lowest": st.booleans()})
    ),
    st.tuples(
        st.just("astype"), st.fixed_dictionaries({"dtype": st.sampled_from(["int64", "float64", "float32", "bool", "str"])})
    ),
    st.tuples(st.sampled_from(["where", "mask"]), st.fixed_dictionaries({"cond": st.just("x == x"), "other": numbers})),
    st.tuples(st.sampled_from(["isna", "notna", "abs", "str.lower", "str.strip", "str.len"]), st.just({})),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(frame=frames, call=calls)
def test_a_compiled_method_never_differs_from_pandas(frame: pd.DataFrame, call: tuple[str, dict[str, Any]], prove: Any) -> None:
    name, arguments = call
    node = Pandas(import_=name, cols="x", kwargs=arguments, into="y")
    try:
        with np.errstate(all="ignore"):
            proof = prove(node, frame)
    except RtmlError:  # refused, at its parameters or when compiled
        assume(False)
    assume(not proof.checked)
    proof.holds()
    proof.holds_on(0)


names = st.sampled_from(["f", "g", "k", "m"])
leaves = st.one_of(names, st.integers(-5, 5).map(str), st.sampled_from(["0.5", "2.0", "-1.5"]))
arithmetic = st.recursive(
    leaves, lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda parts: f"({' '.join(parts)})"), max_leaves=6
)
comparisons = st.tuples(arithmetic, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), arithmetic).map(" ".join)
logic = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or", "&", "|"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=3,
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(text=st.one_of(arithmetic, logic))
def test_a_compiled_expression_never_differs_from_pandas(text: str, prove: Any) -> None:
    frame = pd.DataFrame(
        {
            "f": [1.5, math.nan, 0.0, -2.5, 1e308, 3.0],
            "g": [2.0, 1.0, -0.0, 7.25, -1e308, 0.1],
            "k": [0, 1, -1, 7, 2**53 + 1, -(2**63)],
            "m": [3, 0, 2, -7, 1, -1],
        }
    )
    try:
        proof = prove(Pandas(import_="eval", args=[text], into="y"), frame)
    except RtmlError:
        assume(False)
    proof.holds()
    proof.holds_on(2)
