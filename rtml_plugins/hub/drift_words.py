"""What drift is in words: names of bins, and a sentence for each verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from rtml_core.baseline import ColumnBaseline
from rtml_core.client.records import ColumnDrift, Verdict
from rtml_core.errors import describe

#: moments that a date can be made of: years 1 to 9999
_DATES: Final = (-62_135_596_800.0, 253_402_300_799.0)
#: between the bounds of a bin
_TO: Final = "\N{EN DASH}"
#: what became less is told only where nothing became about as much more, which says where it went
_LESS: Final = 0.8
OTHER: Final = "other"
MISSING: Final = "missing"


def labels(column: ColumnBaseline) -> tuple[str, ...] | None:
    """Names of its bins and, last, of missing values; None when its bins do not fit together."""
    if any(count < 0 for count in (*column.counts, column.missing)):
        return None
    if column.kind == "category":
        if len(column.counts) != len(column.values) + 1:
            return None
        return (*(value or "(empty)" for value in column.values), OTHER, MISSING)
    edges = column.edges
    if len(column.counts) != len(edges) + 1 or any(low >= high for low, high in pairwise(edges)):
        return None
    if not edges:
        return ("any", MISSING)
    texts = _texts(column)
    first = f"{'<' if len(edges) > 1 and _just_below(column, 1) else '≤'} {texts[0]}"
    return (first, *(_between(column, texts, at) for at in range(1, len(edges))), f"> {texts[-1]}", MISSING)


def _between(column: ColumnBaseline, texts: Sequence[str], at: int) -> str:
    """The name of a bin that has a lower and an upper edge."""
    if _just_below(column, at):
        return texts[at]
    if _in_whole(column):
        low = _number(math.floor(column.edges[at - 1]) + 1)
        return low if low == texts[at] else f"{low} {_TO} {texts[at]}"
    return f"{texts[at - 1]} {_TO} {texts[at]}"


def _in_whole(column: ColumnBaseline) -> bool:
    return column.whole and column.kind == "number"


def _just_below(column: ColumnBaseline, at: int) -> bool:
    """Whether nothing lies between the edge before and this one: the bin is of one value, as where a value is very frequent."""
    return not _in_whole(column) and column.edges[at - 1] == math.nextafter(column.edges[at], -math.inf)


def _texts(column: ColumnBaseline) -> list[str]:
    """The edges of its bins, in no more digits or parts of a day than tell them apart; one just below the next is called as that,
    as nobody wants to read 0.9999999999999999."""
    edges = [
        column.edges[at + 1] if at + 1 < len(column.edges) and _just_below(column, at + 1) else edge
        for at, edge in enumerate(column.edges)
    ]
    apart = len(set(edges))
    if column.kind == "time" and _DATES[0] <= edges[0] and edges[-1] <= _DATES[1]:
        for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
            found = [datetime.fromtimestamp(edge, UTC).strftime(form) for edge in edges]
            if len(set(found)) == apart:
                break
        return found
    if _in_whole(column):
        return [_number(math.floor(edge)) for edge in edges]
    for digits in range(4, 18):
        found = [_number(edge, digits) for edge in edges]
        if len(set(found)) == apart:
            break
    return found


def _number(value: float, digits: int = 17) -> str:
    """A number in so many digits, without an exponent where it needs none."""
    if value == 0 or not 1e-5 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:.15g}" if abs(rounded) < 10_000 else f"{rounded:,.{max(0, digits - 5)}f}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(share: float) -> str:
    """A share for people: "31 %", "0.4 %", "0 %"."""
    of_hundred = 100 * share
    if of_hundred == 0:
        return "0 %"
    if of_hundred < 0.1:
        return "less than 0.1 %"
    return f"{of_hundred:.1f} %" if of_hundred < 1 or 99 < of_hundred < 100 else f"{of_hundred:.0f} %"


def _pair(now: float, before: float) -> tuple[str, str]:
    """Two shares, told apart."""
    texts = percent(now), percent(before)
    return texts if texts[0] != texts[1] else (f"{100 * now:.1f} %", f"{100 * before:.1f} %")


def changed(column: ColumnBaseline, verdict: Verdict, before: Sequence[float], now: Sequence[float]) -> str:
    """The sentence for a column that is not as it was: where the most of it is."""
    name = describe(column.name)
    more = [b - a for a, b in zip(before, now, strict=True)]
    at = max(range(len(more)), key=lambda place: max(more[place], -_LESS * more[place]))
    live, training = _pair(now[at], before[at])
    if at == len(now) - 1:
        return f"{name} is missing in {live} of the rows, in training in {training}"
    far = "has moved far" if verdict == "drifted" else "has moved"
    return f"{name} {far}: {live} of the rows {_where(column, at)}, in training {training}"


def _where(column: ColumnBaseline, at: int) -> str:
    """What is said of values in a bin: "lie above 512"."""
    if column.kind == "category":
        if at < len(column.values):
            return f"have {describe(column.values[at])}"
        return "have a value that is not among those of training" if not column.counts[at] else "have one of the rarer values"
    if not column.edges:
        return "have a value"
    texts = _texts(column)
    if at == 0:
        low, equal = ("before", "at or before") if column.kind == "time" else ("below", "at or below")
        return f"lie {low if len(texts) > 1 and _just_below(column, 1) else equal} {texts[0]}"
    if at == len(texts):
        return f"lie {'after' if column.kind == 'time' else 'above'} {texts[-1]}"
    low, _, high = _between(column, texts, at).partition(f" {_TO} ")
    return f"lie between {low} and {high}" if high else f"have {low}"


def stable(name: str) -> str:
    """The sentence for a column that is as it was."""
    return f"{describe(name)} looks as it did in training"


def too_few(name: str, rows: int, before: int, needed: int | None) -> str:
    """The sentence for a column of which nothing can be said yet. needed: live rows; None when none are enough."""
    if needed is None:
        return (
            f"{describe(name)} can't be judged: training had {_rows(before)}, too few to tell a small change from chance;"
            f" compile with a larger sample"
        )
    if rows >= needed:
        needed = rows + 1
    return f"{describe(name)} has {_rows(rows)} so far; {needed:,} are needed to tell a change from chance"


def _rows(number: int) -> str:
    return "no rows" if not number else f"{number:,} row{'s' if number != 1 else ''}"


def not_comparable(name: str) -> str:
    """The sentence for a column whose baseline can't be read."""
    return f"{describe(name)} has no baseline that can be read; compile the package again with this rtml"


def without_baseline(number: int) -> str:
    """The sentence for a version that was made without a sample."""
    return (
        f"Version {number} was made without a sample, so there is nothing to hold live values against: compile it with"
        f" graph.compile(sample=...) and publish it again"
    )


def of_service(verdict: Verdict, columns: Sequence[ColumnDrift], rows: int, number: int) -> str:
    """The sentence for a version as a whole."""
    if verdict == "no baseline":
        return without_baseline(number)
    if verdict == "too few rows":
        return f"{_rows(rows)[:1].upper()}{_rows(rows)[1:]} so far: too few to tell a change from chance"
    ill = [one for one in columns if one.verdict in ("drifted", "moved")]
    judged = sum(one.verdict not in ("too few rows", "no baseline") for one in columns)
    left = len(columns) - judged
    rest = f"; of {left} more nothing can be said yet" if left else ""
    if not ill:
        return (
            f"All {judged} columns that could be judged look as in training{rest}" if left else "All columns look as in training"
        )
    worst = max(ill, key=lambda one: (one.verdict == "drifted", one.psi or 0.0))
    return f"{len(ill)} of {judged} columns changed, {describe(worst.name)} the most{rest}"
