"""Whatever an expression of pandas can hold compiles, or is refused by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.core.computation import ops

from rtml_core.errors import ParamError, RtmlError
from rtml_core.lowering.expressions import FUNCTIONS
from rtml_core.testing import assert_refuses
from rtml_plugins.pandas_ops import Pandas

#: functions that are refused -> what the refusal says to write
REFUSED = {"log10": "log(x)", "arcsinh": "log(x + sqrt", "arccosh": "log(x + sqrt", "arctanh": "log((1 + x)"}
#: function -> an argument inside its domain and beyond it
ARGUMENTS = {"arcsin": "h / 10", "arccos": "h / 10", "arctan2": "h, k", "log1p": "h", "sqrt": "h", "log": "h"}


@pytest.mark.parametrize("name", ops.MATHOPS)
def test_a_function_of_pandas_compiles_or_is_refused_by_name(name: str, hard: pd.DataFrame, prove: Any) -> None:
    node = Pandas(import_="eval", args=[f"{name}({ARGUMENTS.get(name, 'h')})"], into="x")
    if name in REFUSED:
        assert_refuses(node, hard, name, REFUSED[name])
        return
    assert name in FUNCTIONS
    proof = prove(node, hard)
    proof.holds()
    proof.holds_on()


@pytest.mark.parametrize("sign", ops.ARITH_OPS_SYMS)
def test_every_arithmetic_operator_compiles(sign: str, hard: pd.DataFrame, prove: Any) -> None:
    for text in (f"f {sign} g", f"i {sign} 3", f"2.5 {sign} h", f"k {sign} m"):
        proof = prove(Pandas(import_="eval", args=[text], into="x"), hard.assign(m=hard["g"].round().clip(1, 9)))
        proof.holds()
        proof.holds_on(2)


@pytest.mark.parametrize("sign", ops.CMP_OPS_SYMS)
def test_every_comparison_compiles(sign: str, hard: pd.DataFrame, prove: Any) -> None:
    lists = sign in ("in", "not in")
    for text in [f"k {sign} [1, 2]", f"s {sign} ['VW', '']"] if lists else [f"f {sign} g", f"k {sign} 1", f"t {sign} v"]:
        proof = prove(Pandas(import_="eval", args=[text], into="x"), hard)
        proof.holds()
        proof.holds_on(2)


@pytest.mark.parametrize("sign", ops.BOOL_OPS_SYMS)
def test_every_connective_compiles(sign: str, hard: pd.DataFrame, prove: Any) -> None:
    for text in (f"b {sign} (k > 1)", f"n {sign} b", f"(f > 0) {sign} (g > 0) {sign} n"):
        prove(Pandas(import_="eval", args=[text], into="x"), hard).holds()


@pytest.mark.parametrize("sign", ops.UNARY_OPS_SYMS)
def test_every_sign_compiles(sign: str, hard: pd.DataFrame, prove: Any) -> None:
    texts = [f"{sign}f", f"{sign}(k + 1)"] if sign in "+-" else [f"{sign} b", f"{sign} n", f"{sign}(f > 0)"]
    for text in texts:
        prove(Pandas(import_="eval", args=[text], into="x"), hard).holds()


BEYOND: list[tuple[str, tuple[str, ...]]] = [
    ("s.str.lower()", ("methods of columns", "node of their own")),
    ("f.fillna(0)", ("methods of columns",)),
    ("f.isna()", ("methods of columns",)),
    ("t.dt.year", ("an attribute", "t.dt.year")),
    ("f.max()", ("methods of columns",)),
    ("f[0]", ("an item",)),
    ("f[1:]", ("an item",)),
    ("f if b else g", ("'if ... else'",)),
    ("lambda: f", ("a function",)),
    ("[f, g]", ("a list",)),
    ("(f, g)", ("Tuple",)),
    ("{1: f}", ("Dict",)),
    ("f << 1", ("BinOp", "f << 1")),
    ("f ^ g", ("BinOp",)),
    ("f @ g", ("must use columns and constants only",)),
    ("sum(f)", ("no function 'sum'",)),
    ("where(b, f, g)", ("no function 'where'",)),
    ("sin(f, g)", ("takes 1 argument",)),
    ("arctan2(f)", ("takes 2 argument",)),
    ("sin(x=f)", ("methods of columns",)),
    ("s < u", ("order of strings",)),
    ("s * 2", ("needs numbers",)),
    ("-s", ("needs numbers",)),
    ("not k", ("needs booleans",)),
    ("b and f", ("needs booleans",)),
    ("s in u", ("list of constants",)),
    ("k in []", ("the list is empty",)),
    ("k in ['a']", ("can't be compared",)),
    ("None", ("Constant ('None')",)),
    ("f == None", ("None",)),
    ("(y := f)", ("NamedExpr",)),
    ("'a'", ("is a constant",)),
    ("d = f; e = g", ("one expression a line",)),
    ("f +", ("is not an expression",)),
    ("f += 1", ("must be an expression or `name = expression`",)),
    ("f, g = g, f", ("must be an expression or `name = expression`",)),
    ("`f", ("backtick",)),
    ("", ("empty",)),
    ("b'x' == s", ("b'x'",)),
    ("1j * f", ("1j",)),
    ("f'{s}'", ("JoinedStr",)),
]


@pytest.mark.parametrize(("text", "words"), BEYOND, ids=lambda value: str(value)[:30])
def test_what_is_not_on_the_list_is_refused_at_its_place(text: str, words: tuple[str, ...], hard: pd.DataFrame) -> None:
    sentence = _refusal(text, hard)
    assert [word for word in words if word not in sentence] == []


def _refusal(text: str, hard: pd.DataFrame) -> str:
    """The sentence with which a node is refused when it is written, or else when it is compiled."""
    try:
        node = Pandas(import_="eval", args=[text], into="x")
    except ParamError as error:
        return str(error)
    return assert_refuses(node, hard)


def test_lines_make_columns_one_after_the_other(hard: pd.DataFrame, prove: Any) -> None:
    text = "a = f + 1\n\nb2 = a > 2 and not b\nf = k * 2\nlast = f - a"
    proof = prove(Pandas(import_="eval", args=[text]), hard)
    proof.holds()
    proof.holds_on()
    proof.holds_on(9)


def test_a_truth_can_be_used_as_a_number(hard: pd.DataFrame, prove: Any) -> None:
    for text in ("(f > 0) * 2", "(f > 0) + (g > 0) * k", "1 - (k > 1)"):
        prove(Pandas(import_="eval", args=[text], into="x"), hard).holds()


def test_rows_are_not_chosen_by_an_expression(hard: pd.DataFrame) -> None:
    assert_refuses(Pandas(import_="query", args=["f > 0"]), hard, "changes which rows there are", "eval")


def test_constants_meet_at_their_ends(prove: Any) -> None:
    frame = pd.DataFrame(
        {"x": [0.1, np.nextafter(18.0, 0), 18.0, np.nextafter(18.0, 99)], "k": [2**53, 2**53 + 1, 2**63 - 1, -(2**63)]}
    )
    for text in ("x >= 18", "x > 17.999999999999996", "k == 9007199254740993", "k < 9223372036854775807", "x in [18, 0.1]"):
        prove(Pandas(import_="eval", args=[text], into="y"), frame).holds()
    with pytest.raises(RtmlError, match="does not fit into int64"):
        prove(Pandas(import_="eval", args=["k < 9223372036854775808"], into="y"), frame)
