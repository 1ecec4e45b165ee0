"""Rows that the training frame had not: a package answers them as pandas does with the same code, or refuses them.

The training frame is tame. The rows behind it are not: empty texts, values that map does not list, numbers outside of bins, times
before 1970. Statements without constants go into one program, so that one compile serves all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

import rtml
from rtml_core.errors import InputError, RtmlError
from rtml_plugins.recording.comparing import difference
from tests.unit.plugins.recording.comparing import Program, assert_same, record, rows
from tests.unit.plugins.recording.test_random_programs import frames, programs, run

CODES = {"a-b": 1, "b-c": 2}
KNOWN = {"a-b": True, "b-c": False}


def tame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": [1.5, 2.25, None, 12.0],
            "n": [1, 2, 3, 4],
            "m": [2, 4, 6, 8],
            "k": ["a-b", "b-c", "a-b", "b-c"],
            "s": ["red", None, "blue", "red"],
            "always": [True, True, True, True],
            "at": pd.to_datetime(["2024-01-05 10:00", "2024-02-06 11:30", "2024-03-07 12:45", "2024-04-08 13:00"]),
        }
    )


def wild() -> pd.DataFrame:
    values: dict[str, list[Any]] = {
        "x": [None, -0.0, 1e308, -5.5, 5e-324, 2.5, 1e16, 0.30000000000000004, 3.0],
        "n": [0, -7, 2**31, 1000000, -1, 2**53 + 1, 3, 300, 7],
        "m": [0, -3, 5, 40000, 1, 7, -1, 2, 0],
        "k": ["", " ", "a-b-c-d", "nan", "日本-語", "--", "12", "A-B", "a\u0301-x"],
        "s": [None, "", "RED", "nan", "é", "red", "zzz", " red", "None"],
        "always": [False, True, False, True, False, True, False, True, False],
        "at": [
            "1969-12-31 23:59:59", "1900-01-01", "2024-02-29 23:59:59.999999", "2024-03-31 01:30", "2100-03-01",
            "2023-12-31", "2021-01-03", "2000-02-29 12:00", "2262-04-11",
        ],
    }  # fmt: skip
    return pd.DataFrame({**values, "at": pd.to_datetime(values["at"], format="ISO8601")})


def numbers(t: Any) -> None:
    t["whole"] = (t["n"] // t["m"]) + t["n"] % 5 - t["m"] * 3
    t["per"] = t["n"] / t["m"]
    t["rest"] = t["x"] % t["n"]
    t["root"] = np.sqrt(t["x"]) + np.log1p(t["x"])
    t["rounded"] = t["x"].round(1) + np.floor(t["x"])
    t["limited"] = t["n"].clip(0.5, 10.5)
    t["most"] = t[["x", "n"]].max(axis=1)
    t["missing"] = t[["x", "s"]].isna().sum(axis=1)
    t["bin"] = pd.cut(t["x"], [0, 3, 5, 20], labels=["low", "mid", "high"])
    t["bin text"] = pd.cut(t["x"], [0, 3, 5, 20], labels=["low", "mid", "high"]).astype(str)
    t["place"] = np.digitize(t["x"], [0, 3, 5])
    t["cell"] = t["x"].apply(lambda v: "a" if v < 3 else ("b" if v < 20 else "c"))


def choices(t: Any) -> None:
    t["one"] = np.where(t["always"], 1, 2.5)
    t["none"] = np.where(t["always"], t["n"], np.nan)
    t["text"] = np.where(t["always"], t["k"], "none")
    t["kept"] = t["n"].where(t["always"], t["x"])
    t["case"] = np.select([t["n"] < 0, t["n"] > 100], [0.5, t["m"]], default=1)
    t["new"] = 0
    t.loc[~t["always"], "new"] = t["m"]
    t.loc[t["n"] > 100, "m"] = np.nan
    t["bare"] = t["n"].replace({300: -1})


def texts(t: Any) -> None:
    t["part"] = t["k"].str.split("-").str[1]
    t["is b"] = t["part"] == "b"
    t["has b"] = t["part"].str.contains("b", na=False)
    t["first has b"] = t["k"].str.split("-").str[0].str.contains("b")
    t["last"] = t["k"].str.split("-").str[-1].str.upper()
    t["parts"] = t["k"].str.split("-").str.len()
    t["found"] = t["k"].str.extract(r"-(\w)", expand=False).fillna("none")
    t["code"] = t["k"].map(CODES) * t["x"]
    t["known"] = t["k"].map(KNOWN).fillna(False).astype(bool) & t["always"]
    t["above"] = t["k"].map(CODES) > 1
    t["both"] = t["s"] + "_" + t["k"]
    t["third"] = t["k"].str[2]
    t["long"] = t["s"].str.len().fillna(-1)
    t["is red"] = ~t["s"].isin(["red", "blue"])


def times(t: Any) -> None:
    at = t["at"].dt
    t["hour"], t["day"], t["week"] = at.hour, at.day_of_year, at.isocalendar().week
    t["end"], t["leap"], t["name"] = at.is_month_end, at.is_leap_year, at.day_name()
    t["days"] = (pd.Timestamp("2024-01-01") - t["at"]).dt.days
    t["part"] = pd.cut(at.hour, [0, 6, 12, 18], labels=["n", "m", "a"])
    t["later"] = t["at"] + pd.Timedelta(days=30)
    t["after"] = t["at"] > "2024-03-01"


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("program", [numbers, choices, texts, times])
def test_a_row_that_training_had_not_is_answered_as_pandas_does(program: Program) -> None:
    package = record(program, tame()).graph.compile()
    native = pd.concat([tame(), wild()], ignore_index=True)
    with np.errstate(all="ignore"):
        program(native)
    answers = [package.score(row) for row in rows(wild())]
    assert_same(answers, rows(native.tail(len(answers))))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(frame=frames(), later=frames(), program=programs)
def test_a_random_program_without_constants_gives_for_other_rows_what_pandas_gives(
    frame: pd.DataFrame, later: pd.DataFrame, program: list[tuple[str, str, str, str, int]]
) -> None:
    program = [statement for statement in program if statement[1] not in ("fill", "scaled", "group")]
    with rtml.record(frame, schema={"x": "float?", "k": "string?"}) as t:
        run(t, program)
    native = later.astype({"x": float, "k": "str"})
    run(native, program)
    answers = t.graph.run(later)
    for name in native.columns:
        assert difference(native[name], answers[name]) is None, name


# ---- what pandas makes of the dtype is not answered by something else ------------------------------------------------------


def small_whole_numbers(t: Any) -> None:
    t["o"] = t["n"].astype("int8")


def arithmetic_of_small_whole_numbers(t: Any) -> None:
    t["o"] = t["n"].clip(0, 5).astype("uint8") - 1


def a_float_in_a_small_whole_number(t: Any) -> None:
    t["o"] = t["x"].fillna(0).astype("int16")


@pytest.mark.parametrize(
    ("program", "row"),
    [
        (small_whole_numbers, {"n": 300}),
        (arithmetic_of_small_whole_numbers, {"n": 0}),
        (a_float_in_a_small_whole_number, {"x": 1e6}),
    ],
)
def test_a_number_that_its_dtype_does_not_hold_is_refused_with_its_row(program: Program, row: dict[str, Any]) -> None:
    package = record(program, tame()).graph.compile()
    known = {name: value for name, value in rows(tame())[1].items() if name in package.score(rows(tame())[1])}
    native = tame()
    program(native)
    assert package.score(known)["o"] == native["o"][1]
    with pytest.raises(InputError, match="does not hold"):
        package.score({**known, **row})


def parts_that_may_be_missing(t: Any) -> None:
    t["o"] = t["k"].str.split("-").str[1].str.contains("b")


def digits_of_parts_that_may_be_missing(t: Any) -> None:
    t["o"] = t["k"].str.split("-").str[1].str.isdigit()


def truth_out_of_a_map(t: Any) -> None:
    t["o"] = ~t["k"].map(KNOWN)


def a_choice_by_truth_out_of_a_map(t: Any) -> None:
    t["o"] = np.where(t["k"].map(KNOWN), 1, 0)


def rows_by_truth_out_of_a_map(t: Any) -> None:
    t.loc[t["k"].map(KNOWN), "n"] = 0


def truth_out_of_a_map_and_more(t: Any) -> None:
    t["o"] = t["always"] & t["k"].map(KNOWN)


def floats_into_whole_numbers(t: Any) -> None:
    t.loc[~t["always"], "n"] = t["x"]


@pytest.mark.parametrize(
    ("program", "cure"),
    [
        (parts_that_may_be_missing, "na=False"),
        (digits_of_parts_that_may_be_missing, "fillna"),
        (truth_out_of_a_map, "fillna"),
        (a_choice_by_truth_out_of_a_map, "fillna"),
        (rows_by_truth_out_of_a_map, "fillna"),
        (truth_out_of_a_map_and_more, "fillna"),
        (floats_into_whole_numbers, r"astype\(float\)"),
    ],
)
def test_what_pandas_would_not_answer_for_a_row_to_come_is_refused_at_its_line(program: Program, cure: str) -> None:
    program(tame())  # pandas does it on the training frame
    with pytest.raises(RtmlError, match=cure) as refused:
        record(program, tame())
    assert program.__code__.co_filename.rsplit("/", 1)[1] in str(refused.value)


def test_a_duration_is_bounded_by_the_calendar_in_its_unit() -> None:
    def program(t: Any) -> None:
        t["o"] = pd.to_timedelta(t["n"], unit="s").dt.total_seconds()

    package = record(program, pd.DataFrame({"n": [1, 5_000_000]})).graph.compile()
    assert package.score({"n": 90_000_000})["o"] == 90_000_000
    with pytest.raises(InputError, match="calendar"):
        package.score({"n": 10**15})
