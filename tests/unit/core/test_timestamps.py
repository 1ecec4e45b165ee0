"""The one grammar of timestamps, against Python's datetime and pandas."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.timestamps import NAT, format_timestamp, parse_timestamp, parse_timestamps, to_micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

READ = {
    "1970-01-01": "1970-01-01T00:00:00",
    "0001-01-01": "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999": "9999-12-31T23:59:59.999999",
    "2024-02-29": "2024-02-29T00:00:00",
    "2000-02-29 23:59": "2000-02-29T23:59:00",
    "1969-12-31T23:59:59.999999": "1969-12-31T23:59:59.999999",
    "2026-11-21T10:15": "2026-11-21T10:15:00",
    "2026-11-21T10:15:30": "2026-11-21T10:15:30",
    "2026-11-21T10:15:30.5": "2026-11-21T10:15:30.500000",
    "2026-11-21T10:15:30.123456789": "2026-11-21T10:15:30.123456",
    "1960-11-21T10:15:30.9999999": "1960-11-21T10:15:30.999999",
    "2026-11-21T10:15Z": "2026-11-21T10:15:00",
    "2026-11-21T10:15+05:30": "2026-11-21T04:45:00",
    "2026-11-21 10:15:30.25-0800": "2026-11-21T18:15:30.250000",
    "2026-11-21T00:00:00+23:59": "2026-11-20T00:01:00",
    "2026-11-21T10:15:00-00:00": "2026-11-21T10:15:00",
    "2026-11-21Z": "2026-11-21T00:00:00",
    "2026-11-21+05:30": "2026-11-20T18:30:00",
}
REFUSED = (
    "", " ", "2026", "2026-11", "20261121", "2026/11/21", "21.11.2026", "2026-1-21", "2026-11-21T", "2026-11-21T10",
    "2026-11-21T10:15:", "2026-11-21T10:15:30.", "2026-11-21T10:15:30,5", "2026-11-21T10:15:30.1234567890", "2026-11-21t10:15",
    "2026-11-21T10:15z", "2026-11-21  10:15", "2026-11-21T10:15 Z", "2026-11-21T10:15+05", "2026-11-21T10:15+5:30",
    "2026-11-21T10:15+24:00", "2026-11-21T10:15+05:60", "2026-11-21T24:00", "2026-11-21T10:60", "2026-11-21T10:15:60",
    "0000-01-01", "2026-00-10", "2026-13-01", "2026-11-00", "2026-11-31", "2023-02-29", "1900-02-29", "2100-02-29",
    " 2026-11-21", "2026-11-21 ", "2026-11-21\n", "2026-11-21T10:15:30\n", "+2026-11-21", "-2026-11-21", "2026-W47-6", "2026-325",
    "\u0662\u0660\u0662\u0666-11-21", "2026-11-2\uff11", "2026\u201011\u201021", "now", "NaT", "nan", "\ufdd0", "2026-11-21\x00",
)  # fmt: skip


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(("text", "moment"), READ.items())
def test_every_form_of_the_grammar_is_read_as_utc_microseconds(text: str, moment: str) -> None:
    assert parse_timestamp(text) == _micros(moment)


@pytest.mark.parametrize("text", REFUSED)
def test_whatever_is_outside_the_grammar_or_the_calendar_is_refused(text: str) -> None:
    assert parse_timestamp(text) is None


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.sampled_from(["T", " "]),
    st.sampled_from(["", "Z", "minutes"]),
    st.integers(-1439, 1439),
    st.sampled_from(["minutes", "seconds", "microseconds"]),
)
def test_what_pandas_also_reads_means_the_same(moment: datetime, separator: str, zone: str, offset: int, unit: str) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)) if zone == "minutes" else None)
    text = aware.isoformat(separator, timespec=unit) + ("Z" if zone == "Z" else "")
    expected = pd.to_datetime(pd.Series([text]), utc=True, format="ISO8601").astype("datetime64[us, UTC]").astype("int64")
    assert parse_timestamp(text) == expected.iloc[0]


@given(st.integers(-62135596800000000, 253402300799999999))
def test_formatting_and_reading_give_the_same_instant(micros: int) -> None:
    text = format_timestamp(micros)
    assert text.endswith("Z")
    assert parse_timestamp(text) == micros


@given(st.text(alphabet="0123456789-T :.Z+\n", max_size=32))
def test_nothing_is_read_that_python_does_not_read(text: str) -> None:
    micros = parse_timestamp(text)
    if micros is not None and len(text) > 10 and text[10] in "T ":
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        assert (moment - EPOCH) // timedelta(microseconds=1) == micros


def test_an_array_has_nat_where_a_text_is_missing_or_no_timestamp() -> None:
    read = parse_timestamps(["1970-01-01T00:00:01Z", None, "yesterday"])
    assert read.dtype == np.int64
    assert read.tolist() == [1_000_000, NAT, NAT]
    assert read.view("datetime64[us]")[1:].tolist() == [None, None]
    assert parse_timestamps([]).shape == (0,)


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        (datetime(1970, 1, 1, 0, 0, 1), 1_000_000),
        (datetime(1970, 1, 1, 5, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), 0),
        (datetime(1, 1, 1), -62135596800000000),
        (datetime.max, 253402300799999999),
        (date(1969, 12, 31), -86_400_000_000),
        (pd.Timestamp("1970-01-01 00:00:00.000001999"), 1),
        (pd.Timestamp("1970-01-01", tz="Asia/Kolkata"), -19_800_000_000),
        (np.datetime64("1970-01-02", "D"), 86_400_000_000),
        (np.datetime64(-1, "ns"), -1),
        (np.datetime64(7, "us"), 7),
    ],
)
def test_strings_datetimes_dates_and_numpy_become_microseconds(value: object, micros: int) -> None:
    assert to_micros(value) == micros


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (0, "number does not say its unit"),
        (True, "number does not say its unit"),
        (1.5, "number does not say its unit"),
        (np.int64(3), "number does not say its unit"),
        (None, "NoneType"),
        (pd.NaT, "NaT"),
        (np.datetime64("NaT", "us"), "NaT"),
        ("21.11.2026", "'21.11.2026'"),
        (np.datetime64(10**18, "s"), "64 bits"),
        ([1], "list"),
    ],
)
def test_everything_else_is_refused_naming_what_came(value: object, got: str) -> None:
    with pytest.raises(ValueError, match=got):
        to_micros(value)


def test_formatting_is_total_but_for_nat() -> None:
    assert format_timestamp(0) == "1970-01-01T00:00:00Z"
    assert format_timestamp(-1) == "1969-12-31T23:59:59.999999Z"
    assert format_timestamp(-62135596800000001) == "0000-12-31T23:59:59.999999Z"
    assert format_timestamp(2**63 - 1) == "294247-01-10T04:00:54.775807Z"
    with pytest.raises(ValueError, match="write null"):
        format_timestamp(NAT)


def test_the_runtime_may_import_it_without_pandas() -> None:
    code = "import sys, rtml_core.timestamps; print(sorted({'pandas', 'sklearn', 'onnx', 'onnx_ir'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "odd",
    [
        "2023-02-29T00:00:00Z",
        "2024-02-28T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "2024-01-01 00:00:00Z",
        "é024-01-01T00:00:0Z",
        None,
        "x",
    ],
)
def test_many_texts_of_one_layout_are_read_as_each_by_itself(odd: str | None) -> None:
    texts: list[str | None] = [
        f"20{year:02}-02-{day:02}T1{day % 10}:{year % 60:02}:59Z" for year in range(24, 60) for day in range(1, 29)
    ]
    alone = [parse_timestamp(text) for text in texts if text is not None]
    assert parse_timestamps(texts).tolist() == alone
    with_odd = parse_timestamps([*texts, odd]).tolist()
    assert with_odd[:-1] == alone
    assert with_odd[-1] == (NAT if odd is None or parse_timestamp(odd) is None else parse_timestamp(odd))
