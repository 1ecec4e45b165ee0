"""Frames to test operators on: random rows, and among them every value that tends to be forgotten."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.columns import SIGNATURE_WORDS, Field, parse_signature, within
from rtml_core.errors import RtmlError, close_match, describe, listing
from rtml_core.parity_rows import MISFIT, edge_values, fitted, made_up, to_frame

if TYPE_CHECKING:
    import pandas as pd

#: dtypes that no request carries and that nodes exchange all the same -> the word whose values they are made of
BETWEEN_NODES: Final = {"float32": "float", "timedelta": "timestamp"}
#: what only frames between nodes hold: infinite and the largest numbers
INFINITE: Final = (math.inf, -math.inf, 1.7976931348623157e308, -1.7976931348623157e308)


def frame(
    fields: Mapping[str, Any] | None = None,
    /,
    *,
    rows: int = 100,
    seed: int = 0,
    edges: bool = True,
    infinite: bool = False,
    around: Mapping[str, Iterable[Any]] | None = None,
    **more: Any,
) -> pd.DataFrame:
    """A canonical frame of exactly `rows` rows with the given columns: frame(age="float?", brand="string?", rows=100).

    A column is a word of a signature ("float", "int", "bool", "string", "timestamp", with ? where it may be missing), an object
    as Receiver takes it ({"type": "float", "min": 0, "max": 1}), or "float32" or "timedelta", which only nodes exchange. A whole
    number that may be missing is a float64 column, as in pandas. `fields` holds columns whose name is no Python name.

    edges: each column holds, in random order, the edge values of its dtype - missing, empty, Unicode, signed zeros, huge and tiny
    numbers, leap days - as far as they fit into `rows`, then made-up values. infinite: float columns also hold infinities and the
    largest numbers. around: values of your own by column, which come first, numbers with their neighbours. seed: the same seed
    gives the same frame.
    Raises RtmlError for a type or a column that does not exist.
    """
    spec = {**(fields or {}), **more}
    entries = _fields(spec)
    if rows < 0:
        raise RtmlError(f"rows must not be negative; got {rows}")
    unknown = [name for name in around or () if name not in spec]
    if unknown:
        raise RtmlError(f"around names '{unknown[0]}', which is no column of the frame.{close_match(unknown[0], spec)}")
    columns = {}
    for number, entry in enumerate(entries):
        rng = np.random.default_rng([seed, number])
        near = [_near(entry, spec[entry.name], value) for value in (around or {}).get(entry.name, ())]
        columns[entry.name] = _values(entry, rows, rng, near, edges=edges, infinite=infinite and entry.type == "float")
    made = to_frame(entries, columns)
    for name, word in spec.items():
        if isinstance(word, str) and word.removesuffix("?") == "float32":
            with np.errstate(over="ignore"):
                made[name] = made[name].astype(np.float32)
        elif isinstance(word, str) and word.removesuffix("?") == "timedelta":
            made[name] = made[name].to_numpy().astype("int64").astype("timedelta64[us]")
    return made


def _fields(spec: Mapping[str, Any]) -> tuple[Field, ...]:
    words = {}
    for name, word in spec.items():
        base = word.removesuffix("?") if isinstance(word, str) else ""
        words[name] = word.replace(base, BETWEEN_NODES[base]) if base in BETWEEN_NODES else word
        if isinstance(word, str) and base not in SIGNATURE_WORDS and base not in BETWEEN_NODES:
            known = (*SIGNATURE_WORDS, *BETWEEN_NODES)
            raise RtmlError(
                f"column '{name}' of the frame must have one of the types {listing(known)}, with '?' where it may be missing;"
                f" got {describe(word)}.{close_match(base, known)}"
            )
    return parse_signature(words)


def _near(entry: Field, word: Any, value: Any) -> Any:
    """A value of the author's, as the column holds it; RtmlError when it can't."""
    if word in ("timedelta", "timedelta?") and isinstance(value, (timedelta, np.timedelta64)):
        value = np.datetime64(0, "us") + np.timedelta64(value).astype("timedelta64[us]")
    fitting = fitted(entry, value)
    if value is None or fitting is MISFIT:
        what = word if isinstance(word, str) else entry.spec
        raise RtmlError(f"around: a value of column '{entry.name}' must be one of type {what}; got {describe(value)}")
    return fitting


def _values(entry: Field, rows: int, rng: np.random.Generator, near: list[Any], *, edges: bool, infinite: bool) -> list[Any]:
    """`rows` values of one column: those around the author's, the edge values in random order, made-up ones."""
    numbers = [value for value in near if isinstance(value, (int, float)) and not isinstance(value, bool)]
    texts = [value for value in near if isinstance(value, str)]
    special = edge_values(entry, numbers, texts)
    if not edges:
        plain = set(edge_values(entry, (), ()))
        special = [value for value in special if value not in plain]
    if infinite:
        special = [*special, *(value for value in INFINITE if within(entry, value))]
    others = [special[i] for i in rng.permutation(len(special)) if special[i] not in near]
    chosen = [*near, *others][:rows]
    while len(chosen) < rows:
        drawn = made_up([entry], texts, rng)[entry.name]
        if entry.nullable:
            drawn = [None if gone else value for gone, value in zip(rng.random(len(drawn)) < 0.1, drawn, strict=True)]
        chosen += drawn[: rows - len(chosen)]
    return [chosen[i] for i in rng.permutation(rows)]
