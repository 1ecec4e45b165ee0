"""float() and int() of texts, the type of a value, parts and characters counted: as Python has them, compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from rtml_core import operators as op
from rtml_core.errors import InputError
from rtml_core.testing import assert_parity

TEXTS = ["", " ", "A bÄ", "a, b, c", ", ", "x\t y\u3000z ", "AB!?", "\u01c5 \u2167 12", "007", "ß"]


def words(s):
    return len(s.split())


def parts(s):
    return len(s.split(", "))


def shouting(s):
    return sum(1 for c in s if c.isupper()) / max(len(s), 1)


def digits(s):
    return sum(c.isdigit() for c in s)


def signs(s):
    return sum(1 for c in s if c in "!?" or (not c.isalnum() and c != " "))


def upper(s):
    return s.isupper()


def whole(s):
    return int(s) if s.isdecimal() and s.isascii() else -1


def is_there(x):
    return 0 if type(x) == float else 1  # noqa: E721 - as people write it


def is_no_text(x):
    return type(x) is not str


@pytest.mark.parametrize("function", [words, parts, shouting, digits, signs, upper, whole])
def test_a_function_of_texts_agrees_with_python(function: Callable[[str], Any]) -> None:
    rows = pd.DataFrame({"s": TEXTS})
    node = op.Pandas(import_="map", cols="s", kwargs={"func": function}, into="made")
    assert_parity(node, rows)
    assert node.process(rows).data["made"].tolist() == [function(text) for text in TEXTS]


def test_the_type_of_a_cell_tells_a_missing_one() -> None:
    rows = pd.DataFrame({"s": ["a", None, "b"]})
    for function, made in ((is_there, [1, 0, 1]), (is_no_text, [False, True, False])):
        node = op.Pandas(import_="map", cols="s", kwargs={"func": function}, into="made")
        assert_parity(node, rows)
        assert node.process(rows).data["made"].tolist() == made


@pytest.mark.parametrize(("kind", "text", "number"), [(float, " -1.5e3 ", -1500.0), (float, "7", 7.0), (int, " +07 ", 7)])
def test_a_text_that_says_a_number(kind: type, text: str, number: float) -> None:
    package = (
        op.Receiver(schema={"s": "string"}) >> op.Pandas(import_="map", cols="s", kwargs={"func": kind}, into="n")
    ).compile()
    assert package.score({"s": text})["n"] == number == kind(text)
    for wrong in ("", "x", "1_0", "1.5.2"):
        with pytest.raises(InputError, match="ValueError"):
            package.score({"s": wrong})
