"""What an edge answered, for people: each output with its place among those of the training, and the features on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from markupsafe import Markup

from rtml_core.baseline import Binning, ColumnBaseline
from rtml_core.display.wording import number
from rtml_core.display.wording import value as shown
from rtml_core.package import Manifest, OutputEntry
from rtml_core.timestamps import to_micros
from rtml_plugins.hub.gallery import forms
from rtml_plugins.hub.gallery.answered import LeftOut, Step
from rtml_plugins.hub.gallery.rendering import percent

#: size of the picture of a distribution
_WIDTH: Final = 220
_HEIGHT: Final = 44
_FOOT: Final = 40


@dataclass(frozen=True, slots=True)
class Predicted:
    """An output. text: its value; exact: all digits, where text is shorter; place: where it lies among those of the training, in
    a sentence; picture: their distribution with a mark at the value."""

    name: str
    text: str
    exact: str
    place: str
    picture: Markup | None


@dataclass(frozen=True, slots=True)
class OnTheWay:
    """What a node gave for the row: columns and values as texts. why: of columns that are not told."""

    node: str
    operator: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Told:
    """An answer. note: why there are no features on the way, and what would give them; picture: the graph with them.
    with_features: whether telling them took some of the seconds."""

    version: int
    region: str
    edge: str
    url: str
    seconds: float
    request_id: str
    predictions: tuple[Predicted, ...]
    steps: tuple[OnTheWay, ...] = ()
    left_out: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    picture: Markup | None = None
    explained: bool = False
    with_features: bool = False

    @property
    def summary(self) -> str:
        """What is said aloud when it is there."""
        outputs = ", ".join(f"{one.name} {one.text}" for one in self.predictions[:5])
        return f"Version {self.version} answered: {outputs}"


def predicted(manifest: Manifest, prediction: Mapping[str, Any]) -> tuple[Predicted, ...]:
    """The outputs of a row, in the order of the package."""
    known = {} if manifest.baseline is None else {column.name: column for column in manifest.baseline.outputs}
    return tuple(
        _predicted(entry, prediction.get(entry.name), known.get(entry.name))
        for entry in manifest.outputs
        if entry.name in prediction
    )


def _predicted(entry: OutputEntry, value: Any, column: ColumnBaseline | None) -> Predicted:
    exact = "missing" if value is None else forms.text_of(value) if not isinstance(value, str) else shown(value)
    text = _short(value) if isinstance(value, float) else exact
    place, picture = "", None
    if column is not None and column.rows and value is not None:
        place = _place(entry, column, value)
        picture = _picture(entry.name, column, value)
    elif value is None and column is not None and column.rows:
        place = f"{percent(column.missing / column.rows)} of the training rows had none, too."
    return Predicted(entry.name, text, exact if exact != text else "", place, picture)


def _short(value: float) -> str:
    if abs(value) >= 1e15 or not math.isfinite(value):
        return f"{value:.6g}"
    return number(value) if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def _number(entry: OutputEntry, value: Any) -> float | None:
    """The value as its column was counted: times in seconds, and spans of time in microseconds, as they are answered. None for
    one that is none of its column."""
    if entry.dtype == "timestamp":
        try:
            return to_micros(value) / 1e6
        except ValueError:
            return None
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _place(entry: OutputEntry, column: ColumnBaseline, value: Any) -> str:
    total = sum(column.counts)
    if not total:
        return "No training row had one."
    if column.kind == "category":
        at = Binning(column).bin_of(value)
        if at == len(column.counts) - 1:
            return "A rare answer in training." if column.counts[at] else "No training row got this."
        return f"{percent(column.counts[at] / total)} of the training rows got the same."
    figure = _number(entry, value)
    if figure is None:
        return ""
    if len(column.quantiles) == 7:
        if figure < column.quantiles[0]:
            return "Lower than for any training row."
        if figure > column.quantiles[-1]:
            return "Higher than for any training row."
        if column.quantiles[0] == column.quantiles[-1]:
            return "The same as for all training rows."
    return f"Higher than for about {share_below(column, figure):.0%} of the training rows.".replace("%", " %")


def share_below(column: ColumnBaseline, figure: float) -> float:
    """About which share of the counted numbers lies below a figure: bins are taken as evenly filled between their edges."""
    total = sum(column.counts)
    ends = _ends(column)
    below = 0.0
    for count, low, high in zip(column.counts, ends, ends[1:], strict=False):
        if figure >= high:
            below += count
        elif figure > low:
            below += count * (figure - low) / (high - low)
    return min(max(below / total, 0.0), 1.0)


def _ends(column: ColumnBaseline) -> list[float]:
    """The edges of the bins with those of the outer ones, which have none: the smallest and the largest value."""
    edges = list(column.edges)
    least, most = (column.quantiles[0], column.quantiles[-1]) if len(column.quantiles) == 7 else (0.0, 0.0)
    low = min([least, *edges[:1]])
    high = max([most, *edges[-1:]])
    return [low, *edges, high]


def _picture(name: str, column: ColumnBaseline, value: Any) -> Markup | None:
    """The distribution in the training as bars, as high as they are dense, with a mark at the value. None for texts."""
    ends = _ends(column)
    figure = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if column.kind == "category" or figure is None or not math.isfinite(figure) or ends[0] >= ends[-1]:
        return None
    low, high = min(ends[0], figure), max(ends[-1], figure)
    if not math.isfinite(high - low):
        return None

    def x(at: float) -> float:
        return 1 + (_WIDTH - 2) * ((at - low) / (high - low))

    widths = [(b - a) / (high - low) for a, b in pairwise(ends)]
    dense = [count / max(wide, 1 / 200) for count, wide in zip(column.counts, widths, strict=False)]
    top = max(dense) or 1.0
    bars = Markup("").join(
        Markup('<rect class="bin" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            x(start), _FOOT - 34 * tall / top, max((_WIDTH - 2) * wide - 0.8, 1.2), 34 * tall / top
        )
        for start, wide, tall in zip(ends, widths, dense, strict=False)
        if tall
    )
    label = f"{name} among the training rows: from {number(ends[0])} to {number(ends[-1])}, here {number(figure)}"
    return Markup(
        '<svg class="among" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">{}'
        '<line class="axis" x1="0" y1="{}" x2="{}" y2="{}"/><path class="here" d="M{:.1f} 2V{}"/></svg>'
    ).format(label, _WIDTH, _HEIGHT, _WIDTH, _HEIGHT, bars, _FOOT, _WIDTH, _FOOT, x(figure), _HEIGHT)


def steps(nodes: Sequence[Step]) -> tuple[OnTheWay, ...]:
    """The nodes of ?explain=columns for one row, in order, those that give something."""
    return tuple(
        OnTheWay(one.node, one.operator, tuple((name, shown(value)) for name, value in one.columns.items()))
        for one in nodes
        if one.columns
    )


def left_out(entries: Sequence[LeftOut]) -> tuple[tuple[str, str, str], ...]:
    """Columns that are not told: (node, columns, why)."""
    return tuple((one.node, ", ".join(one.columns), one.why) for one in entries)
