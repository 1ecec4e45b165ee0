"""Questions about letters, and parts of texts, against Python's own str and re: every character there is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError
from rtml_core.lowering import string_parts as parts
from rtml_core.lowering import string_search
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.casing import all_characters
from rtml_core.lowering.symbolic import Symbolic
from tests.unit.core.lowering.one_column import Compiled, carried

#: all characters of which one of islower, isupper, istitle or isascii is true, and some of the others
LETTERS = [
    char
    for position, char in enumerate(all_characters())
    if char not in ("\x00", MISSING_STRING) and (position % 211 == 0 or char.islower() or char.isupper() or char.istitle())
]
WORDS = [shape.format(char) for char in LETTERS for shape in ("{}", "a{}", "A{}", "{}a", "{} Ab")]


@pytest.mark.parametrize("method", ["islower", "isupper", "istitle", "isascii"])
def test_a_question_about_letters_is_answered_as_by_python(method: str) -> None:
    compiled = Compiled(lambda b, c: string_search.is_cased(b, c, method))
    assert compiled.ops == ["RegexFullMatch"]
    assert compiled(["", *WORDS]).tolist() == [getattr(text, method)() for text in ["", *WORDS]]


@pytest.mark.parametrize("sub", ["", "a", "a\U0001f642", "\U0001f642", "ß", "aa"])
@pytest.mark.parametrize("last", [False, True])
def test_a_place_is_counted_in_characters(sub: str, last: bool) -> None:
    words = ["", "a", "ba\U0001f642a\U0001f642", "\U0001f642" * 5, "aaaa", "straße\nß", "\U0001f642" * 300 + "aa"]
    compiled = Compiled(lambda b, c: parts.find(b, c, sub, last=last))
    assert compiled(words).tolist() == [text.rfind(sub) if last else text.find(sub) for text in words]


def test_a_text_in_every_character() -> None:
    words = [f"{char}-{char}" for char in LETTERS]
    for position in range(3):
        piece = Compiled(lambda b, c, position=position: parts.partition(b, c, "-")[position])  # type: ignore[misc]
        assert piece(words).tolist() == [text.partition("-")[position] for text in words]
    assert Compiled(lambda b, c: parts.repeat(b, c, 2))(words).tolist() == [text * 2 for text in words]
    assert Compiled(lambda b, c: parts.join(b, c, "+"))(words).tolist() == ["+".join(text) for text in words]
    assert Compiled(lambda b, c: parts.count(b, c, "-"))(words).tolist() == [text.count("-") for text in words]


def test_missing_texts_stay_missing() -> None:
    values = carried([None, "a-b", None])
    piece = Compiled(lambda b, c: parts.partition(b, c, "-")[0], nullable=True)
    assert piece(values).tolist() == [MISSING_STRING, "a", MISSING_STRING]
    third = Compiled(lambda b, c: parts.partition(b, c, "-", last=True)[2], nullable=True)
    assert third(values).tolist() == [MISSING_STRING, "b", MISSING_STRING]
    group = Compiled(lambda b, c: parts.extract(b, c, "(.)")[0], nullable=True)
    assert group(values).tolist() == [MISSING_STRING, "a", MISSING_STRING]


def test_a_part_takes_few_nodes() -> None:
    def ops(block: Callable[[Builder, Symbolic], Symbolic]) -> int:
        return len(Compiled(block).ops)

    assert ops(lambda b, c: parts.partition(b, c, "-")[0]) == 1
    assert ops(lambda b, c: parts.extract(b, c, "([a-z]+)")[0]) == 3
    assert ops(lambda b, c: parts.find(b, c, "x")) == 4
    assert ops(lambda b, c: parts.count(b, c, "x")) == 5
    assert ops(lambda b, c: parts.translate(b, c, {97: "b", 98: "c"})) == 2


Block = Callable[[Builder, Symbolic], object]
REFUSED: list[tuple[Block, str]] = [
    (lambda b, c: parts.partition(b, c, ""), "an empty separator"),
    (lambda b, c: parts.rsplit_once(b, c, ""), "empty string"),
    (lambda b, c: parts.extract(b, c, "abc"), "one to nine groups"),
    (lambda b, c: parts.extract(b, c, "()()()()()()()()()()"), "one to nine groups"),
    (lambda b, c: parts.extract(b, c, "(a)?b"), "group 1 .* may take no part"),
    (lambda b, c: parts.extract(b, c, "(a)|(b)"), "inside the group"),
    (lambda b, c: parts.extract(b, c, "(?:(a)b)+"), "group 1"),
    (lambda b, c: parts.extract(b, c, "(a)(?=b)"), "look-ahead"),
    (lambda b, c: parts.count(b, c, "a*"), "empty string"),
    (lambda b, c: parts.find(b, c, "\x00"), r"U\+0000"),
    (lambda b, c: parts.repeat(b, c, 1001), "at most 1000"),
    (lambda b, c: parts.slice_replace(b, c, -1, None, ""), "count from the start"),
    (lambda b, c: parts.slice_replace(b, c, 1001, None, ""), "1000 characters"),
    (lambda b, c: parts.translate(b, c, {97: "b", 98: "a"}), "change into each other"),
    (lambda b, c: parts.translate(b, c, {"a": "b"}), "number of a character"),
    (lambda b, c: parts.translate(b, c, {97: 1.5}), "must be a text"),
]


@pytest.mark.parametrize(("block", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_has_no_exact_form_is_refused(block: Block, words: str) -> None:
    b = Builder()
    with pytest.raises(NotLowerableError, match=words):
        block(b, Symbolic("string", b.input("x", "string", 1)))


def test_numbers_are_no_texts() -> None:
    b = Builder()
    column = Symbolic("int64", b.input("x", "int64", 1))
    for block in (partial(parts.find, sub="a"), partial(parts.repeat, times=2), partial(parts.count, pattern="a")):
        with pytest.raises(NotLowerableError, match="needs a string"):
            block(b, column)
