"""Every string block against pandas itself: an edge corpus, random strings of awkward characters, tables, missing values."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError
from rtml_core.frames import canonical_series
from rtml_core.lowering import string_search, strings
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.casing import all_characters
from rtml_core.lowering.strings import BLANKS
from rtml_core.lowering.symbolic import IDENTITY, Symbolic, apply_table, lookup
from tests.unit.core.lowering.one_column import Compiled, as_series, carried, series

AWKWARD = (
    "aAbBzZ01- +.,;|_/\\\"'()[]{}^$*?%\t\n\r\x0b\x0c\x1c\x1f\x85\xa0\u2003\u2028\u3000"
    "éÉßẞſıİŉǅﬁﬀσςΣΑΐʰ\u0345\u0301\u00ad日本\uff21٣²Ⅷ\U0001d4b3🙂\u200d\ufffd\ufdd1\U0010ffff"
)
RNG = random.Random(7)
CORPUS = [
    "", " ", "  ", "\n", "a\n", "\na", "a\nb\n", "abc", "ABC", " abc ", "\u3000abc\u2003", "a b  c", "02134", "-12", "+7", "--5",
    "0-5", "straße", "STRASSE", "ΑΣ", "ΑΣ.", "ΑΣΑΣ ΑΣ", "İstanbul", "\u0131sparta", "ﬁt", "a,b,,c", ",", ",,", "a||b||||c", "aaa",
    "baaab", "x" * 70, "foo bar", "foobar", "foo_bar", "éfoo", "foo-bar\n", "1.50", "1.5.0", "\x1c\x1d", "e\u0301", "日本語",
    "🙂🙂", "$5.00", "a\\b", "ABab",
    *("".join(RNG.choices(AWKWARD, k=RNG.randrange(1, 12))) for _ in range(600)),
    *("".join(RNG.choices("ab,- \n1", k=RNG.randrange(1, 9))) for _ in range(300)),
]  # fmt: skip
WITH_MISSING: list[str | None] = [None, *CORPUS[:300], None]

Lower = Callable[[Builder, Symbolic], Symbolic]
Pandas = Callable[[pd.Series], pd.Series]
search, s = string_search, strings


def split_get(x: pd.Series, separator: str | None, position: int, n: int) -> pd.Series:
    # pandas gives lists of nothing but missing values no .str
    return x if x.isna().all() else x.str.split(separator, n=n, regex=False).str.get(position)


CASES: dict[str, tuple[Lower, Pandas]] = {
    "upper": (s.upper, lambda x: x.str.upper()),
    "lower": (s.lower, lambda x: x.str.lower()),
    "lower of upper": (lambda b, c: s.lower(b, s.upper(b, c)), lambda x: x.str.upper().str.lower()),
    "len": (s.length, lambda x: x.str.len()),
    "strip": (s.strip, lambda x: x.str.strip()),
    "lstrip": (lambda b, c: s.strip(b, c, side="left"), lambda x: x.str.lstrip()),
    "rstrip": (lambda b, c: s.strip(b, c, side="right"), lambda x: x.str.rstrip()),
    "strip ab-": (lambda b, c: s.strip(b, c, "ab-]^\\é"), lambda x: x.str.strip("ab-]^\\é")),
    "strip nothing": (lambda b, c: s.strip(b, c, ""), lambda x: x.str.strip("")),
    "strip of upper": (lambda b, c: s.strip(b, s.upper(b, c)), lambda x: x.str.upper().str.strip()),
    "lower of strip": (lambda b, c: s.lower(b, s.strip(b, c)), lambda x: x.str.strip().str.lower()),
    "replace literal": (lambda b, c: s.replace(b, c, "a", r"\1"), lambda x: x.str.replace("a", r"\1", regex=False)),
    "replace aa": (lambda b, c: s.replace(b, c, "aa", "b"), lambda x: x.str.replace("aa", "b")),
    "replace first": (lambda b, c: s.replace(b, c, ",", "", n=1), lambda x: x.str.replace(",", "", n=1)),
    "replace none": (lambda b, c: s.replace(b, c, ",", "", n=0), lambda x: x.str.replace(",", "", n=0)),
    "replace no case": (lambda b, c: s.replace(b, c, "s", "<>", case=False), lambda x: x.str.replace("s", "<>", case=False)),
    "replace blanks": (lambda b, c: s.replace(b, c, r"\s+", " ", regex_=True), lambda x: x.str.replace(r"\s+", " ", regex=True)),
    "replace punctuation": (
        lambda b, c: s.replace(b, c, r"[^\w\s]", "", regex_=True),
        lambda x: x.str.replace(r"[^\w\s]", "", regex=True),
    ),
    "replace groups": (
        lambda b, c: s.replace(b, c, r"(?P<x>a+)(b)?", r"[\2\g<x>\\]", regex_=True),
        lambda x: x.str.replace(r"(?P<x>a+)(b)?", r"[\2\g<x>\\]", regex=True),
    ),
    "replace missing": (lambda b, c: s.replace(b, c, r"[^a]", "", regex_=True), lambda x: x.str.replace(r"[^a]", "", regex=True)),
    "removeprefix": (lambda b, c: s.remove_affix(b, c, "a", end=False), lambda x: x.str.removeprefix("a")),
    "removesuffix": (lambda b, c: s.remove_affix(b, c, "\n", end=True), lambda x: x.str.removesuffix("\n")),
    "concat": (
        lambda b, c: s.concat(b, [c, s.slice_(b, c, 1)], "-", prefix="<", suffix=">"),
        lambda x: "<" + x.str.cat(x.str.slice(1), sep="-") + ">",
    ),
    "concat na_rep": (lambda b, c: s.concat(b, [c, c], na_rep="?"), lambda x: x.str.cat(x, na_rep="?")),
    "pad left": (lambda b, c: s.pad(b, c, 5), lambda x: x.str.pad(5)),
    "pad right": (lambda b, c: s.pad(b, c, 5, "right", "é"), lambda x: x.str.pad(5, "right", "é")),
    "pad both": (lambda b, c: s.pad(b, c, 6, "both", "f"), lambda x: x.str.pad(6, "both", "f")),
    "pad both odd": (lambda b, c: s.pad(b, c, 7, "both", "*"), lambda x: x.str.center(7, "*")),
    "pad zero": (lambda b, c: s.pad(b, c, 0), lambda x: x.str.pad(0)),
    "zfill": (lambda b, c: s.zfill(b, c, 6), lambda x: x.str.zfill(6)),
    "contains": (lambda b, c: search.contains(b, c, "a", regex_=False), lambda x: x.str.contains("a", regex=False)),
    "contains nothing": (lambda b, c: search.contains(b, c, "", regex_=False), lambda x: x.str.contains("", regex=False)),
    "contains na": (lambda b, c: search.contains(b, c, "a", na=True), lambda x: x.str.contains("a", na=True)),
    "startswith": (lambda b, c: search.startswith(b, c, "a"), lambda x: x.str.startswith("a")),
    "startswith several": (lambda b, c: search.startswith(b, c, ("a", "é", "")), lambda x: x.str.startswith(("a", "é", ""))),
    "startswith none": (lambda b, c: search.startswith(b, c, ()), lambda x: x.str.startswith(())),
    "endswith": (lambda b, c: search.endswith(b, c, ["\n", "c"]), lambda x: x.str.endswith(("\n", "c"))),
    "upper contains": (
        lambda b, c: search.contains(b, s.upper(b, c), "SS", regex_=False),
        lambda x: x.str.upper().str.contains("SS", regex=False),
    ),
    "upper regex": (lambda b, c: search.contains(b, s.upper(b, c), "S+$"), lambda x: x.str.upper().str.contains("S+$")),
    "lower startswith": (lambda b, c: search.startswith(b, s.lower(b, c), "i"), lambda x: x.str.lower().str.startswith("i")),
    **{
        f"slice {start}:{stop}": (
            lambda b, c, start=start, stop=stop: s.slice_(b, c, start, stop),
            lambda x, start=start, stop=stop: x.str.slice(start, stop),
        )
        for start, stop in [
            (None, None), (0, 3), (1, 3), (3, 1), (2, None), (None, -1), (1, -1), (2, -2), (-3, None), (-3, -1), (-2, -2),
            (-1, -3), (0, 0),
        ]
    },
    **{
        f"get {i}": (lambda b, c, i=i: s.get(b, c, i), lambda x, i=i: x.str.get(i))
        for i in (0, 1, 3, -1, -2)
    },
    **{
        f"split {sep!r} {i} {n}": (
            lambda b, c, sep=sep, i=i, n=n: s.split_get(b, c, sep, i, n=n, regex_=False),
            lambda x, sep=sep, i=i, n=n: split_get(x, sep, i, n),
        )
        for sep, i, n in [
            (",", 0, -1), (",", 1, -1), (",", 3, -1), (",", -1, -1), (",", 1, 1), (",", 0, 1), (",", 2, 1), ("||", 1, -1),
            ("aa", 1, -1), ("ab", -1, -1), ("é", 1, -1), (None, 0, -1), (None, 1, -1), (None, -1, -1), (None, -2, -1),
        ]
    },
    **{
        name: (lambda b, c, name=name: search.is_all(b, c, name), lambda x, name=name: getattr(x.str, name)())
        for name in ("isalnum", "isalpha", "isdecimal", "isdigit", "isnumeric", "isspace")
    },
}  # fmt: skip


def check(compiled: Compiled, values: list[str | None], pandas: Pandas) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas: the pattern has groups
        expected = canonical_series(pandas(series(values)), "y")
    found = as_series(compiled, compiled(carried(values)))
    if not len(values):
        assert len(found) == 0
        return
    if compiled.result.dtype == "float64":
        expected = expected.astype("float64")
    if expected.isna().all():
        expected = expected.astype(found.dtype)
    pd.testing.assert_series_equal(found, expected, check_names=False)


@cache
def compiled_case(name: str, nullable: bool) -> Compiled:
    return Compiled(CASES[name][0], nullable=nullable)


@pytest.mark.parametrize("name", CASES)
def test_a_block_is_what_pandas_gives(name: str) -> None:
    check(compiled_case(name, False), list(CORPUS), CASES[name][1])


@pytest.mark.parametrize("name", CASES)
def test_missing_is_what_pandas_makes_of_it(name: str) -> None:
    check(compiled_case(name, True), WITH_MISSING, CASES[name][1])
    check(compiled_case(name, True), [None], CASES[name][1])


@pytest.mark.parametrize("name", CASES)
def test_batches_of_none_and_of_one_row(name: str) -> None:
    for values in ([], [""], ["ab c,d"]):
        check(compiled_case(name, False), values, CASES[name][1])


@pytest.mark.parametrize("name", CASES)
def test_a_column_out_of_a_table_folds_into_it(name: str) -> None:
    table = {"a": " Abc, ΑΣ ", "b": "", "c": "é\n", "d": MISSING_STRING}

    def block(b: Builder, column: Symbolic) -> Symbolic:
        return CASES[name][0](b, lookup(b, column, table, "Other", "string", nullable=True))

    compiled = Compiled(block)
    values: list[str | None] = ["a", "b", "c", "d", "else"]
    looked_up = [table.get(str(value), "Other") for value in values]
    expected = canonical_series(CASES[name][1](series([None if text == MISSING_STRING else text for text in looked_up])), "y")
    found = as_series(compiled, compiled(values))
    expected = expected.astype(found.dtype) if expected.isna().all() or found.dtype == "float64" else expected
    pd.testing.assert_series_equal(found, expected, check_names=False)
    if not name.startswith(("concat", "slice None:None", "pad zero", "zfill")):
        assert set(compiled.ops) <= {"LabelEncoder", "Cast"}
        assert len(compiled.ops) <= 2


awkward = st.text(st.sampled_from(AWKWARD), max_size=10)
texts = st.lists(st.one_of(st.none(), awkward, st.text(max_size=6)), min_size=1, max_size=30)


@settings(max_examples=150)
@given(st.sampled_from(sorted(CASES)), texts)
def test_random_strings(name: str, values: list[str | None]) -> None:
    usable = [None if v is not None and ("\x00" in v or MISSING_STRING in v) else v for v in values]
    check(compiled_case(name, True), usable, CASES[name][1])


@pytest.mark.parametrize("method", ["strip", "len"])
def test_every_character_there_is(method: str) -> None:
    characters = [*all_characters()[1:0x1F800], *all_characters()[0x1F800::101]]
    wrapped = [f"{char}a{char}" for char in characters if char != MISSING_STRING]
    compiled = compiled_case(method, False)
    expected = list(map(str.strip if method == "strip" else len, wrapped))
    assert compiled(wrapped).tolist() == expected


def test_no_letter_is_a_blank_and_no_blank_a_letter() -> None:
    assert len(BLANKS) == 29
    assert "".join(filter(str.isspace, all_characters())) == BLANKS
    assert BLANKS == BLANKS.upper() == BLANKS.lower()
    assert not any(set(char.upper() + char.lower()) & set(BLANKS) for char in all_characters() if char not in BLANKS)
    assert all(f"aΣ{blank}a".lower()[1] == "ς" for blank in BLANKS)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (lambda b, c: s.slice_(b, c, 0, 5, 2), "step 2"),
        (lambda b, c: s.slice_(b, c, -3, 2), "counted from"),
        (lambda b, c: s.slice_(b, c, 0, 1001), "1001 characters"),
        (lambda b, c: s.replace(b, c, "a", "b", n=2), "first 2 matches"),
        (lambda b, c: s.replace(b, c, "", "b"), "empty string"),
        (lambda b, c: s.replace(b, c, "a*", "b", regex_=True), r"write \+"),
        (lambda b, c: s.replace(b, c, "a", "\ufdd0"), "U\\+FDD0"),
        (lambda b, c: s.replace(b, c, "\x00", ""), "U\\+0000"),
        (lambda b, c: s.replace(b, c, "a", 5), "needs a text"),
        (lambda b, c: s.pad(b, c, 5, fill="ab"), "one character"),
        (lambda b, c: s.pad(b, c, 5000), "5000 characters"),
        (lambda b, c: s.split_get(b, c, "a|b", 0), "regex=False"),
        (lambda b, c: s.split_get(b, c, "", 0, regex_=False), "empty string"),
        (lambda b, c: s.split_get(b, c, ",", -2), "count from the start"),
        (lambda b, c: s.split_get(b, c, "aba", -1, regex_=False), "count from the start"),
        (lambda b, c: s.split_get(b, c, None, 0, n=1), "without n"),
        (lambda b, c: search.is_all(b, c, "istitle"), "istitle"),
        (lambda b, c: search.contains(b, c, "(?=a)"), "look-ahead"),
        (lambda b, c: search.startswith(b, c, 5), "needs a text here; got 5"),
    ],
)  # fmt: skip
def test_what_has_no_exact_form_is_refused_with_the_reason(block: Lower, words: str) -> None:
    with pytest.raises(NotLowerableError, match=words):
        Compiled(block)


@pytest.mark.parametrize("method", [s.upper, s.length, s.strip, lambda b, c: search.contains(b, c, "a")])
def test_a_column_of_numbers_is_refused(method: Lower) -> None:
    with pytest.raises(NotLowerableError, match="string"):
        Compiled(method, "int64")


def test_a_separator_of_literal_characters_is_taken_for_one_as_pandas_does() -> None:
    compiled = Compiled(lambda b, c: s.split_get(b, c, r"\|\|", 1))
    check(compiled, list(CORPUS), lambda x: x.str.split(r"\|\|").str.get(1))


def test_how_many_nodes_the_blocks_take() -> None:
    taken = {name: len(compiled_case(name, False).ops) for name in CASES}
    assert taken["strip"] == taken["replace literal"] == taken["slice 0:3"] == taken["contains"] == taken["upper contains"] == 1
    assert taken["strip nothing"] == taken["slice None:None"] == 0
    assert taken["upper"] == 5
    assert taken["lower"] == 18
    assert taken["strip of upper"] == 6


def test_apply_table_is_none_without_a_table_of_all_values() -> None:
    b = Builder()
    column = Symbolic("string", b.input("x", "string", 1))
    assert apply_table(b, column, str.upper, "string") is None
    kept = lookup(b, column, {"a": "b"}, IDENTITY, "string", nullable=False)
    assert apply_table(b, kept, str.upper, "string") is None


def test_apply_table_knows_whether_something_is_missing() -> None:
    b = Builder()
    column = Symbolic("string", b.input("x", "string", 1), nullable=True)
    known = lookup(b, column, {"a": "x", "b": MISSING_STRING}, "y", "string", nullable=True)
    flags = apply_table(b, known, lambda text: text == "x", "bool", missing=False)
    assert flags is not None
    assert (flags.dtype, flags.nullable) == ("bool", False)
    lengths = apply_table(b, known, len, "float64")
    assert lengths is not None
    assert lengths.nullable
    assert lengths.lookup is not None
    assert lengths.lookup.table["a"] == 1
    assert np.isnan(lengths.lookup.table["b"])
