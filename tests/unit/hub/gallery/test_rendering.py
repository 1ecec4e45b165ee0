"""Figures for people."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.display.wording import number, size
from rtml_plugins.hub.gallery.rendering import ago, ms, percent

NUMBERS = {
    "-": None,
    "0": 0.0,
    "12": 12.0,
    "1,234,567": 1234567,
    "1,235": 1234.6,
    "0.0123": 0.012345,
    "-2.5": -2.5,
    "1e+300": 1e300,
    "inf": math.inf,
    "-inf": -math.inf,
    "nan": math.nan,
}


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_has_the_digits_that_tell_something(text: str) -> None:
    assert number(NUMBERS[text]) == text


@given(st.floats() | st.integers(-(10**30), 10**30))
def test_every_number_is_short(value: float) -> None:
    assert 1 <= len(number(value)) <= 22


def test_shares_times_and_sizes_have_their_units() -> None:
    shares = {None: "-", 0.0: "0 %", 0.0004: "< 0.1 %", 0.0123: "1.2 %", 0.5: "50 %", 1.0: "100 %"}
    assert {share: percent(share) for share in shares} == shares
    assert [ms(seconds) for seconds in (None, 0.00025, 1.5)] == ["-", "0.25 ms", "1,500 ms"]
    sizes = {0: "0 B", 999: "999 B", 1500: "1.5 kB", 123_456: "123 kB", 7_800_000: "7.8 MB", 3e9: "3.0 GB"}
    assert {value: size(value) for value in sizes} == sizes


@given(st.floats() | st.integers() | st.sampled_from([10**400, -(10**400)]))
def test_no_number_is_too_much(value: float) -> None:
    assert all(made(value) for made in (number, percent, ms, size))


def test_a_whole_number_beyond_floats_is_infinite() -> None:
    assert [made(10**400) for made in (number, percent, ms, size)] == ["inf", "inf %", "inf ms", "inf GB"]
    assert number(-(10**400)) == "-inf"


@given(st.text(max_size=30) | st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(str))
def test_whatever_a_time_is_said_to_be_is_told(text: str) -> None:
    assert ago(text)


def test_times_are_told_from_now() -> None:
    assert ago(None) == "never"
    assert ago(datetime.now(UTC).isoformat()) == "just now"
    assert ago((datetime.now(UTC) - timedelta(hours=3, seconds=9)).isoformat()) == "3 hours ago"
    assert {ago(text) for text in ("", "yesterday", "2026-11-21T10:15:00")} == {"at an unknown time"}
