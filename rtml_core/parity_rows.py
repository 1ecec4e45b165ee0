"""Rows for the parity gate: real ones, random ones drawn from their columns, and an edge corpus."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.columns import MISSING_STRING, Field, missing_column, within
from rtml_core.errors import RtmlError, describe, listing
from rtml_core.timestamps import parse_timestamp, to_micros

if TYPE_CHECKING:
    import pandas as pd

#: at most so many real rows are compared, and so many constants of the graph are tried at their edges
MAX_REAL: Final = 50_000
MAX_POINTS: Final = 2_000
RANDOM_ROWS: Final = 500

EDGE_STRINGS: Final = (
    "", " ", "a", "A", " a ", "\ta\n", "é", "É", "ß", "ẞ", "İ", "\u0131", "\u017f", "ς", "ΑΣ", "ΑΣΑ", "ǅ", "ﬁ", "e\u0301",
    "日本語", "\U0001d4b3", "🙂",
    "NaN", "nan", "None", "null", "0", "1", "-1.5", "1e5", "02134", "true", "a,b;c|d", 'a"b', "a\\b", "a.b*c", "%s{}", "x" * 300,
)  # fmt: skip
EDGE_FLOATS: Final = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 1e-9, -1e-9, 1 / 3, 99.999, 1e6, -1e6, 2.0**31, 2.0**53, -(2.0**53), 1e15,
    1e30, -1e30, 5e-324,
)  # fmt: skip
EDGE_INTS: Final = (0, 1, -1, 2, 7, 10, -7, 255, 2**31, -(2**31) - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**62)
EDGE_TIMES: Final = tuple(
    parse_timestamp(text)
    for text in (
        "1970-01-01", "1969-12-31T23:59:59.999999Z", "2000-02-29", "2024-02-29T12:00:00Z", "2023-12-31T23:59:59Z", "2024-01-01",
        "1900-02-28", "1600-02-29", "0001-01-01", "9999-12-31T23:59:59.999999Z", "2026-11-21T10:15:00+05:30",
    )
)  # fmt: skip


def sample_columns(fields: Sequence[Field], sample: pd.DataFrame) -> dict[str, list[Any]]:
    """The sample's columns as Python values (None is missing), checked against the signature.

    Raises RtmlError naming the column that is missing or there twice, or the first value that a request could not carry.
    """
    absent = [entry.name for entry in fields if entry.name not in sample.columns and not entry.optional]
    if absent:
        known = list(map(str, sample.columns))
        needs = listing(entry.name for entry in fields)
        raise RtmlError(f"the sample does not fit the graph: {missing_column(absent[0], known)} The graph needs: {needs}")
    twice = [entry.name for entry in fields if list(sample.columns).count(entry.name) > 1]
    if twice:
        raise RtmlError(
            f"the sample does not fit the graph: it has several columns '{twice[0]}', expected one. Rename or drop the others"
        )
    rows = sample.head(MAX_REAL)
    return {
        entry.name: _python_values(entry, rows[entry.name]) if entry.name in rows.columns else [_default(entry)] * len(rows)
        for entry in fields
    }


def _default(entry: Field) -> Any:
    """What an optional field holds when it is left out."""
    return None if entry.default is None else fitted(entry, entry.default)


def _python_values(entry: Field, series: pd.Series) -> list[Any]:
    values = series.astype(object).where(series.notna(), None).tolist()
    result: list[Any] = []
    for number, value in enumerate(values):
        fitting = fitted(entry, value) if value is not None else None if entry.nullable else MISFIT
        if fitting is MISFIT:
            got = "a missing value" if value is None else describe(value)
            cure = f". Declare it '{entry.type}?' if it may be missing" if value is None else ""
            if entry.type == "int" and isinstance(value, int) and abs(value) > _MOST_WHOLE:
                cure = ". A whole number has 64 bits, one of them the sign: declare it 'string' if it is an identifier"
            raise RtmlError(
                f"the sample does not fit the graph: row {number}, column '{entry.name}' must be {entry.spec}; got {got}{cure}"
            )
        result.append(fitting)
    return result


#: the largest whole number that a request carries
_MOST_WHOLE: Final = 2**63 - 1
_LARGEST_FLOAT: Final = sys.float_info.max
#: what a field can't hold
MISFIT: Final = object()


def fitted(entry: Field, value: Any) -> Any:
    """The value as a column of the field holds it; MISFIT when a request could not carry it."""
    if isinstance(value, np.generic):
        value = value.item()
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if entry.type == "float" and number and abs(value) <= _LARGEST_FLOAT and within(entry, value):
        return float(value)
    if entry.type == "int" and number and abs(value) <= _MOST_WHOLE and value == int(value) and within(entry, value):
        return int(value)
    if entry.type == "bool" and isinstance(value, bool):
        return value
    if entry.type == "string" and isinstance(value, str) and value != MISSING_STRING and "\0" not in value:
        return value if entry.categories is None or value in entry.categories else MISFIT
    if entry.type == "timestamp":
        try:
            return np.datetime64(to_micros(value), "us")
        except (TypeError, ValueError):
            return MISFIT
    return MISFIT


#: the texts in an expression: country == 'DE'
_QUOTED: Final = re.compile(r"'([^'\n]{1,200})'|\"([^\"\n]{1,200})\"")
_LONGEST: Final = 10_000


def constants(document: Any) -> tuple[set[float], set[str]]:
    """All numbers and strings in a graph's parameters and state: where its behaviour may change."""
    numbers: set[float] = set()
    texts: set[str] = set()
    stack = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, (int, float)) and not isinstance(item, bool) and math.isfinite(item) and abs(item) <= 1e30:
            numbers.add(float(item))
        elif isinstance(item, str):
            texts.update([item] if len(item) <= 200 else [])
            texts.update(a or b for a, b in _QUOTED.findall(item[:_LONGEST]))
    return set(sorted(numbers)[:MAX_POINTS]), set(sorted(texts)[:MAX_POINTS])


def edge_values(entry: Field, points: Iterable[float], texts: Iterable[str]) -> list[Any]:
    """Values of one field at which something may go wrong: the corpus, the graph's constants, and their neighbours."""
    missing = [None] if entry.nullable else []
    if entry.type == "bool":
        return [*missing, True, False]
    if entry.type == "timestamp":
        return missing + [np.datetime64(t, "us") for t in EDGE_TIMES if t is not None]
    if entry.categories is not None:
        return [*missing, *entry.categories]
    if entry.type == "string":
        variants = {v for t in texts for v in (t, t.upper(), t.lower(), t.title(), f" {t}", f"{t} ")}
        return [*missing, *EDGE_STRINGS, *sorted(variants - set(EDGE_STRINGS) - {MISSING_STRING})[:MAX_POINTS]]
    points = [*points, *(float(bound) for bound in (entry.minimum, entry.maximum) if bound is not None)]
    # a tree that asks only whether a value is there has an infinite threshold
    points = [p for p in points if math.isfinite(p)]
    with np.errstate(over="ignore"):
        near = sorted({n for p in points for n in (p, np.nextafter(p, -np.inf).item(), np.nextafter(p, np.inf).item())})
    near = [n for n in near if math.isfinite(n)]
    if entry.type == "float":
        return [*missing, *_inside(entry, [*EDGE_FLOATS, *near])]
    limit = 2**53 if entry.nullable else 2**62
    whole = sorted({math.floor(n) + d for n in points for d in (-1, 0, 1)} | set(EDGE_INTS))
    return missing + _inside(entry, [n for n in whole if abs(n) <= limit])


def _inside(entry: Field, values: Sequence[Any]) -> list[Any]:
    """Those of the numbers that a request may hold in this field."""
    return [value for value in values if within(entry, value)]


def edge_rows(
    fields: Sequence[Field],
    base: Mapping[str, Sequence[Any]],
    points: Mapping[str, Iterable[float]],
    texts: Iterable[str],
    rng: np.random.Generator,
) -> dict[str, list[Any]]:
    """One row an edge value: the field takes the value, the others those of a base row; then all fields at their edges."""
    count = len(next(iter(base.values())))
    rows: dict[str, list[Any]] = {entry.name: [] for entry in fields}
    values = {entry.name: edge_values(entry, points.get(entry.name, ()), texts) for entry in fields}
    for entry in fields:
        for value in values[entry.name]:
            at = int(rng.integers(count))
            for other in fields:
                rows[other.name].append(value if other is entry else base[other.name][at])
    for _ in range(RANDOM_ROWS // 2):
        for entry in fields:
            rows[entry.name].append(_choice(values[entry.name], rng))
    if all(entry.nullable for entry in fields):
        for entry in fields:
            rows[entry.name].append(None)
    return rows


def random_rows(fields: Sequence[Field], base: Mapping[str, Sequence[Any]], rng: np.random.Generator) -> dict[str, list[Any]]:
    """Rows whose fields are drawn one by one from the base's columns; a tenth is missing where that is allowed."""
    rows: dict[str, list[Any]] = {}
    for entry in fields:
        drawn = [_choice(base[entry.name], rng) for _ in range(RANDOM_ROWS)]
        if entry.nullable:
            gone = rng.random(RANDOM_ROWS) < 0.1
            drawn = [None if g else value for g, value in zip(gone, drawn, strict=True)]
        rows[entry.name] = drawn
    return rows


def made_up(fields: Sequence[Field], texts: Sequence[str], rng: np.random.Generator) -> dict[str, list[Any]]:
    """Plausible rows when there is no sample."""
    makers: dict[str, Any] = {
        "float": lambda e: float(np.round(rng.normal(0, 1) * 10.0 ** rng.integers(0, 5), 3)),
        "int": lambda e: int(rng.integers(-100, 10_000)),
        "bool": lambda e: bool(rng.integers(2)),
        "string": lambda e: str(_choice(list(e.categories or texts or EDGE_STRINGS), rng)),
        "timestamp": lambda e: np.datetime64(int(rng.integers(0, 4 * 10**15)), "us"),
    }
    return {entry.name: [_clipped(entry, makers[entry.type](entry)) for _ in range(RANDOM_ROWS)] for entry in fields}


def _clipped(entry: Field, value: Any) -> Any:
    """A number moved into the range of its field; anything else as it is."""
    if entry.minimum is not None and value < entry.minimum:
        return type(value)(entry.minimum)
    return type(value)(entry.maximum) if entry.maximum is not None and value > entry.maximum else value


def _choice(values: Sequence[Any], rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def to_frame(fields: Sequence[Field], columns: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """The rows as a canonical frame, as a source would give it."""
    import pandas as pd

    from rtml_core.frames import string_dtype

    made = {}
    for entry in fields:
        values = columns[entry.name]
        if entry.type == "string":
            made[entry.name] = pd.Series([np.nan if v is None else v for v in values], dtype=string_dtype())
        elif entry.type == "timestamp":
            made[entry.name] = pd.Series(
                np.array([np.datetime64("NaT", "us") if v is None else v for v in values], dtype="datetime64[us]")
            )
        elif entry.type == "bool":
            series = pd.Series(list(values), dtype="boolean")
            made[entry.name] = series if series.isna().any() else series.astype(bool)
        elif entry.column.dtype == "int64":
            made[entry.name] = pd.Series(np.array(values, dtype=np.int64))
        else:
            made[entry.name] = pd.Series(np.array([math.nan if v is None else v for v in values], dtype=np.float64))
    return pd.DataFrame(made)
