"""Tokenizer finds what re.findall finds, for every pattern that is let through."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.assemble import assemble
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.token_patterns import read_pattern
from rtml_core.lowering.tokens import tokenize
from rtml_core.testing import run_model

ITEMS = st.sampled_from(["a", "b", "[ab]", "[^a]", "-", "[a-c]", "c", "[b-]"])
REPEATS = st.sampled_from(["", "+", "*", "?", "{2}", "{1,2}", "{2,}", "+?"])


@st.composite
def patterns(draw: Any) -> str:
    """Small patterns over a, b, c and a dash: sequences, groups, alternatives."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        item = draw(ITEMS)
        if draw(st.integers(0, 2)) == 0:
            item = f"(?:{item}{draw(ITEMS)}{draw(REPEATS)}|{draw(ITEMS)})"
        parts.append(item + draw(REPEATS))
    return "".join(parts)


TEXTS = np.array(
    [["".join("abc- "[(number // 5**at) % 5] for at in range(4))] for number in range(5**4)]
    + [["abcabc--aab"], [""], ["cba-bca"]],
    dtype=object,
)


@settings(max_examples=150, deadline=None)
@given(patterns())
def test_what_is_let_through_finds_the_same(pattern: str) -> None:
    try:
        found = read_pattern(pattern)
    except NotLowerableError:
        return
    b = Builder()
    tokens = b.alias(tokenize(b, b.input("x", "string", 1), found.text))
    got = run_model(assemble(b, {"y": tokens}).model, {"x": TEXTS})["y"]
    for text, row in zip(TEXTS[:, 0], got, strict=True):
        assert [token for token in row if token] == re.findall(pattern, text), (pattern, text)


def test_usual_patterns_are_let_through() -> None:
    for pattern in (r"(?u)\b\w\w+\b", r"\w+", r"\S+", r"[a-z]+(?:-[a-z]+)*", r"#\w+|@\w+", r"\d{4}", r"[^,;]+", r"\b[a-z]{3,}\b"):
        assert read_pattern(pattern).python.pattern == pattern
