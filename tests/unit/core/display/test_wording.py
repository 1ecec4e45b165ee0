"""Values and texts in pictures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.display.wording import count, duration, fit, fit_list, listed, shown, value, width


@pytest.mark.parametrize(
    ("one", "dtype", "text"),
    [
        (None, "float64", "missing"),
        (float("nan"), "float64", "missing"),
        (True, "bool", "true"),
        (0.1 + 0.2, "float64", "0.3"),
        (12, "int64", "12"),
        (25_660_800_000_000, "timedelta", "297 d"),
        (25_660_800_000_000, "int64", "25660800000000"),
        ("1998-01-01T00:00:00.000000Z", "timestamp", "1998-01-01"),
        ("1998-01-01T10:30:00Z", "timestamp", "1998-01-01 10:30"),
        ("1998-01-01T10:30:15+00:00", "timestamp", "1998-01-01 10:30:15"),
        ("1998-01-01T10:30:15.25Z", "timestamp", "1998-01-01T10:30:15.25Z"),
        ("1998-01-01T00:00:00Z", "string", "1998-01-01T00:00:00Z"),
        ({"a": 1}, "", '{"a": 1}'),
        ("a\x00", "string", "a\ufffd"),
    ],
)
def test_values_in_words(one: Any, dtype: str, text: str) -> None:
    assert value(one, dtype) == text


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0 s"), (1, "1e-06 s"), (4_500_000, "4.5 s"), (-5_400_000_000, "-1 h 30 min"), (93_784_000_000, "1 d 2 h 3 min")],
)
def test_durations(microseconds: float, text: str) -> None:
    assert duration(microseconds) == text


def test_names_and_numbers_in_a_row() -> None:
    assert (count(1, "entry", "entries"), count(2000, "entry", "entries"), count(0, "node")) == (
        "1 entry",
        "2,000 entries",
        "0 nodes",
    )
    assert listed("abcd", 2) == "a, b and 2 more"
    assert listed("ab", 2) == "a, b"


def test_text_that_would_turn_a_page_around_is_not_shown() -> None:
    assert shown("a\u202eb\ud800c\nd\te") == "a\ufffdb\ufffdc\nd\te"
    assert shown("Köln 東京 🙂") == "Köln 東京 🙂"


@given(st.text(max_size=60), st.floats(2, 40))
def test_a_shortened_text_fits(text: str, room: float) -> None:
    fitted = fit(text, room)
    assert width(fitted) <= room
    assert fitted == shown(text) or fitted.endswith("…")


@pytest.mark.parametrize(
    ("names", "room", "text"),
    [
        ([], 10, ""),
        (["a", "b"], 10, "a, b"),
        (["abcdef", "ghijkl", "mnopqr"], 7, "abcdef +2"),
        (["abcdefghijkl", "b"], 6, "abcdef… +1"),
    ],
)
def test_as_many_names_as_fit(names: list[str], room: float, text: str) -> None:
    assert fit_list(names, room) == text
    assert width(text) <= room
