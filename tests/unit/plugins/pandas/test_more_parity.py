"""Text searches and parts, times rounded, numbers and times read, rows added up: against pandas, on hard rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.frames import string_dtype
from rtml_core.testing import assert_parity
from rtml_plugins.pandas_ops import Pandas

NAN, INF = float("nan"), float("inf")

TEXTS = [
    "", " ", "a", "aa", "aaa", "abab", "a-b-c", "-", "--", "-a", "b-", "A", "Ab", "AB", "Ab Cd", "ab CD", "A1b", "1", "ǅ", "ǆ",
    "İstanbul", "\u017f", "ß", "ẞ", "ŒUVRE", "日本語",
    "e\u0301a", "🙂a🙂", "a\nb", "\n", "a\n", "x" * 60, "KeY=va=lue", "k=1", "=",
    "2024-02-29", "\\1", "a.b", "(a)", "\x1fa", "ªa", "Ⅷ", "ⅷ", "ΑΣ", "ας", "\u00a0a", "\x7f", "\x80",
]  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    """One column of texts that are all there, p, and one with missing texts, q."""
    missing = [None if position % 7 == 3 else text for position, text in enumerate(reversed(TEXTS))]
    return pd.DataFrame({"p": pd.Series(TEXTS, dtype=string_dtype()), "q": pd.Series(missing, dtype=string_dtype())})


ONE_COLUMN: list[tuple[str, dict[str, Any]]] = [
    *[(name, {}) for name in ("islower", "isupper", "istitle", "isascii")],
    *[("count", {"pat": pat}) for pat in ("a", "[a-z]+", "aa", "\\d", "-|=", "(?i)A", "\\.")],
    *[(name, {"sub": sub}) for name in ("find", "rfind") for sub in ("a", "", "aa", "-", "日", "\\1", "🙂", "\n")],
    *[(name, {"pat": ["a", "日", "-"]}) for name in ("startswith", "endswith")],
    ("replace", {"pat": {"a": "b", "b": "c", "日本": ""}}),
    ("replace", {"pat": {"[a-z]": "x", "x+": "y"}, "regex": True}),
    *[("repeat", {"repeats": times}) for times in (0, 1, 3, -2)],
    *[
        ("slice_replace", {"start": start, "stop": stop, "repl": repl})
        for start, stop, repl in (
            (1, 2, "X"), (0, 0, "^"), (None, 1, "\\"), (2, None, ""), (None, None, "all"), (1, 0, "in"), (0, 3, "日"),
            (50, 55, "?"),
        )
    ],
    *[("join", {"sep": sep}) for sep in (",", "", "-\\1", "日本")],
    *[
        ("translate", {"table": table})
        for table in ({97: "b"}, {97: "A", 98: None, 45: "__"}, {97: 98}, {10: " ", 92: "/"}, {}, {97: "b", 98: "c"}, {97: "aa"})
    ],
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), ONE_COLUMN, ids=lambda value: str(value)[:50])
def test_a_text_method_agrees_with_pandas(name: str, arguments: dict[str, Any], texts: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_=f"str.{name}", cols=["p", "q"], kwargs=arguments, into=["x", "y"]), texts)
    proof.holds()
    proof.holds_on()
    proof.holds_on(3)


SEVERAL: list[tuple[str, dict[str, Any], list[str]]] = [
    *[(name, {"sep": sep}, ["x", "y", "z"]) for name in ("partition", "rpartition") for sep in ("-", "a", "=", "ab", "\n", " ")],
    *[("rsplit", {"pat": pat, "n": 1, "expand": True}, ["x", "y"]) for pat in ("-", "a", "aa", "日", ".")],
    ("extract", {"pat": r"([a-z]+)"}, ["x"]),
    ("extract", {"pat": r"([^=]*)=(.*)"}, ["x", "y"]),
    ("extract", {"pat": r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"}, ["x", "y", "z"]),
    ("extract", {"pat": r"^(a*)"}, ["x"]),
    ("extract", {"pat": r"(a+?)(b|\Z)"}, ["x", "y"]),
    ("extract", {"pat": r"((a)b)"}, ["x", "y"]),
    ("extract", {"pat": r"(.)$"}, ["x"]),
    ("extract", {"pat": r"(A)", "flags": 2}, ["x"]),
    ("extract", {"pat": r"(\w+)", "expand": False}, ["x"]),
]


@pytest.mark.parametrize(("name", "arguments", "into"), SEVERAL, ids=lambda value: str(value)[:50])
def test_a_text_falls_into_columns(
    name: str, arguments: dict[str, Any], into: list[str], texts: pd.DataFrame, prove: Any
) -> None:
    for column in ("p", "q"):
        proof = prove(Pandas(import_=f"str.{name}", cols=column, kwargs=arguments, into=into), texts)
        proof.holds()
        proof.holds_on()
        proof.holds_on(6)


def test_columns_without_names_are_numbered(texts: pd.DataFrame, prove: Any) -> None:
    node = Pandas(import_="str.partition", cols=["p", "q"], args=["-"])
    prove(node, texts).holds()
    assert list(node.process(texts).data.columns)[2:] == [f"{c}_partition_{n}" for c in "pq" for n in range(3)]


@pytest.mark.parametrize("arguments", [{"sep": "-"}, {"na_rep": "?"}, {"sep": "", "na_rep": ""}, {}], ids=str)
@pytest.mark.parametrize("others", ["q", ["q", "p"], [{"column": "q"}]], ids=str)
def test_columns_of_texts_are_joined(others: Any, arguments: dict[str, Any], texts: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_="str.cat", cols="p", kwargs={"others": others, **arguments}, into="x"), texts)
    proof.holds()
    proof.holds_on(4)


@pytest.mark.parametrize("name", ["index", "rindex"])
def test_a_text_without_the_part_is_refused_row_by_row(name: str, texts: pd.DataFrame) -> None:
    node = Pandas(import_=f"str.{name}", cols="q", kwargs={"sub": "a"}, into="x")
    assert assert_parity(node, texts) > 0
    assert_parity(node, pd.DataFrame({"q": pd.Series(["a", "ba"], dtype=string_dtype())}))


# ---- times ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moments() -> pd.DataFrame:
    """Timestamps t (all there), v (with missing), and a difference d (with missing): month ends, leap days, halves of units."""
    days = pd.to_datetime(
        ["1900-02-28", "1900-03-01", "2000-02-28", "2000-02-29", "2024-02-28", "2024-02-29", "2023-02-28", "2023-12-31",
         "2024-12-31", "2020-12-31", "2021-01-01", "2021-01-03", "2021-01-04", "1970-01-01", "1969-12-31", "0001-01-01",
         "9999-12-31", "1600-02-29", "2024-03-31", "2024-06-30", "2024-09-30", "2024-04-30"],
        format="ISO8601",
    ).to_numpy().astype("datetime64[us]")  # fmt: skip
    clock = np.array(
        [0, 1, 450_000_000, 449_999_999, 1_800_000_000, 5_400_000_000, 43_200_000_000, 43_200_000_001, 86_399_999_999],
        dtype="timedelta64[us]",
    )
    t = (days[:, None] + clock).ravel()
    v = t[::-1].copy()
    v[::5] = np.datetime64("NaT", "us")
    return pd.DataFrame({"t": t, "v": v, "d": t - v})


PARTS = ("days_in_month", "daysinmonth", "is_month_end", "is_quarter_end", "is_year_end", "nanosecond", "day_of_year")


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_timestamp_agrees_with_pandas(name: str, moments: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_=f"dt.{name}", cols=["t", "v"], into=["x", "y"]), moments)
    proof.holds()
    proof.holds_on()
    proof.holds_on(4)


@pytest.mark.parametrize("freq", ["D", "h", "15min", "7min", "2D", "90s", "ms", "us", "1D12h", "3us"])
@pytest.mark.parametrize("name", ["floor", "ceil", "round"])
def test_times_go_to_a_fixed_frequency(name: str, freq: str, moments: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_=f"dt.{name}", cols=["t", "v", "d"], args=[freq], inplace=True), moments)
    proof.holds()
    proof.holds_on(2)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_a_unit_cuts_what_is_finer(unit: str, moments: pd.DataFrame, prove: Any) -> None:
    prove(Pandas(import_="dt.as_unit", cols=["t", "v", "d"], args=[unit], inplace=True), moments).holds()


@pytest.mark.parametrize(("name", "columns"), [("dt.isocalendar", ["t", "v"]), ("dt.components", ["d"])])
def test_a_time_falls_into_columns(name: str, columns: list[str], moments: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_=name, cols=columns), moments)
    proof.holds()
    proof.holds_on()
    proof.holds_on(3)


@pytest.mark.parametrize("name", ["to_datetime", "to_timedelta"])
@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us"])
@pytest.mark.parametrize("errors", ["raise", "coerce"])
def test_whole_numbers_of_a_unit_are_times(name: str, unit: str, errors: str) -> None:
    most = (2**63 - 1) // {"D": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}[unit]
    values = [0, 1, -1, 951_782_400, -(2**63), most, -most, *([] if unit == "us" else [most + 1, -most - 1, 2**62, -(2**62)])]
    node = Pandas(import_=name, cols="n", kwargs={"unit": unit, "errors": errors}, into="at")
    assert_parity(node, pd.DataFrame({"n": values}))
    assert_parity(node, pd.DataFrame({"n": values[:2]}))


# ---- numbers --------------------------------------------------------------------------------------------------------

NUMBERS = [
    "1", "-1", "+1", "1.5", ".5", "5.", "-.5e-3", "1e5", "1E5", "1e", "", "  1", "1 ", "\t1\n", "inf", "-Infinity", "nan", "NA",
    "True", "1_000", "1,000", "0x10", "١٢", "9007199254740993", "-9223372036854775809", "12345678901234567890", ".", "-", "1e249",
    "1e-249", "0.1", "1.7976931348623157e200", "\u00a01", "00012", "1.2.3", "½", "1e+05", None, "0e0", "-0", "1\n2",
]  # fmt: skip


@pytest.mark.parametrize("errors", ["raise", "coerce"])
def test_texts_become_numbers_one_by_one(errors: str) -> None:
    frame = pd.DataFrame(
        {"n": pd.Series(NUMBERS, dtype=string_dtype()), "m": pd.Series(["1.5", *NUMBERS[:-1]], dtype=string_dtype())}
    )
    assert_parity(Pandas(import_="to_numeric", cols=["n", "m"], kwargs={"errors": errors}, into=["x", "y"]), frame)
    assert_parity(Pandas(import_="to_numeric", cols="m", kwargs={"errors": errors}, inplace=True), frame.iloc[:1])


def test_texts_are_read_as_pandas_reads_them() -> None:
    rng = np.random.default_rng(0)
    many = [repr(float(x)) for x in rng.normal(size=300) * 10.0 ** rng.integers(-200, 200, 300)]
    texts = pd.Series([text for text in [*NUMBERS, *many] if text is not None], dtype=string_dtype())
    ours = Pandas(import_="to_numeric", cols="n", kwargs={"errors": "coerce"}, into="x").process(texts.to_frame("n")).data["x"]
    theirs = pd.Series([float(pd.to_numeric(pd.Series([text]), errors="coerce").iloc[0]) for text in texts])
    assert ours.equals(theirs)


def test_numbers_stay_what_they_are(hard: pd.DataFrame, prove: Any) -> None:
    node = Pandas(import_="to_numeric", cols=["f", "i", "b", "w"], into=["x", "y", "z", "q"])
    prove(node, hard).holds()


# ---- choices --------------------------------------------------------------------------------------------------------

CASES: list[tuple[str, list[Any]]] = [
    ("f", [["f > 1", 1.0], ["k == 0", {"column": "g"}], ["b", 7]]),
    ("k", [["k > 1", 1], ["n", 2]]),
    ("k", [["k > 1", 0.5]]),
    ("i", [["b", "k"], ["k < 0", 0]]),
    ("s", [["s == 'VW'", "Volkswagen"], ["b", {"column": "u"}], ["k > 3", ""]]),
    ("t", [["b", "v"], ["k > 1", "2024-02-29"]]),
    ("b", [["k > 1", True], ["k < 0", False]]),
]


@pytest.mark.parametrize(("column", "cases"), CASES, ids=lambda value: str(value)[:60])
def test_the_first_condition_that_holds_chooses(column: str, cases: list[Any], hard: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_="case_when", cols=column, kwargs={"caselist": cases}, into="x"), hard)
    proof.holds()
    proof.holds_on()
    proof.holds_on(5)


# ---- whole frames, rows ---------------------------------------------------------------------------------------------

WHOLE: list[tuple[str, dict[str, Any]]] = [
    ("insert", {"loc": 1, "column": "new", "value": 1.5}),
    ("insert", {"loc": 0, "column": "new", "value": {"eval": "f + k"}}),
    ("insert", {"loc": 12, "column": "new", "value": {"column": "s"}}),
    ("select_dtypes", {"include": "number"}),
    ("select_dtypes", {"exclude": ["number", "bool"]}),
    ("select_dtypes", {"include": ["bool", "datetime64"]}),
    ("infer_objects", {}),
    ("replace", {"to_replace": {"s": {"VW": "Volkswagen"}, "k": {1: 10, -1: 0.5}, "u": {}}}),
    ("isin", {"values": {"s": ["VW", ""], "k": [1, 2], "f": [1.5, NAN]}}),
]


@pytest.mark.parametrize(("name", "arguments"), WHOLE, ids=lambda value: str(value)[:50])
def test_a_method_of_the_frame_agrees_with_pandas(name: str, arguments: dict[str, Any], hard: pd.DataFrame, prove: Any) -> None:
    frame = hard.drop(columns=["n", "t", "v", "d", "b"] if name == "isin" else "n")
    proof = prove(Pandas(import_=name, kwargs=arguments), frame)
    proof.holds()
    proof.holds_on(3)


ROW_COLUMNS: list[list[str]] = [["f", "h"], ["g", "i"], ["i", "k"], ["g"], ["f", "g", "h", "k", "i"], ["k", "i", "k2"]]
TRUTHS: list[list[str]] = [["b"], ["b", "b2"], ["f", "h"], ["k", "i"], ["w", "w2"]]


@pytest.fixture(scope="module")
def rows(hard: pd.DataFrame) -> pd.DataFrame:
    return hard.assign(k2=hard["k"] * 3 - 1, b2=~hard["b"], w2=hard["w"] * 2)


@pytest.mark.parametrize("skipna", [True, False])
@pytest.mark.parametrize("columns", ROW_COLUMNS, ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "product", "min", "max"])
def test_a_statistic_of_a_row_agrees_with_pandas(
    name: str, columns: list[str], skipna: bool, rows: pd.DataFrame, prove: Any
) -> None:
    proof = prove(Pandas(import_=name, cols=columns, kwargs={"axis": 1, "skipna": skipna}, into="x"), rows)
    proof.holds()
    proof.holds_on()
    proof.holds_on(1)


@pytest.mark.parametrize("skipna", [True, False])
@pytest.mark.parametrize("columns", TRUTHS, ids=str)
@pytest.mark.parametrize("name", ["any", "all"])
def test_the_truth_of_a_row_agrees_with_pandas(
    name: str, columns: list[str], skipna: bool, rows: pd.DataFrame, prove: Any
) -> None:
    proof = prove(Pandas(import_=name, cols=columns, kwargs={"axis": "columns", "skipna": skipna}, into="x"), rows)
    proof.holds()
    proof.holds_on()
    proof.holds_on(1)


def test_values_of_a_row_are_counted(rows: pd.DataFrame, prove: Any) -> None:
    for columns in (["f", "s", "t", "n", "b", "d"], ["f"], ["g", "k"], None):
        prove(Pandas(import_="count", cols=columns, kwargs={"axis": 1}, into="x"), rows).holds()


@pytest.mark.parametrize("name", ["idxmax", "idxmin"])
def test_the_place_of_the_extreme_of_a_row(name: str, rows: pd.DataFrame) -> None:
    assert_parity(Pandas(import_=name, cols=["f", "h", "g"], kwargs={"axis": 1}, into="x"), rows)
    assert_parity(Pandas(import_=name, cols=["f", "h"], kwargs={"axis": 1}, into="x"), rows)  # a row of missing values is refused


def test_rows_are_added_from_the_first_column_to_the_last(prove: Any) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"c{n}": rng.normal(size=40) * 10.0 ** rng.integers(-8, 8, 40) for n in range(23)})
    for name in ("sum", "mean", "prod"):
        prove(Pandas(import_=name, kwargs={"axis": 1}, into="x"), frame).holds()
    added = Pandas(import_="sum", kwargs={"axis": 1}, into="x").process(frame).data["x"]
    total = frame["c0"]
    for number in range(1, 23):
        total = total + frame[f"c{number}"]
    assert added.equals(total.rename("x"))
    np.testing.assert_allclose(added, frame.sum(axis=1), rtol=1e-9)


DUMMIES: list[dict[str, Any]] = [
    {"cols": "s", "kwargs": {"dummy_na": True}, "categories": {"s": ["VW", "é"]}},
    {
        "cols": ["s", "u"],
        "kwargs": {"dummy_na": True, "drop_first": True, "dtype": "int64"},
        "categories": {"s": ["VW"], "u": ["red"]},
    },
]


@pytest.mark.parametrize("parameters", DUMMIES, ids=lambda value: str(value)[:70])
def test_a_column_for_missing_and_unknown_values(parameters: dict[str, Any], hard: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_="get_dummies", **parameters), hard)
    proof.holds()
    proof.holds_on()
    proof.holds_on(1)
