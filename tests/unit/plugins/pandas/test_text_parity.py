"""Compiled methods of .str against pandas, on texts of all kinds."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_plugins.pandas_ops import Pandas

CASES: list[tuple[str, dict[str, Any]]] = [
    *[
        (name, {})
        for name in ("lower", "upper", "len", "strip", "lstrip", "rstrip", "isdigit", "isalpha", "isspace", "isnumeric")
    ],
    ("strip", {"to_strip": "VWx "}),
    ("contains", {"pat": "a"}),
    ("contains", {"pat": "^.$"}),
    ("contains", {"pat": ".", "regex": False}),
    ("contains", {"pat": "A", "case": False}),
    ("contains", {"pat": "VW", "na": True}),
    ("match", {"pat": "[a-z]"}),
    ("fullmatch", {"pat": "[A-Z]+"}),
    ("startswith", {"pat": "V"}),
    ("endswith", {"pat": "e"}),
    ("startswith", {"pat": "é", "na": True}),
    ("replace", {"pat": "x", "repl": "y"}),
    ("replace", {"pat": "[a-z]", "repl": "-", "regex": True}),
    ("replace", {"pat": " ", "repl": "", "n": 1}),
    ("slice", {"start": 1}),
    ("slice", {"stop": 2}),
    ("slice", {"start": -3, "stop": -1}),
    ("get", {"i": 0}),
    ("get", {"i": -1}),
    ("pad", {"width": 4, "side": "both", "fillchar": "*"}),
    ("zfill", {"width": 5}),
    ("center", {"width": 6}),
    ("ljust", {"width": 3}),
    ("removeprefix", {"prefix": "V"}),
    ("removesuffix", {"suffix": "e"}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=lambda value: str(value)[:50])
def test_a_text_method_agrees_with_pandas(name: str, arguments: dict[str, Any], hard: pd.DataFrame, prove: Any) -> None:
    node = Pandas(import_=f"str.{name}", cols=["s", "u"], kwargs=arguments, into=["x", "y"])
    proof = prove(node, hard)
    proof.holds()
    proof.holds_on()
    proof.holds_on(5)


@pytest.mark.parametrize("name", ["add", "radd"])
@pytest.mark.parametrize("other", ["-x", "s", {"column": "u"}])
def test_texts_are_joined_by_add(name: str, other: Any, hard: pd.DataFrame, prove: Any) -> None:
    prove(Pandas(import_=name, cols="s", kwargs={"other": other}), hard).holds()


@pytest.mark.parametrize("separator", [",", "a", "None"])
def test_split_gives_the_columns_that_into_names(separator: str, hard: pd.DataFrame, prove: Any) -> None:
    node = Pandas(
        import_="str.split", cols="s", kwargs={"pat": separator, "n": 1, "expand": True, "regex": False}, into=["first", "rest"]
    )
    proof = prove(node, hard)
    proof.holds()
    proof.holds_on(0)
