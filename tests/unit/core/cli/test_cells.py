"""Cells of a CSV file: typed when declared, guessed only without doubt."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.cli.cells import CELLS, guess, number, text, truth, whole


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("string", "02134", "02134"), ("string", " x ", " x "), ("string", "", None), ("string", "NA", "NA"),
        ("float", "1.5", 1.5), ("float", "-1e3", -1000.0), ("float", "02134", 2134.0), ("float", "", None),
        ("float", "nan", "nan"), ("float", "inf", "inf"), ("float", "1_000", "1_000"), ("float", "abc", "abc"),
        ("float", " 7 ", 7.0), ("float", "1,5", "1,5"), ("float", "٣", "٣"),
        ("int", "3", 3), ("int", "3.0", 3), ("int", "3.5", 3.5), ("int", "", None), ("int", "x", "x"), ("int", "1_0", "1_0"),
        ("int", "9223372036854775807", 2**63 - 1), ("int", "1e3", 1000), ("int", "1e999", math.inf),
        ("bool", "True", True), ("bool", "false", False), ("bool", "", None), ("bool", "1", "1"), ("bool", "yes", "yes"),
        ("timestamp", "2026-01-31", "2026-01-31"), ("timestamp", "", None),
    ],
)  # fmt: skip
def test_a_cell_is_what_its_type_says_or_stays_text(kind: str, cell: str, value: Any) -> None:
    got = CELLS[kind](cell)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2", ""], whole), (["1", "2.5"], number), (["1e5", "-0.5"], number), (["true", "False"], truth),
        (["02134", "10001"], text), (["1", "x"], text), (["", ""], text), ([], text), (["true", "1"], text),
        (["nan"], text), (["1.", "2"], text), (["12345678901234567890"], number), (["+1"], text), (["-0"], whole),
    ],
)  # fmt: skip
def test_an_undeclared_column_is_a_number_only_without_doubt(cells: list[str], expected: Any) -> None:
    assert guess(cells) is expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_survives_its_text(value: float) -> None:
    assert number(repr(value)) == value


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_whole_number_survives_its_text(value: int) -> None:
    assert whole(str(value)) == value


@given(st.lists(st.text(min_size=1), min_size=1))
def test_strings_are_never_changed(cells: list[str]) -> None:
    assert [text(cell) for cell in cells] == cells


@given(st.text())
def test_no_cell_raises(cell: str) -> None:
    for convert in CELLS.values():
        assert convert(cell) is not NotImplemented
    assert guess([cell])(cell) == cell or guess([cell]) is not text or cell == ""
