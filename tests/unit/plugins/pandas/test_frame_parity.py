"""Compiled methods on the whole frame, and expressions, against pandas."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_plugins.pandas_ops import Pandas

EXPRESSIONS = [
    "f + g", "f - h * 2", "g / k", "i // k", "i % k", "f % 3", "f // 2.5", "i // 7 + i % 7", "-f", "+k", "i ** 2", "g ** 0.5",
    "f ** -1", "2 ** h", "k * 1.5 - 1", "f > 0", "k == 1", "k != 1", "0 < g <= 18", "f > 0 and k > 0", "f > 0 & k > 0",
    "f > 0 | not b", "b or f < 1", "~b", "not (b and k == 1)", "n and b", "n or b", "n & (k > 1)", "~n", "n == True",
    "s == 'VW'", "s != u", "s in ['VW', 'é', '']", "u not in ['red']", "s == ['VW', 'Audi']", "k in [1, 2.0]",
    "f in [0.5, 2.5]", "abs(f)", "abs(i)", "floor(h) + ceil(h)", "exp(h)", "log(g)", "log1p(g)", "expm1(h)", "sqrt(abs(g))",
    "sin(k) + cos(k)", "tanh(h)", "tan(k)", "arctan(h)", "arcsin(h / 100)", "arccos(h / 1000)", "arctan2(h, k)", "sinh(k)",
    "cosh(k)", "w * 2", "w + 0.1", "w / k", "w > 0.5", "b / k", "t > v", "t > '1970-01-01'", "t - v", "t + d",
    "t <= '2000-01-01'", "True and b", "k + 1 > 2 * k", "b == (f > 0)", "(f > 1) == (g > 1)", "i < 9007199254740993",
    "f == inf_", "k * k * k", "1 / g", "3 - 1 + f",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_agrees_with_pandas(text: str, hard: pd.DataFrame, prove: Any) -> None:
    frame = hard.assign(inf_=hard["g"] * 0 + float("inf"))
    node = Pandas(import_="eval", args=[text], into="result")
    proof = prove(node, frame)
    proof.holds()
    proof.holds_on()
    proof.holds_on(3)


def test_statements_see_the_columns_of_the_lines_before(hard: pd.DataFrame, prove: Any) -> None:
    prove(Pandas(import_="eval", args=["c = f / g\nd2 = c + 1\n\nc = d2 > 1"]), hard).holds()


def test_names_with_blanks_stand_in_backticks(plain: pd.DataFrame, prove: Any) -> None:
    frame = plain.rename(columns={"age": "age in years"})
    prove(Pandas(import_="eval", args=["`age in years` * 2 + km"], into="x"), frame).holds()


WHOLE: list[tuple[str, dict[str, Any]]] = [
    ("fillna", {"value": {"f": 0, "s": "none", "t": "2020-01-01", "n": False}}),
    ("isna", {}),
    ("notna", {}),
    ("round", {"decimals": 1}),
    ("round", {"decimals": {"f": 1, "h": 0, "s": 2}}),
    ("astype", {"dtype": {"i": "float64", "b": "int64", "k": "str"}}),
    ("rename", {"columns": {"f": "g2", "s": "text"}}),
    ("rename", {"mapper": {"f": "g2"}, "axis": 1}),
    ("drop", {"columns": ["f", "t"]}),
    ("drop", {"labels": "f", "axis": 1}),
    ("drop", {"columns": ["f", "absent"], "errors": "ignore"}),
    ("filter", {"items": ["s", "f"]}),
    ("filter", {"regex": "^[a-g]$"}),
    ("filter", {"like": "f"}),
    ("get", {"key": ["f", "k"]}),
    ("reindex", {"columns": ["k", "f"]}),
    ("add_prefix", {"prefix": "x_"}),
    ("add_suffix", {"suffix": "_x"}),
    ("sort_index", {"axis": 1}),
    ("set_axis", {"labels": list("abcdefghijklm"), "axis": 1}),
    ("reset_index", {"drop": True}),
    ("copy", {}),
    (
        "assign",
        {"one": 1, "half": 0.5, "word": "x", "yes": True, "no": None, "same": {"column": "f"}, "sum": {"eval": "f + k"}, "f": 2},
    ),
    ("assign", {"c": {"eval": "1 + 2"}, "day": pd.Timestamp("2024-01-02T10:00:00+02:00")}),
    ("isin", {"values": [1, 0.5]}),
]


@pytest.mark.parametrize(("name", "arguments"), WHOLE, ids=lambda value: str(value)[:50])
def test_a_method_of_the_frame_agrees_with_pandas(name: str, arguments: dict[str, Any], hard: pd.DataFrame, prove: Any) -> None:
    frame = hard.drop(columns=["t", "v", "d"]) if name in ("isin", "round") else hard
    node = Pandas(import_=name, kwargs=arguments)
    proof = prove(node, frame)
    proof.holds()
    proof.holds_on(3)


NUMBERS = ["f", "g", "h", "i", "k", "w"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("add", {"other": 1}), ("mul", {"other": 0.5}), ("gt", {"other": 0}), ("abs", {}), ("fillna", {"value": 0})],
    ids=lambda value: str(value),
)  # fmt: skip
def test_a_frame_of_numbers_goes_through_as_one(name: str, arguments: dict[str, Any], hard: pd.DataFrame, prove: Any) -> None:
    prove(Pandas(import_=name, kwargs=arguments), hard[NUMBERS]).holds()


VOCABULARY: dict[str, list[Any]] = {"s": ["VW", "é", "absent"], "u": ["red", "blue"], "k": [0, 1, 7]}
S, SU, UK = ({name: VOCABULARY[name] for name in names} for names in ("s", "su", "uk"))
DUMMIES: list[dict[str, Any]] = [
    {"cols": "s", "categories": S},
    {"cols": ["u", "k"], "categories": UK},
    {"cols": ["u", "k", "s"], "categories": VOCABULARY},
    {"categories": VOCABULARY},
    {"kwargs": {"columns": ["s", "u"], "prefix": ["a", "b"], "prefix_sep": "="}, "categories": SU},
    {"cols": "s", "kwargs": {"drop_first": True, "dtype": "int64"}, "categories": S},
    {"cols": ["s", "u"], "kwargs": {"dtype": "float64"}, "categories": SU},
    {"cols": ["s", "u", "k"], "kwargs": {"dtype": "uint8", "drop_first": True}, "categories": VOCABULARY},
]


@pytest.mark.parametrize("parameters", DUMMIES, ids=lambda value: str(value)[:70])
def test_get_dummies_with_a_vocabulary_agrees_with_pandas(parameters: dict[str, Any], hard: pd.DataFrame, prove: Any) -> None:
    node = Pandas(import_="get_dummies", **parameters)
    proof = prove(node, hard)
    proof.holds()
    proof.holds_on(0)
    proof.holds_on()


def test_columns_can_be_named_beside_the_method(plain: pd.DataFrame, prove: Any) -> None:
    prove(Pandas(import_="drop", cols=["age", "km"]), plain).holds()
    prove(Pandas(import_="filter", cols=["km", "brand"]), plain).holds()
    prove(Pandas(import_="rename", cols=["age", "km"], into=["years", "distance"]), plain).holds()
