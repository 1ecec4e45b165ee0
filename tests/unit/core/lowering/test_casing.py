"""Upper and lower case: every character there is, final sigmas, tables over cased columns, searches in them."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.columns import MISSING_STRING
from rtml_core.lowering import casing
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.casing import MAX_SPELLINGS, cased_pattern, mapped, spelled_table, spellings
from rtml_core.lowering.regex import all_characters
from rtml_core.lowering.string_search import contains, endswith, startswith
from rtml_core.lowering.strings import lower, upper
from rtml_core.lowering.symbolic import IDENTITY, Symbolic, lookup
from tests.unit.core.lowering.one_column import Compiled

UPPER, LOWER = Compiled(upper), Compiled(lower)
#: letters with awkward cases, and what may stand around a sigma
LETTERS = "aAsSßẞfFiIİ\u0131tT\ufb01\ufb03\ufb05\u017fkK\u212aéÉ\u0149\u0390\u01c5\u0391Σ\u03c3ς\u03b1"
AROUND = ["", "a", "\u0391", ".", "\u0301", "\u02b0", " ", "1", "Σ", "中", "\u0345", "İ"]
KEYS = (
    "SS", "STRASSE", "ß", "straße", "FI", "\ufb01", "É", "é", "IS", "is", "i\u0307s", "Σ", "\u03c3", "\u03b1ς", "\u03b1\u03c3",
    "K", "k", "", "\u0149", "A",
)  # fmt: skip


def python(up: bool) -> Any:
    return str.upper if up else str.lower


@pytest.mark.parametrize("up", [True, False])
def test_every_character_there_is(up: bool) -> None:
    # beyond plane 1 nothing has a case, and a sample will do
    characters = [*all_characters()[1:0x1F800], *all_characters()[0x1F800::101]]
    assert (UPPER if up else LOWER)(characters).tolist() == list(map(python(up), characters))


def test_the_sigma_at_the_end_of_a_word_in_every_neighbourhood() -> None:
    pairs = list(itertools.product(AROUND, AROUND))
    texts = ["".join((*before, "Σ", *behind)) for before in pairs for behind in pairs]
    assert LOWER(texts).tolist() == list(map(str.lower, texts))


@pytest.mark.parametrize("shape", ["{}Σ", "aΣ{}", "a{}Σ", "aΣ{}b"])
def test_the_sigma_next_to_every_character(shape: str) -> None:
    texts = [shape.format(char) for char in all_characters()[1::11]]
    assert LOWER(texts).tolist() == list(map(str.lower, texts))


awkward = st.text(st.sampled_from(LETTERS + " .'"))


@given(st.lists(st.one_of(awkward, st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))), max_size=20))
def test_rows_do_not_look_into_each_other(texts: list[str]) -> None:
    assert UPPER(texts).tolist() == list(map(str.upper, texts))
    assert LOWER(texts).tolist() == list(map(str.lower, texts))


def test_missing_stays_missing() -> None:
    assert Compiled(upper, nullable=True)([MISSING_STRING, "a"]).tolist() == [MISSING_STRING, "A"]


def test_the_model_is_the_same_in_every_process() -> None:
    code = (
        "from rtml_core.lowering.casing import lower_tokens, spelled_table;"
        "print(ascii((lower_tokens(), spelled_table({'is': 1, 'k': 2}, 0, False))))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == ascii((casing.lower_tokens(), spelled_table({"is": 1, "k": 2}, 0, False)))


# ---- tables ---------------------------------------------------------------------------------------------------------


@given(st.text(st.sampled_from(LETTERS), max_size=4), st.booleans())
def test_spellings_are_all_strings_that_become_the_key(key: str, up: bool) -> None:
    found = spellings(key, up)
    assert found is not None
    assert all(mapped(text, up) == key for text in found)
    for size in range(4):
        for chars in itertools.islice(itertools.product(LETTERS, repeat=size), 0, None, 7 if size == 3 else 1):
            text = "".join(chars)
            if mapped(text, up) == key:
                fast = "".join(char.upper() if char.isascii() else char for char in text)
                assert fast in found
    assert "".join(char.upper() if char.isascii() else char for char in key) in found or mapped(key, up) != key


def test_a_key_that_no_string_becomes_has_no_spelling() -> None:
    assert spellings("abc", True) == set()
    assert spellings("ABC", False) == set()
    assert spelled_table({"abc": 1, "ABC": 2}, 0, True) == {"ABC": 2}


def test_a_key_with_too_many_spellings_is_mapped_at_run_time() -> None:
    assert spellings("I" * 20, True) is None
    assert spelled_table({"I" * 20: 1}, 0, True) is None
    assert spelled_table({"I" * 20: 0}, 0, True) == {}
    assert len(spellings("ISIS", True) or ()) <= MAX_SPELLINGS


@pytest.mark.parametrize("up", [True, False])
def test_a_table_over_a_cased_column_needs_no_mapping(up: bool) -> None:
    table = {key: f"<{key}>" for key in KEYS}

    def block(b: Builder, column: Symbolic) -> Symbolic:
        return lookup(b, (upper if up else lower)(b, column), table, "other", "string", nullable=False)

    compiled = Compiled(block, nullable=True)
    assert compiled.ops == ["LabelEncoder"]
    texts = [*KEYS, *("".join(p) for n in (1, 2, 3) for p in itertools.product(LETTERS, repeat=n)), MISSING_STRING]
    assert compiled(texts).tolist() == [table.get(mapped(text, up), "other") for text in texts]


def test_a_table_with_many_spellings_goes_through_upper_case_first() -> None:
    key = "ABCDEFGHIJKLM"
    compiled = Compiled(lambda b, c: lookup(b, upper(b, c), {key: 1}, 0, "int64", nullable=False))
    assert compiled.ops == ["LabelEncoder", "StringUpper"]
    assert compiled([key, key.lower(), key.title(), "\u0131", key[:-1]]).tolist() == [1, 1, 1, 0, 0]


def test_a_table_with_too_many_spellings_still_answers() -> None:
    long = "I" * 20
    compiled = Compiled(lambda b, c: lookup(b, upper(b, c), {long: 1}, 0, "int64", nullable=False))
    assert "TrieTokenizer" in compiled.ops
    assert compiled([long, long.lower(), "\u0131" * 20, "I"]).tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("first", ["fill", "case"])
def test_filling_before_or_behind_the_case_folds_too(up: bool, first: str) -> None:
    case = upper if up else lower
    filling = {MISSING_STRING: "Is"}

    def block(b: Builder, column: Symbolic) -> Symbolic:
        if first == "fill":
            column = case(b, lookup(b, column, filling, IDENTITY, "string", nullable=False))
        else:
            column = lookup(b, case(b, column), filling, IDENTITY, "string", nullable=False)
        return lookup(b, column, {"IS": 1, "is": 2, "Is": 3, "A": 4, MISSING_STRING: 5}, 0, "int64", nullable=False)

    compiled = Compiled(block, nullable=True)
    assert compiled.ops == ["LabelEncoder"]
    filled = {"fill": mapped("Is", up), "case": "Is"}[first]
    codes = {"IS": 1, "is": 2, "Is": 3, "A": 4}
    texts = ["is", "IS", "a", "\u0131s", "", MISSING_STRING]
    expected = [codes.get(filled if text == MISSING_STRING else mapped(text, up), 0) for text in texts]
    assert compiled(texts).tolist() == expected


def test_a_table_that_keeps_other_values_maps_them() -> None:
    compiled = Compiled(lambda b, c: lookup(b, upper(b, c), {"A": "x"}, IDENTITY, "string", nullable=False))
    assert compiled(["a", "é", "ß"]).tolist() == ["x", "É", "SS"]


def test_what_a_turkish_locale_makes_of_i_is_among_the_spellings() -> None:
    """StringUpper leaves i there."""
    assert spellings("VISA", True) == {a + b + c + d for a in "V" for b in "Ii\u0131" for c in "S\u017f" for d in "A"}


# ---- searches -------------------------------------------------------------------------------------------------------


words = st.text(st.sampled_from(LETTERS), max_size=5)


@settings(max_examples=40)
@given(words, st.booleans(), st.lists(words, min_size=5))
def test_searching_a_cased_column_is_searching_the_mapped_string(literal: str, up: bool, texts: list[str]) -> None:
    case = upper if up else lower
    literals = {literal, mapped(literal, up)}
    texts = [*texts, *(text + literal for text in texts), *(literal + text for text in texts)]
    images = [mapped(text, up) for text in texts]
    for text in sorted(literals):
        found = Compiled(lambda b, c, text=text: contains(b, case(b, c), text, regex_=False))
        assert found(texts).tolist() == [text in image for image in images]
        found = Compiled(lambda b, c, text=text: startswith(b, case(b, c), (text, "Q")))
        assert found(texts).tolist() == [image.startswith((text, "Q")) for image in images]
        found = Compiled(lambda b, c, text=text: endswith(b, case(b, c), text))
        assert found(texts).tolist() == [image.endswith(text) for image in images]


def test_a_search_in_a_cased_column_is_one_node() -> None:
    assert Compiled(lambda b, c: contains(b, lower(b, c), "strasse", regex_=False)).ops == ["RegexFullMatch"]
    assert "TrieTokenizer" in Compiled(lambda b, c: contains(b, lower(b, c), "\u03c3", regex_=False)).ops
    assert cased_pattern("\u03c3", False, start=False, end=False) is None
    assert cased_pattern("S" * 200, True, start=False, end=False) is None


def test_pandas_compares_in_upper_case_without_case_and_regex() -> None:
    compiled = Compiled(lambda b, c: contains(b, c, "ss", case=False, regex_=False))
    assert compiled.ops == ["RegexFullMatch"]
    texts = ["ß", "SS", "sS", "s", "xﬅ", "\u017fs", "s\u017f"]
    assert compiled(texts).tolist() == ["SS" in text.upper() for text in texts]


def test_memory_grows_with_the_longest_string_of_a_batch() -> None:
    texts = ["x" * 5000, *(["a"] * 50)]
    assert UPPER(texts).tolist() == [text.upper() for text in texts]
    assert np.array_equal(LOWER(["Σ" * 3000])[0], ("Σ" * 3000).lower())
    assert casing.upper_tokens().sigma == 0
