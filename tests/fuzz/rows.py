"""Random signatures, and rows that are hard on whatever reads them."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from rtml_core.columns import Field
from rtml_core.parity_rows import EDGE_FLOATS, EDGE_INTS, EDGE_STRINGS, EDGE_TIMES, to_frame

#: a word a field, and how often it is drawn
WORDS: Final = (
    "float",
    "float?",
    "float?",
    "int",
    "int",
    "int?",
    "bool",
    "bool?",
    "string",
    "string?",
    "string?",
    "timestamp?",
    "timestamp",
)
NAMES: Final = ("age", "brand", "seen", "quote", "zip", "ok", "über", "x y")
#: texts of a column that has few values, so that categories repeat
FEW: Final = ("red", "green", "Red", "blue", "", "été", "ß")
_FLOATS: Final = (*EDGE_FLOATS, 2.0**63, -(2.0**63), 1e300, -1e300, 0.1, 17.999999999999996, 18.0, 99.995, 5.0, 10.0)
_INTS: Final = (*EDGE_INTS, 2**63 - 1, -(2**63) + 1, 3, 5, 18, 100)

fields = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(WORDS)), min_size=1, max_size=5, unique_by=lambda pair: pair[0]
)


def signature(pairs: list[tuple[str, str]]) -> list[Field]:
    """Fields of drawn names and types."""
    return [Field(name, word.removesuffix("?"), word.endswith("?")) for name, word in pairs]


def columns(entries: list[Field], count: int, rng: np.random.Generator) -> dict[str, list[Any]]:
    """`count` Python values a field, None for missing: a third ordinary, the others from the edges."""
    return {entry.name: _values(entry, count, rng) for entry in entries}


def frame(entries: list[Field], values: dict[str, list[Any]]) -> pd.DataFrame:
    """The rows as the authored graph gets them."""
    return to_frame(entries, values)


def _values(entry: Field, count: int, rng: np.random.Generator) -> list[Any]:
    few = bool(rng.random() < 0.5)
    missing = 0.15 if entry.nullable else 0.0
    whole = entry.type == "int" and entry.nullable  # a float64 column, exact up to 2^53
    values = [None if rng.random() < missing else _value(entry.type, few, rng) for _ in range(count)]
    return [value if not whole or value is None or abs(value) <= 2**53 else 2**53 for value in values]


def _value(word: str, few: bool, rng: np.random.Generator) -> Any:
    edge = rng.random() < 0.3
    if word == "float":
        return (
            float(_pick(_FLOATS, rng)) if edge else _near(float(rng.integers(0, 20)), rng) if few else float(rng.normal(10, 20))
        )
    if word == "int":
        return int(_pick(_INTS, rng)) if edge else int(rng.integers(-3, 8) if few else rng.integers(-1000, 1000))
    if word == "bool":
        return bool(rng.random() < 0.5)
    if word == "string":
        return str(_pick(FEW, rng)) if few and not edge else str(_pick(EDGE_STRINGS, rng)) if edge else _word(rng)
    return np.datetime64(int(_pick(EDGE_TIMES, rng)) if edge else int(rng.integers(0, 2 * 10**15)), "us")


def _near(value: float, rng: np.random.Generator) -> float:
    """The value, or its neighbour on one side or the other."""
    return (value, math.nextafter(value, -math.inf), math.nextafter(value, math.inf))[int(rng.choice(3, p=(0.7, 0.15, 0.15)))]


def _word(rng: np.random.Generator) -> str:
    return "".join(_pick("abcABC09 -_éÄß", rng) for _ in range(int(rng.integers(0, 7))))


def _pick(items: Any, rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]
