"""Functions that only ask which text it is become one lookup; others do not, and mean the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from rtml_core.errors import NotLowerableError
from tests.unit.core.lowering.functions.harness import TEXTS, assert_three_ways

RATES = {"VW": 1.5, "Audi": 2.5, "": 0.0}


def chain(s: Any) -> Any:
    if s == "VW":
        return 1
    elif s in ("Audi", "a", "straße"):
        return 2
    return 0 if s else None


def logic(s: Any) -> Any:
    return bool(s) and (s == "VW" or s == "x" or s in RATES)


def rated(s: Any) -> Any:
    base = RATES.get(s, 1.0)
    return base * 2 if s is not None else -1.0


CLOSED: list[Callable[..., Any]] = [
    chain,
    logic,
    rated,
    lambda s: {"VW": "a", "Audi": None}.get(s, "z"),
    lambda s: "yes" if s == "a" or s == "A" else "no",
    lambda s: (1 if isinstance(s, str) else 2) + (s in ("a", "b", 1, None)),
]
OPEN: list[Callable[..., Any]] = [
    lambda s: s if s in ("a", "VW") else "other",
    lambda s: (s or "x") == "VW" or s == "a",
    lambda s: RATES[s],
    lambda s: len(s) if s in ("VW", "Audi", "-") else 0,
    lambda s: s.strip() == "x" or s == "a" or s == "b",
]


@pytest.mark.parametrize("function", CLOSED, ids=range(len(CLOSED)))
@pytest.mark.parametrize("spec", ["string", "string?"])
def test_a_closed_function_is_one_lookup(function: Callable[..., Any], spec: str) -> None:
    for absent, missing in ((None, "none"), (math.nan, "nan")):
        rows = [(text,) for text in TEXTS] + ([(absent,)] if spec.endswith("?") else [])
        compiled = assert_three_ways(function, {"s": spec}, rows, missing)
        assert compiled.nodes <= 2  # a lookup, and a Cast for booleans


@pytest.mark.parametrize("function", OPEN, ids=range(len(OPEN)))
def test_an_open_function_means_the_same(function: Callable[..., Any]) -> None:
    assert_three_ways(function, {"s": "string?"}, [(text,) for text in [None, *TEXTS]])


def test_a_part_of_a_text_is_no_member() -> None:
    with pytest.raises(NotLowerableError, match="can look for a constant text only"):
        assert_three_ways(lambda s: s in "VW Audi" or s == "a" or s == "b", {"s": "string"}, [("VW",)])
