"""The baseline of a package, computed from the sample that it is compiled with.

Fields as a request would carry them, outputs as the compiled model gives them. A row that a request could not carry, or that a
row check refuses, is left out: an edge refuses it, too, and never counts it.

What is written into the package: of numbers and times the edges of bins and a few quantiles, among which are the smallest and
the largest; of texts only values that many rows hold (see SHARE), as a rare one may be somebody's name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.baseline import MOST_BINS, MOST_VALUES, BaselineEntry, ColumnBaseline
from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.errors import ColumnError, CompileError, CustomOpError
from rtml_core.frames import canonical_series, dtype_word
from rtml_core.package import FieldEntry, OutputEntry
from rtml_core.parity_rows import MISFIT, fitted, sample_columns
from rtml_core.timestamps import parse_timestamps

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.runtime import Runtime

#: rows that a baseline is made of at most: of a longer sample so many, evenly spaced
MOST_ROWS: Final = 20_000
#: a text is kept by name where at least so many rows hold it, and this share of them
FEWEST: Final = 5
SHARE: Final = 0.01
#: declared categories that have a place of their own at most; of more, the most frequent ones
MOST_DECLARED: Final = 100
#: quantiles that a baseline gives
QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
#: rows that the model scores at once
CHUNK: Final = 16_384

Array = np.ndarray[Any, Any]


def baseline_of(runtime: Runtime, sample: pd.DataFrame) -> BaselineEntry | None:
    """The baseline of a compiled graph on its sample; None when no row of the sample can be scored.

    Raises RtmlError when the sample lacks a field, CompileError when a custom operator of the graph fails on it.
    """
    entries = runtime.manifest.fields
    sample_columns([entry.field for entry in entries], sample.head(0))  # raises for a column that is not there
    rows = sample.iloc[chosen(len(sample))]
    columns, fits = {}, np.ones(len(rows), bool)
    for entry in entries:
        columns[entry.name], fitting = _carried(entry, rows)
        fits &= fitting
    columns = {name: values[fits] for name, values in columns.items()}
    outputs, passed = _scored(runtime, columns, int(fits.sum()))
    if not passed.any():
        return None
    return BaselineEntry(
        int(passed.sum()),
        tuple(_input(entry, columns[entry.name][passed]) for entry in entries),
        tuple(_output(entry, outputs[entry.name][passed]) for entry in runtime.manifest.outputs),
    )


def chosen(count: int) -> Array:
    """Positions of the rows that are looked at: all, or MOST_ROWS from the first on, evenly spaced."""
    return np.arange(count) if count <= MOST_ROWS else np.arange(MOST_ROWS) * count // MOST_ROWS


def _scored(runtime: Runtime, columns: Mapping[str, Array], count: int) -> tuple[dict[str, Array], Array]:
    """What the model gives for the rows, and bool [N]: which of them pass every row check."""
    parts: list[dict[str, Array]] = []
    passed: list[Array] = [np.zeros(0, bool)]
    for start in range(0, count, CHUNK):
        feed = runtime.signature.columns({name: values[start : start + CHUNK] for name, values in columns.items()})
        try:
            arrays, checks = runtime.run_unchecked(feed)
        except CustomOpError as error:
            raise CompileError(f"the compiled graph fails on rows of the sample: {error}. The package was not written") from error
        parts.append(arrays)
        passed.append(np.asarray(checks.all(axis=1)))
    return {name: np.concatenate([part[name] for part in parts]) for name in (parts[0] if parts else ())}, np.concatenate(passed)


# ---- values as a request carries them ------------------------------------------------------------------------------


def _carried(entry: FieldEntry, rows: pd.DataFrame) -> tuple[Array, Array]:
    """A field of the rows as an array that Signature.columns takes, and bool [N]: which values a request could carry."""
    if entry.name not in rows.columns:
        default = None if entry.default is None else fitted(entry.field, entry.default)
        return _objects([default] * len(rows)), np.ones(len(rows), bool)
    series = rows[entry.name]
    try:
        series = canonical_series(series, entry.name)
        word = dtype_word(series)
    except ColumnError:  # of several kinds: only a look at each value tells
        word = ""
    if word in ("float64", "float32", "int64") and entry.type in ("float", "int"):
        return _numbers(entry, series.to_numpy())
    if word == "timestamp" and entry.type == "timestamp":
        times = series.to_numpy()
        return times, ~np.isnat(times) | entry.nullable
    if word == "bool" and entry.type == "bool" and series.dtype == np.bool_:
        return series.to_numpy(), np.ones(len(rows), bool)
    values = series.astype(object).where(series.notna(), None).tolist()
    if word == "string":
        return _texts(entry, values)
    found = [_fitted(entry, value) for value in values]
    fits = np.array([value is not MISFIT for value in found], bool)
    return _objects([None if value is MISFIT else value for value in found]), fits


def _numbers(entry: FieldEntry, values: Array) -> tuple[Array, Array]:
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    low = -math.inf if entry.minimum is None else entry.minimum
    high = math.inf if entry.maximum is None else entry.maximum
    fits = np.isfinite(values) & (values >= low) & (values <= high)
    if entry.type == "int":
        with np.errstate(invalid="ignore"):
            fits &= (values >= -(2.0**63)) & (values < 2.0**63) if values.dtype.kind == "f" else True
            whole = np.where(fits, values, 0).astype(np.int64)
        limit = 2**53 if entry.nullable else 2**63 - 1
        fits &= (np.abs(whole) <= limit) & (whole != MISSING_TIME) & (whole == values)
        values = whole if not entry.nullable else np.where(fits, values, np.nan)
        return values, fits | (missing & entry.nullable)
    return values.astype(np.float64), fits | (missing & entry.nullable)


def _texts(entry: FieldEntry, values: list[Any]) -> tuple[Array, Array]:
    """Texts, each different one looked at once."""
    different = {value for value in values if value is not None}
    if entry.type == "timestamp":
        micros = parse_timestamps(values)
        missing = np.array([value is None for value in values], bool)
        return micros.astype("datetime64[us]"), (micros != MISSING_TIME) | (missing & entry.nullable)
    wrong = {value for value in different if _fitted(entry, value) is MISFIT}
    if not entry.nullable:
        wrong.add(None)
    fits = np.array([value not in wrong for value in values], bool) if wrong else np.ones(len(values), bool)
    return _objects(values), fits


def _fitted(entry: FieldEntry, value: Any) -> Any:
    """The value as a column of the field holds it; MISFIT where a request could not carry it."""
    if value is None:
        return None if entry.nullable else MISFIT
    found = fitted(entry.field, value)
    if isinstance(found, str) and any("\ud800" <= char <= "\udfff" for char in found):
        return MISFIT  # half of a character: no UTF-8 holds it
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) > (2**53 if entry.nullable else 2**63 - 1):
        return MISFIT
    return found


def _objects(values: Sequence[Any]) -> Array:
    made = np.empty(len(values), object)
    made[:] = values
    return made


# ---- one column ----------------------------------------------------------------------------------------------------


def _input(entry: FieldEntry, values: Array) -> ColumnBaseline:
    if entry.type == "string":
        return of_texts(entry.name, values.tolist(), entry.categories)
    if entry.type == "bool":
        return of_texts(entry.name, (None if v is None else "true" if v else "false" for v in values.tolist()), BOOLS)
    if entry.type == "timestamp":
        return of_times(entry.name, _micros(values))
    return of_numbers(entry.name, values if values.dtype.kind in "if" else values.astype(np.float64), whole=entry.type == "int")


def _output(entry: OutputEntry, values: Array) -> ColumnBaseline:
    if entry.dtype == "string":
        return of_texts(entry.name, (None if v == MISSING_STRING else v for v in values.tolist()))
    if entry.dtype == "bool":
        return of_texts(entry.name, (None if v != v else "true" if v else "false" for v in values.tolist()), BOOLS)
    if entry.dtype == "timestamp":
        return of_times(entry.name, values)
    if entry.dtype == "timedelta":
        return of_numbers(entry.name, values, whole=True, missing=values == MISSING_TIME)
    return of_numbers(entry.name, values, whole=entry.dtype == "int64")


BOOLS: Final = ("false", "true")


def _micros(values: Array) -> Array:
    """Timestamps, or objects of which None is missing, as int64 microseconds with MISSING_TIME in band."""
    if values.dtype == object:
        values = np.array([np.datetime64("NaT", "us") if value is None else value for value in values], "datetime64[us]")
    return values.astype("datetime64[us]").astype(np.int64)


def of_texts(name: str, values: Iterable[str | None], declared: Sequence[str] | None = None) -> ColumnBaseline:
    """The baseline of texts, None where one is missing. declared: values that have a place however rare they are, in their
    order; without it the most frequent ones do, of which SHARE of the rows hold each and not fewer than FEWEST.
    """
    rows = list(values)
    found = Counter(value for value in rows if value is not None)
    missing = len(rows) - found.total()
    if declared is None:
        least = max(FEWEST, math.ceil(SHARE * len(rows)))
        frequent = [value for value, count in found.items() if count >= least]
        kept = sorted(frequent, key=lambda value: (-found[value], value))[:MOST_VALUES]
    elif len(declared) > MOST_DECLARED:
        most = set(sorted(declared, key=lambda value: (-found[value], value))[:MOST_DECLARED])
        kept = [value for value in declared if value in most]
    else:
        kept = list(declared)
    counts = [found[value] for value in kept]
    return ColumnBaseline(name, "category", missing, (*counts, found.total() - sum(counts)), values=tuple(kept))


def of_times(name: str, micros: Array) -> ColumnBaseline:
    """The baseline of int64 microseconds, in seconds."""
    missing = micros == MISSING_TIME
    return _of(name, "time", micros / 1_000_000, missing, whole=False)


def of_numbers(name: str, values: Array, *, whole: bool = False, missing: Array | None = None) -> ColumnBaseline:
    """The baseline of numbers; NaN is missing, and so is what `missing` says."""
    gone = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
    return _of(name, "number", values, gone if missing is None else gone | missing, whole=whole)


def _of(name: str, kind: str, values: Array, missing: Array, *, whole: bool) -> ColumnBaseline:
    """Infinite values, which only outputs have and JSON does not, are counted in the outermost bins; edges and quantiles are of
    the finite ones."""
    there = values[~missing]
    numbers = np.sort(there[np.isfinite(there)].astype(np.float64)) + 0.0  # -0.0 is 0.0
    edges = edges_of(numbers)
    at = np.array(edges, np.float64)
    if there.dtype.kind == "i":  # beyond 2^53 told apart as whole numbers, as Python does, and not as the nearest floats
        at = np.array([min(max(math.floor(edge), -(2**63)), 2**63 - 1) for edge in edges], np.int64)
    places = np.searchsorted(at, there, side="left")
    counts = np.bincount(places, minlength=len(edges) + 1)
    quantiles = [numbers[max(0, math.ceil(q * len(numbers)) - 1)].item() for q in QUANTILES] if len(numbers) else []
    return ColumnBaseline(
        name, kind, int(missing.sum()), tuple(counts.tolist()), tuple(edges), whole=whole, quantiles=tuple(quantiles)
    )


def edges_of(numbers: Array) -> list[float]:
    """Edges of bins for sorted finite numbers, float64 [N]: at most MOST_BINS - 1 of them, rising.

    At the quantiles; a number that several of them fall on has a bin of its own, and so has each of few different numbers. Of a
    single one the bins are what is below it, it, and what is above.
    """
    if not len(numbers):
        return []
    different = np.unique(numbers)
    if len(different) == 1:
        value = different[0].item()
        below = math.nextafter(value, -math.inf)
        return [below, value] if math.isfinite(below) else [value]
    if len(different) <= MOST_BINS:
        return [_between(a, b) for a, b in zip(different.tolist(), different[1:].tolist(), strict=False)]
    at = [numbers[math.ceil(k * len(numbers) / MOST_BINS) - 1].item() for k in range(1, MOST_BINS)]
    edges = set()
    falls = Counter(at)
    for value, times in falls.items():
        before = int(np.searchsorted(different, value)) - 1
        largest = value == different[-1]
        if before >= 0 and (times > 1 or largest) and different[before] not in falls:  # else that one is the edge below it
            edges.add(_between(different[before].item(), value))
        if not largest:
            edges.add(value)
    return sorted(edges)


def _between(low: float, high: float) -> float:
    """A number from `low` on and below `high`."""
    middle = low / 2 + high / 2
    return middle if low <= middle < high else low
