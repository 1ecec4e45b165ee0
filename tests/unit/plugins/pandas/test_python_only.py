"""Methods that only a Python operator says exactly: equal to pandas itself on hard rows, and plainly not portable."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import operators as op
from rtml_core.errors import CompileError, InputError
from rtml_core.frames import string_dtype
from rtml_core.lowering.scratch import lower_alone
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.pandas_ops import Pandas
from rtml_plugins.pandas_ops.calendar import WRITERS, moment
from rtml_plugins.pandas_ops.datetimes import READ, REFUSED, UNREADABLE, reader

TEXTS = [
    "", " ", "hello  world", "o'neil mc-donald", "ßtraße ŉx", "ΑΣΑΣ ΑΣ.", "ǆabc ǅ ǉ", "İstanbul \u0131I", "ﬁn ﬂ", "日本語 abc",
    "e\u0301a", "a\u00adb", None, "Å \u212b", "x1y2 3rd", "ᾳ", "abcabc", "aab", "foo123bar", "\U0001d400b 🙂x", "\ufdd1a",
    "a\nb\r\nc", "K\u212a", "١٢", "nan", "None",
]  # fmt: skip
YEAR_1, YEAR_9999 = -62_135_596_800_000_000, 253_402_300_799_999_999


def frame() -> pd.DataFrame:
    """s, r: texts with missing; u: texts without."""
    dtype = string_dtype()
    filled = [text or "x" for text in TEXTS]
    return pd.DataFrame({"s": TEXTS, "r": TEXTS[::-1], "u": filled}).astype(dict.fromkeys("sru", dtype))


def nodes_of(node: Pandas, data: pd.DataFrame) -> int:
    """Parity on the rows, on none of them, and on those without missing values; the number of ONNX nodes."""
    assert_parity(node, data.iloc[:0], nullable=True)
    assert_parity(node, data[data.notna().all(axis=1)])
    return assert_parity(node, data)


def python_ops(node: Pandas, data: pd.DataFrame) -> list[str]:
    """The custom operators that the node becomes on columns that may be missing."""
    from rtml_core.frames import canonical, schema_of

    return sorted(lower_alone(node, schema_of(canonical(data))).builder.custom_ops)


@pytest.mark.parametrize("method", ["title", "capitalize", "swapcase", "casefold"])
def test_letters_change_as_python_changes_them(method: str) -> None:
    node = Pandas(import_=f"str.{method}", cols="s", into="x")
    assert nodes_of(node, frame()) == 1
    every = "".join(map(chr, [*range(1, 0xD800), *range(0xE000, 0x110000)])).replace("\ufdd0", "")
    pieces = [f"{every[at]}a{every[at : at + 997]}" for at in range(0, len(every), 997)]
    assert_parity(node, pd.DataFrame({"s": pd.Series(pieces, dtype=string_dtype())}))


def test_columns_of_one_kind_share_one_call() -> None:
    node = Pandas(import_="str.title", cols=["s", "r", "u"], inplace=True)
    nodes_of(node, frame())
    from rtml_core.testing import run_lowered

    lowered = lower_alone(Pandas(import_="str.title", cols=["s", "r", "u"], inplace=True), _schema("s", "r", "u"))
    assert [lowered.result[name].nullable for name in "sru"] == [True, True, False]
    assert sum(item.domain == "rtml.pandas.title.v1" for item in lowered.builder.nodes) == 1
    found, _ = run_lowered(lowered, frame())
    assert found["s"].tolist()[2] == "Hello  World"


def _schema(*names: str) -> Any:
    from rtml_core.frames import canonical, schema_of

    return schema_of(canonical(frame()[list(names)]))


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_normal_forms(form: str) -> None:
    assert nodes_of(Pandas(import_="str.normalize", cols="s", kwargs={"form": form}, into="x"), frame()) == 1


def test_another_normal_form_is_refused() -> None:
    assert_refuses(Pandas(import_="str.normalize", cols="s", kwargs={"form": "NFX"}), frame(), "NFC, NFD, NFKC, NFKD")
    assert_refuses(Pandas(import_="str.title", cols="f"), pd.DataFrame({"f": [1.5]}), "column 'f'", "a string")


# ---- regular expressions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["contains", "match", "fullmatch"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"pat": "(.)\\1"},
        {"pat": "a(?!b)"},
        {"pat": "(?<=o)\\w", "na": True},
        {"pat": "(?<=A)B", "case": False},
        {"pat": "^a(?=.)", "flags": int(re.MULTILINE)},
        {"pat": "(?>a+)b", "na": False},
    ],
)
@pytest.mark.filterwarnings("ignore:This pattern is interpreted")
def test_patterns_that_re2_lacks(method: str, arguments: dict[str, Any]) -> None:
    node = Pandas(import_=f"str.{method}", cols="s", kwargs=arguments, into="x")
    assert python_ops(node, frame()) == ["rtml.pandas.regex_test.v1"]
    assert nodes_of(node, frame()) <= 3
    assert_parity(Pandas(import_=f"str.{method}", cols="u", kwargs=arguments, into="x"), frame())


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"pat": "(.)\\1", "repl": "<\\1>", "regex": True}, "regex_replace"),
        ({"pat": "a(?!b)", "repl": "\\g<0>-", "regex": True, "n": 1}, "regex_replace"),
        ({"pat": "(?P<first>a)(?=b)", "repl": "[\\g<first>]", "regex": True, "n": 2}, "regex_replace"),
        ({"pat": "\\w*", "repl": "x", "regex": True}, "regex_replace"),
        ({"pat": "A", "repl": "\\\\", "n": 2, "case": False}, "regex_replace"),
        ({"pat": "a", "repl": "\\1", "n": 2}, "replace"),
        ({"pat": "", "repl": "-"}, "replace"),
    ],
)
def test_replacements_that_re2_lacks(arguments: dict[str, Any], wanted: str) -> None:
    node = Pandas(import_="str.replace", cols="s", kwargs=arguments, into="x")
    assert python_ops(node, frame()) == [f"rtml.pandas.{wanted}.v1"]
    assert nodes_of(node, frame()) == 1


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("contains", {"pat": "(a"}, "is not a regular expression"),
        ("contains", {"pat": 3}, "argument 'pat' must be a text"),
        ("replace", {"pat": "(a)(?=b)", "repl": "\\2", "regex": True}, "look-ahead"),
        ("replace", {"pat": "a", "repl": "b", "n": True}, "argument 'n' must be a whole number"),
    ],
)
def test_what_python_refuses_is_refused_for_the_first_reason(method: str, arguments: dict[str, Any], words: str) -> None:
    assert_refuses(Pandas(import_=f"str.{method}", cols="s", kwargs=arguments), frame(), words)


def test_what_re2_has_stays_portable() -> None:
    for method, arguments in (("contains", {"pat": "^a+b?"}), ("replace", {"pat": "a", "repl": "b"})):
        assert python_ops(Pandas(import_=f"str.{method}", cols="s", kwargs=arguments, into="x"), frame()) == []


@pytest.mark.parametrize("arguments", [{"pat": "(a)(?=b)"}, {"pat": "(?P<x>a)(?=(b)?)(z)?", "flags": int(re.IGNORECASE)}])
def test_groups_and_counts_that_re2_lacks(arguments: dict[str, Any]) -> None:
    groups = re.compile(arguments["pat"]).groups
    node = Pandas(import_="str.extract", cols="s", kwargs=arguments, into=[f"g{number}" for number in range(groups)])
    assert python_ops(node, frame()) == ["rtml.pandas.regex_group.v1"]
    assert nodes_of(node, frame()) == groups
    for column in "su":
        node = Pandas(import_="str.count", cols=column, kwargs=arguments, into="x")
        assert python_ops(node, frame()) == ["rtml.pandas.regex_count.v1"]
        assert_parity(node, frame())
    assert_refuses(Pandas(import_="str.extract", cols="s", kwargs={"pat": "a(?=b)"}), frame(), "column 's'", "group")


def test_texts_broken_into_lines() -> None:
    data = pd.DataFrame({"s": [*TEXTS, "a-b c\td  " * 12, "x" * 50]}).astype(string_dtype())
    for arguments in ({"width": 7}, {"width": 10, "break_long_words": False, "drop_whitespace": False, "expand_tabs": False}):
        assert nodes_of(Pandas(import_="str.wrap", cols="s", kwargs=arguments, into="x"), data) == 1
    assert_refuses(Pandas(import_="str.wrap", cols="s", kwargs={"width": 0}, into="x"), data, "a whole number from 1 on; got 0")


# ---- floats as text -----------------------------------------------------------------------------------------------------

FLOATS = [
    1.5, np.nan, np.inf, -np.inf, 0.0, -0.0, 1e16, 9999999999999998.0, 1e22, 123456789012345680.0, 5e-324, 0.1, 1e-5, 1e-4, 1 / 3,
    2.0**53 + 2, 1.7976931348623157e308, 100.0, 0.30000000000000004,
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["str", "string"])
def test_floats_as_text(dtype: str) -> None:
    with np.errstate(over="ignore"):
        data = pd.DataFrame({"f": FLOATS, "g": np.nan_to_num(FLOATS), "w": np.array(FLOATS, dtype=np.float32)})
    node = Pandas(import_="astype", cols=["f", "g", "w"], kwargs={"dtype": dtype}, inplace=True)
    assert nodes_of(node, data) == 3
    assert_parity(Pandas(import_="astype", kwargs={"dtype": {"f": dtype, "w": "float64"}}), data)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(), min_size=1, max_size=200), st.lists(st.floats(width=32), min_size=1, max_size=200))
def test_any_float_as_text(doubles: list[float], singles: list[float]) -> None:
    node = Pandas(import_="astype", cols="f", kwargs={"dtype": "str"}, inplace=True)
    assert_parity(node, pd.DataFrame({"f": doubles}), nullable=True)
    assert_parity(node, pd.DataFrame({"f": np.array(singles, dtype=np.float32)}), nullable=True)


# ---- timestamps as text -------------------------------------------------------------------------------------------------


def times(*more: int) -> pd.DataFrame:
    """Timestamps at the edges of years, months, weeks, centuries and leap days, missing ones, and `more`."""
    texts = [
        "0001-01-01T13:00", "0999-12-31T12:00:01.5", "1000-01-01", "1899-12-31", "1900-02-28", "1900-03-01",
        "1969-12-31T23:59:59.999999", "1970-01-01", "1999-12-31", "2000-02-29T11:59", "2000-12-31", "2001-01-01", "2004-01-04",
        "2005-01-01", "2008-12-29", "2010-01-03", "2024-02-29T23:59:59.000001", "2024-12-30", "2026-12-31T00:00:00.1",
        "9999-12-31T23:59:59.999999", "NaT",
    ]  # fmt: skip
    values = np.concatenate([np.array(texts, dtype="datetime64[us]"), np.array(more, dtype=np.int64).view("datetime64[us]")])
    return pd.DataFrame({"t": values})


def written(format: str) -> Pandas:
    return Pandas(import_="dt.strftime", cols="t", kwargs={"date_format": format}, into="x")


@pytest.mark.parametrize("letter", WRITERS)
def test_every_directive_alone_and_among_others(letter: str) -> None:
    assert_parity(written(f"%{letter}"), times())
    assert_parity(written(f"é%{letter}日 %Y%j%%"), times())


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(YEAR_1, YEAR_9999), min_size=1, max_size=100),
    st.lists(st.sampled_from([*WRITERS]), min_size=1, max_size=6),
)
def test_any_moment_in_any_format(moments: list[int], letters: list[str]) -> None:
    assert_parity(written("-".join(f"%{letter}" for letter in letters)), times(*moments))


def test_plain_formats_take_every_year_and_others_refuse_what_python_has_no_date_for() -> None:
    far = times(YEAR_1 - 1, YEAR_9999 + 1, -(2**62), 2**62, 2**63 - 1, -(2**63) + 1)
    assert assert_parity(written("%Y-%m-%d %H:%M:%S.%f"), far) == 1
    assert_parity(written("%A %d %B %Y"), far)


def test_a_moment_is_what_numpy_says() -> None:
    rng = np.random.default_rng(7)
    for micros in rng.integers(-(2**63) + 1, 2**63 - 1, 2000).tolist():
        at = moment(micros)
        year, month, day = str(np.datetime64(micros, "us")).split("T")[0].rsplit("-", 2)
        assert (at.year, at.month, at.day) == (int(year), int(month), int(day))
        start = np.datetime64(micros, "us").astype("datetime64[Y]").astype("datetime64[D]")
        assert at.day_of_year == (np.datetime64(micros, "us").astype("datetime64[D]") - start).astype(int) + 1


@pytest.mark.parametrize("format", ["%c", "%x", "%s", "%-d", "%q", "%D", "%", "a%", "%z"])
def test_what_differs_from_machine_to_machine_is_refused(format: str) -> None:
    assert_refuses(written(format), times(), "differs from machine to machine", "%Y %y %m %d")
    assert_refuses(written("%Y\0"), times(), "argument 'date_format' must be a text")


def test_names_of_a_locale_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import datetime

    from rtml_plugins.pandas_ops.lowered import python_only

    class German(datetime):
        def strftime(self, format: str) -> str:
            return super().strftime(format).replace("Monday", "Montag")

    monkeypatch.setattr(python_only, "datetime", German)
    assert_refuses(written("%A"), times(), "those of a locale", "LC_TIME=C")
    assert_parity(written("%Y %y"), times())


# ---- texts as timestamps ------------------------------------------------------------------------------------------------

FORMATS = [
    "%d/%m/%Y", "%Y-%m-%d", "%Y%m%d", "%Y/%m/%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%m/%d/%y %I:%M %p", "%d %b %Y", "%B %d, %Y",
    "%A %d %B %Y %H.%M", "%j %Y", "%Y-%m", "%Y", "%H:%M", "%Y.%m.%d %H", "%S.%f %y", "%%%d  %m", "%Y%m",
]  # fmt: skip
ODD = [
    "",
    "nan",
    "NaT",
    "nAn",
    "None",
    "-",
    "0",
    ".",
    "1.5",
    "-1.5",
    "2024-02-29",
    "2023-02-29",
    "29/02/2023",
    "60",
    "1/2/3",
    " 1/2/2023",
]
CHARACTERS = "0123456789-+:./ TtZzaApPmM,\u0663\uff12\u00a0\n\u017f\u212a"


def read_by(format: str, errors: str = "coerce") -> Pandas:
    return Pandas(import_="to_datetime", cols="s", kwargs={"format": format, "errors": errors}, inplace=True)


def near(format: str, rng: np.random.Generator) -> str:
    """A moment in the format, some of them a letter or three beside it."""
    at = np.datetime64(int(rng.integers(YEAR_1, YEAR_9999)), "us").item()
    text = at.replace(year=int(rng.integers(1000, 9999)), day=min(at.day, 28)).strftime(format)
    for _ in range(int(rng.choice([0, 0, 1, 1, 3]))):
        place, letter = int(rng.integers(len(text) + 1)), CHARACTERS[int(rng.integers(len(CHARACTERS)))]
        text = text[:place] + letter + text[place + int(rng.integers(2)) :]
    return text


@pytest.mark.filterwarnings("ignore:Parsing dates involving a day of month:DeprecationWarning")  # from Python 3.13 on
@pytest.mark.parametrize("format", FORMATS)
def test_formats_read_what_pandas_reads(format: str) -> None:
    """Against pandas, which must give a missing value for what is said to be unreadable and raise when told to."""
    rng = np.random.default_rng(5)
    texts = [*ODD, *(near(format, rng) for _ in range(300))]
    kept = [text for text in texts if reader(format)(text)[1] != REFUSED]
    assert len(kept) > 0.9 * len(texts)
    data = pd.DataFrame({"s": pd.Series([*kept, None], dtype=string_dtype())})
    assert_parity(read_by(format), data)
    readable = [text for text in kept if reader(format)(text)[1] == READ]
    some = [text for text in kept if reader(format)(text)[1] == UNREADABLE][:5]
    assert_parity(read_by(format, "raise"), pd.DataFrame({"s": pd.Series([*readable, *some, None], dtype=string_dtype())}))


@pytest.mark.filterwarnings("ignore:Parsing dates involving a day of month:DeprecationWarning")  # from Python 3.13 on
@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("%d/%m/%Y", "now"),
        ("%Y-%m-%d", "today"),
        ("%Y-%m-%d", "-2023-01-01"),
        ("%Y-%m-%d", "-23-01-01"),
        ("%Y-%m-%d", "0000-01-01"),
        ("%Y-%m-%dT%H:%M:%S.%f", "2023-01-01T10:11:12."),
        ("%Y-%m-%dT%H:%M:%S.%f", "2023-01-01T10:11:12.1234567"),
        ("%S.%f", "10.123456789"),
        ("%B %d", "\u017feptember 1"),
        ("%a %d", "\u017fat 1"),
    ],
)
def test_what_has_no_answer_of_its_own_is_refused_when_scored(format: str, text: str) -> None:
    assert reader(format)(text)[1] == REFUSED
    graph = op.Receiver(schema={"s": "string"}) >> read_by(format)
    with pytest.raises(InputError, match=f"a text of which the format '{format}' makes no certain timestamp"):
        graph.compile().score({"s": text})


def test_formats_without_an_exact_form_are_refused() -> None:
    for format, words in {"%d %z": "'%z' of the format", "%q": "%Y %y %m", "%d %d": "has '%d' twice", "%U %Y": "'%U' of"}.items():
        assert_refuses(read_by(format), frame(), "column 's'", words)
    assert_refuses(read_by("mixed"), frame(), "argument 'format' has no compiled form")
    inexact = Pandas(import_="to_datetime", cols="s", kwargs={"format": "%d", "exact": False}, inplace=True)
    assert_refuses(inexact, frame(), "no compiled form")


# ---- whole graphs -------------------------------------------------------------------------------------------------------


def test_a_graph_says_that_it_is_not_portable_and_scores() -> None:
    graph = (
        op.Receiver(schema={"name": "string?", "price": "float?", "at": "timestamp?"})
        >> op.Pandas(import_="str.title", cols="name", inplace=True)
        >> op.Pandas(import_="astype", cols="price", kwargs={"dtype": "str"}, inplace=True)
        >> op.Pandas(import_="dt.strftime", cols="at", kwargs={"date_format": "%Y/%m/%d %H:%M"}, inplace=True)
    )
    made = graph.compile()
    assert not made.manifest.portable
    assert [entry.label for entry in made.manifest.foreign] == [
        "rtml.pandas:float_text 1", "rtml.pandas:strftime 1", "rtml.pandas:title 1",
    ]  # fmt: skip
    assert [row.kind for row in made.rows[1:4]] == ["python"] * 3
    row = {"name": "o'neil of ß", "price": 1e16, "at": "2024-02-29T10:11:12Z"}
    assert made.score(row) == {"name": "O'Neil Of Ss", "price": "1e+16", "at": "2024/02/29 10:11"}
    assert made.score({"name": None, "price": None, "at": None}) == {"name": None, "price": None, "at": None}


def test_who_wants_a_portable_package_or_none_is_told_the_node() -> None:
    graph = op.Receiver(schema={"name": "string?"}) >> op.Pandas(import_="str.title", cols="name", inplace=True)
    words = (
        r"^Node 2 \(Pandas 'str\.title'\): the package would be not portable: needs the python operator rtml\.pandas:title 1 from"
    )
    with pytest.raises(CompileError, match=words):
        graph.compile(portable=True)
    upper = op.Receiver(schema={"name": "string?"}) >> op.Pandas(import_="str.upper", cols="name", inplace=True)
    assert upper.compile(portable=True).manifest.portable


def test_rows_outside_of_the_calendar_are_refused_when_scored() -> None:
    later = {"other": {"$timedelta": 3 * 10**17}}
    graph = op.Receiver(schema={"at": "timestamp"}) >> op.Pandas(import_="add", cols="at", kwargs=later, inplace=True)
    graph = graph >> op.Pandas(import_="dt.strftime", cols="at", kwargs={"date_format": "%A"}, inplace=True)
    with pytest.raises(InputError, match="outside of the years 1 to 9999"):
        graph.compile().score({"at": "2024-02-29T10:11:12Z"})
