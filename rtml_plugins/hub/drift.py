"""Whether live values are still like those that a model was made with: the population stability index, with a verdict.

docs/explanation/drift says it in plain words. The index of two samples in the same bins is sum((now - before) * ln(now / before))
over shares by bin, missing values being a bin of their own: the divergence of H. Jeffreys (1946), under this name in credit
scoring, with its usual bounds of 0.1 and 0.25 (E. M. Lewis, An Introduction to Credit Scoring, 1994).

Without any change it is not 0 but chance: (1/n + 1/m) times a chi-square of bins - 1 degrees of freedom, for samples of n and m
rows (B. Yurdakul, Statistical Properties of Population Stability Index, 2018). So a verdict needs so many rows that chance alone
stays below 0.1 in 99 cases of 100, or an index so large that it can't be chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, func, select

from rtml_core.baseline import BaselineEntry, ColumnBaseline
from rtml_core.client.records import ColumnDrift, Drift, Verdict
from rtml_plugins.hub import drift_words, reading, times
from rtml_plugins.hub.baselines import Baselines
from rtml_plugins.hub.buckets import VALUES, Values, bucket, kept_for
from rtml_plugins.hub.series import check_span
from rtml_plugins.hub.tables import measured_values
from rtml_plugins.hub.texts import check_text

MOVED: Final = 0.1
DRIFTED: Final = 0.25
#: live rows below which nothing is said, whatever the index: a few rows are often one and the same
FEWEST: Final = 100
LONGEST: Final = float(VALUES[-1].keep)
#: buckets in time that are added up at once: more of them are more memory, fewer more work
_TOGETHER: Final = 12
#: standard normal quantile at 99 %
_Z: Final = 2.3263478740408408
#: the worst first
_VERDICTS: Final[tuple[Verdict, ...]] = ("drifted", "moved", "stable", "too few rows", "no baseline")
_Side = Literal["input", "output"]


class Compared(NamedTuple):
    """Two samples held against each other. psi: the index. chance: what it stays below in 99 cases of 100 when nothing changed.
    expected: what it is on average then. needed: live rows for chance to stay below MOVED; None when no number of them is enough,
    as the sample before is too small."""

    psi: float
    chance: float
    expected: float
    needed: int | None


def psi(before: Sequence[int], now: Sequence[int]) -> float:
    """The index of two samples, counted in the same bins; 0 of equal shares, and when one of them is empty.

    Half a row of the smaller sample is added to each bin of both, as shares, so that an empty bin is no infinite change.
    """
    n, m = sum(now), sum(before)
    if not n or not m:
        return 0.0
    places = [at for at in range(len(now)) if now[at] or before[at]]
    more = 0.5 / min(n, m)
    whole = 1.0 + more * len(places)
    found = 0.0
    for at in places:
        a, b = (now[at] / n + more) / whole, (before[at] / m + more) / whole
        found += (a - b) * math.log(a / b)
    return max(0.0, found)


def compared(before: Sequence[int], now: Sequence[int]) -> Compared:
    """Two samples of at least a row each, in the same bins. Bins that both have nothing in count for nothing."""
    n, m = sum(now), sum(before)
    degrees = max(1, sum(1 for a, b in zip(before, now, strict=True) if a or b) - 1)
    most = _chi_square(degrees)
    spread = 1 / n + 1 / m
    left = MOVED / most - 1 / m
    needed = max(FEWEST, math.ceil(1 / left)) if left > 0 else None
    return Compared(psi(before, now), most * spread, degrees * spread, needed)


def _chi_square(degrees: int) -> float:
    """The 99 % quantile of chi-square, to 1 % (E. B. Wilson and M. M. Hilferty, The Distribution of Chi-Square, 1931)."""
    part = 2 / (9 * degrees)
    return degrees * float((1 - part + _Z * math.sqrt(part)) ** 3)


def verdict_of(found: Compared, rows: int) -> Verdict:
    """What an index says of so many live rows."""
    if rows < FEWEST:
        return "too few rows"
    if found.chance > MOVED:  # only what is no chance is said
        surely = found.psi > found.chance
        beyond = found.psi - found.expected
        return "drifted" if surely and beyond > DRIFTED else "moved" if surely and beyond > MOVED else "too few rows"
    return "drifted" if found.psi > DRIFTED else "moved" if found.psi > MOVED else "stable"


def against(
    connection: Connection, baselines: Baselines, now: float, name: str, number: int, span: float, *, region: str | None = None
) -> Drift:
    """The values of a version in the last `span` seconds against its baseline. Raises NotFound, HubError for the span."""
    check_span(span, LONGEST)
    check_text(region, "a region")
    version = reading.version(connection, name, number)
    kept = kept_for(span, VALUES)
    oldest = bucket(now - span, kept.width)
    since = times.text(oldest)
    baseline = baselines.of(connection, [version.package]).get(version.package)
    if baseline is None:
        return Drift(name, number, 0, since, (), "no baseline", drift_words.without_baseline(number))
    table = measured_values
    statement = (  # rows cost more than what is in them, so the database joins those of some buckets
        select(func.aggregate_strings(table.c.counted, ","))
        .where(table.c.service == reading.living(connection, name).id, table.c.version == number)
        .where(table.c.resolution == kept.width, table.c.at >= oldest)
    )
    if region is not None:
        statement = statement.where(table.c.region == region)
    part = table.c.at - table.c.at % (_TOGETHER * kept.width)
    total = _total(connection.execute(statement.group_by(part)).scalars(), baseline)
    sides: list[tuple[_Side, ColumnBaseline]] = [("input", one) for one in baseline.inputs]
    sides += [("output", one) for one in baseline.outputs]
    columns = []
    begin = 0
    for side, one in sides:
        end = begin + len(one.counts) + 1
        columns.append(_column(side, one, total.counts[begin:end]))
        begin = end
    verdict: Verdict = min((one.verdict for one in columns), key=_VERDICTS.index, default="no baseline")
    said = drift_words.of_service(verdict, columns, total.rows, number)
    return Drift(name, number, total.rows, since, tuple(columns), verdict, said)


def _total(texts: Any, baseline: BaselineEntry) -> Values:
    decoder = msgspec.json.Decoder(list[Values])
    rows, counts = 0, [0] * sum(len(one.counts) + 1 for one in (*baseline.inputs, *baseline.outputs))
    for text in texts:
        every = decoder.decode(f"[{text}]")
        rows += sum(one.rows for one in every)
        counts = list(map(sum, zip(counts, *(one.counts for one in every), strict=False)))
    return Values(rows, counts)


def _column(side: _Side, column: ColumnBaseline, counted: list[int]) -> ColumnDrift:
    before = [*column.counts, column.missing]
    now = [*counted[1:], counted[0]]
    rows, m = sum(now), sum(before)
    labels = drift_words.labels(column)
    if labels is None or m == 0:  # made by something else than this compiler
        said = drift_words.not_comparable(column.name)
        return ColumnDrift(column.name, side, column.kind, rows, 0.0, 0.0, None, "no baseline", said, (), (), ())
    shares_before = tuple(one / m for one in before)
    shares = tuple(one / rows for one in now) if rows else (0.0,) * len(now)
    found = compared(before, now) if rows else None
    verdict: Verdict = "too few rows" if found is None else verdict_of(found, rows)
    if verdict in ("moved", "drifted"):
        said = drift_words.changed(column, verdict, shares_before, shares)
    elif verdict == "stable":
        said = drift_words.stable(column.name)
    else:
        said = drift_words.too_few(column.name, rows, m, found.needed if found is not None else compared(before, before).needed)
    return ColumnDrift(
        name=column.name,
        side=side,
        kind=column.kind,
        rows=rows,
        missing=shares[-1],
        missing_before=shares_before[-1],
        psi=None if found is None else found.psi,
        verdict=verdict,
        said=said,
        labels=labels,
        before=shares_before,
        now=shares,
    )
