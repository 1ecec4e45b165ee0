"""The page of the array namespace is what its generator writes from the catalogue, and names every function once."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rtml_core.lowering.namespace.catalogue import ALIASES, FUNCTIONS, unknown_function
from rtml_core.lowering.namespace.names_refused import REFUSED

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    if str(DOCS / "_ext") not in sys.path:
        sys.path.insert(0, str(DOCS / "_ext"))
    return importlib.import_module("formula_namespace")


@pytest.fixture(scope="module")
def page(generator: ModuleType) -> str:
    text: str = generator.page()
    return text


def test_the_page_in_the_repository_is_the_generated_one(page: str) -> None:
    """Write it anew with `python docs/_ext/formula_namespace.py`."""
    assert (DOCS / "reference" / "formula-namespace.md").read_text() == page


def test_every_function_stands_on_the_page_once(page: str) -> None:
    lines = [line.split("`")[1].split("(")[0] for line in page.splitlines() if line.startswith("| `") and "(" in line]
    assert [name for name in lines if name in FUNCTIONS] == list(FUNCTIONS)


def test_a_line_says_what_a_function_gives(page: str) -> None:
    lines = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert lines["sqrt(x)"] == "| `sqrt(x)` | Square root; NaN below 0. | `xp.sqrt(x)` | 0.707107, missing, missing | 1 |"
    assert "Near." in lines["sin(x)"]


def test_a_name_is_there_or_left_out_and_not_both() -> None:
    assert not set(REFUSED) & (set(FUNCTIONS) | set(ALIASES))
    assert set(ALIASES.values()) <= set(FUNCTIONS)
    assert not set(ALIASES) & set(FUNCTIONS)
    for name in REFUSED:
        known, says = unknown_function(name)
        assert not known
        assert REFUSED[name] in says


def test_the_element_wise_functions_of_the_array_api_standard_are_there_or_left_out_by_name() -> None:
    standard = [
        "abs",
        "acos",
        "acosh",
        "add",
        "asin",
        "asinh",
        "atan",
        "atan2",
        "atanh",
        "bitwise_and",
        "bitwise_left_shift",
        "bitwise_invert",
        "bitwise_or",
        "bitwise_right_shift",
        "bitwise_xor",
        "ceil",
        "clip",
        "conj",
        "copysign",
        "cos",
        "cosh",
        "divide",
        "equal",
        "exp",
        "expm1",
        "floor",
        "floor_divide",
        "greater",
        "greater_equal",
        "hypot",
        "imag",
        "isfinite",
        "isinf",
        "isnan",
        "less",
        "less_equal",
        "log",
        "log1p",
        "log2",
        "log10",
        "logaddexp",
        "logical_and",
        "logical_not",
        "logical_or",
        "logical_xor",
        "maximum",
        "minimum",
        "multiply",
        "negative",
        "nextafter",
        "not_equal",
        "positive",
        "pow",
        "real",
        "reciprocal",
        "remainder",
        "round",
        "sign",
        "signbit",
        "sin",
        "sinh",
        "square",
        "sqrt",
        "subtract",
        "tan",
        "tanh",
        "trunc",
        "where",
        "astype",
        "zeros_like",
        "ones_like",
        "full_like",
    ]
    assert [name for name in standard if name not in FUNCTIONS and name not in REFUSED] == []
    left_out = {"bitwise_left_shift", "bitwise_right_shift", "conj", "imag", "real", "nextafter"}
    assert {name for name in standard if name not in FUNCTIONS} == left_out
