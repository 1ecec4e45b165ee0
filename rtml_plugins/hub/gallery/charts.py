"""Charts as SVG, made here: they need no script, and every figure in them can be read as text.

    lines("Requests", [Line("version 3", [(1e9, 4.0), (1e9 + 10, None)])], show=rate)
    bars("age", ["under 20", "20 to 40"], [Bars("training", [.4, .6]), Bars("now", [.5, .5])])

Each is a <figure> with its name, the picture, a legend in text and, folded up, a table. What can't be drawn (None, NaN, infinite)
is a gap. Colours come from classes of the style sheet; series differ in dashes and filling, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rtml_plugins.hub.gallery import scales
from rtml_plugins.hub.gallery.chart_frame import HEIGHT, WIDTH, escaped, figure, key_of, legend, style_of, svg, table, text

#: the plot: what is left of it holds the values of the axis, what is below it the times or bins
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, WIDTH - 6, 10, 146
Show = Callable[[float], str]
Points = list[tuple[float, float | None]]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Line:
    """A series. points: (seconds since 1970, value or None). style: of colour and dashes, from 1; 0: by its place."""

    name: str
    points: Sequence[tuple[float, float | None]]
    style: int = 0


@dataclass(frozen=True)
class Bars:
    """A series of a histogram. shares: by bin, 0 to 1. outlined: drawn as an outline, e.g. what was before."""

    name: str
    shares: Sequence[float | None]
    outlined: bool = False


#: lines with their style and what of their points is drawn
Drawn = Sequence[tuple[Line, int, Points]]
#: series with the shares that are drawn, and their style
Counted = tuple[Bars, Sequence[float | None], int]


def lines(
    title: str,
    series: Sequence[Line],
    *,
    show: Show = scales.short,
    zero: bool = True,
    least: float = 0.0,
    since: float | None = None,
    until: float | None = None,
    said: str = "",
    empty: str = "Nothing was measured in this time.",
) -> Markup:
    """Values over time. show: a value as text, with its unit. zero: the axis begins at 0. least: what it goes up to
    at least, so that a flat line of zeros is no drama. since, until: ends of the time axis, by
    default those of the points. said: what is to be seen, in a sentence. empty: what stands there when there is nothing."""
    drawn = [(line, line.style or place, _sorted(line.points)) for place, line in enumerate(series, start=1)]
    every = [point for _, _, points in drawn for point in points]
    values = [value for _, value in every if value is not None]
    if not values:
        return figure(title, Markup('<p class="soft small nothing">{}</p>').format(text(empty)), said)
    times = [at for at, _ in every]
    across = scales.of_times(min(times) if since is None else since, max(times) if until is None else until)
    up = scales.of_values([*values, least] if least else values, zero=zero)
    parts = [_grid(up, show), _times(across)]
    for _, style, points in drawn:
        parts.append(_path(points, style, across, up))
    parts.append(_columns(drawn, across, show))
    key = key_of("lines", title, *(line.name for line in series))
    picture = svg(key, title, said or _summary(drawn, show), parts)
    told = legend([(line.name, style, "line", _last(points, show)) for line, style, points in drawn])
    rows = {at: index for index, at in enumerate(sorted(set(times)))}
    cells: list[list[str]] = [["-"] * len(drawn) for _ in rows]
    for column, (_, _, points) in enumerate(drawn):
        for at, value in points:
            cells[rows[at]][column] = "-" if value is None else show(value)
    heads = ["Time (UTC)", *(line.name for line, _, _ in drawn)]
    figures = table(key, title, heads, [(scales.moment(at), cells[index]) for at, index in rows.items()])
    return figure(title, picture + told + figures, said)


def bars(title: str, labels: Sequence[str], series: Sequence[Bars], *, said: str = "", across: bool = False) -> Markup:
    """A histogram: shares of bins, of one or two series in the same place, outlined ones around filled ones.

    across: a line for each bin, its label beside it: for categories.
    """
    shares = [[_share(one.shares, at) for at in range(len(labels))] for one in series]
    if not any(share is not None for part in shares for share in part):
        return figure(title, Markup('<p class="soft small nothing">No values were counted.</p>'), said)
    key = key_of("bars", title, *(one.name for one in series))
    # what is outlined is wider, and goes first: what is filled lies in it
    order = sorted(range(len(series)), key=lambda at: not series[at].outlined)
    draw = _lying if across else _standing
    parts, height = draw(labels, [(series[at], shares[at], at + 1) for at in order])
    picture = svg(key, title, said or f"Shares of {len(labels)} bins: the table below has them.", parts, height)
    told = legend([(one.name, at, "outline" if one.outlined else "box", "") for at, one in enumerate(series, start=1)])
    rows = [(label, [_percent(part[at]) for part in shares]) for at, label in enumerate(labels)]
    figures = table(key, title, ["Values", *(one.name for one in series)], rows)
    return figure(title, picture + told + figures, said)


def shares(title: str, parts: Sequence[tuple[str, float, int]]) -> Markup:
    """One bar divided: (name, share of 0 to 1, style). The legend has the shares in text."""
    there = [(name, min(1.0, max(0.0, share)), style) for name, share, style in parts if scales.usable(share) and share > 0]
    total = sum(share for _, share, _ in there) or 1.0
    left, drawn = 0.0, []
    for name, share, style in there:
        right = min(float(WIDTH), left + share / total * WIDTH)
        width = max(0.0, right - left - (1.5 if right < WIDTH - 1 else 0.0))
        box = Markup('<rect x="{:.2f}" y="0" width="{:.2f}" height="26" class="f{}"><title>{}: {}</title></rect>')
        drawn.append(box.format(left, width, style_of(style), text(name), _percent(share)))
        left = right
    key = key_of("shares", title, *(name for name, _, _ in there))
    picture = svg(key, title, "; ".join(f"{name}: {_percent(share)}" for name, share, _ in there), drawn, 26, wide=True)
    return figure(title, picture + legend([(name, style, "box", _percent(share)) for name, share, style in there]), "", "shares")


def sparkline(values: Sequence[float | None], *, name: str, show: Show = scales.short, style: int = 1) -> Markup:
    """A small line without axes, e.g. in a card or a row of a table. name: what it is of; a screen reader hears it with the last
    value."""
    points = [(float(at), value if scales.usable(value) else None) for at, value in enumerate(values)]
    there = [value for _, value in points if value is not None]
    said = f"{name}: {show(there[-1])}" if there else f"{name}: no values"
    body = Markup("")
    if there:
        across = scales.Scale(0.0, float(max(1, len(points) - 1)), ())
        body = _path(points, style, across, scales.of_values(there), (2, 98, 3, 21))
    return Markup('<svg class="sparkline" viewBox="0 0 100 24" role="img" aria-label="{}">{}</svg>').format(text(said), body)


# ---- parts of pictures ------------------------------------------------------------------------------------------------------


def _sorted(points: Iterable[tuple[float, float | None]]) -> Points:
    """What can be drawn, in order of time; what has no date is left out, what has no value is a gap."""
    there = [(at, value if scales.usable(value) else None) for at, value in points if scales.is_time(at)]
    return sorted(there, key=lambda point: point[0])


def _y(part: float) -> float:
    return _BOTTOM - part * (_BOTTOM - _TOP)


def _x(part: float) -> float:
    return _LEFT + part * (_RIGHT - _LEFT)


def _grid(up: scales.Scale, show: Show) -> Markup:
    """Lines across, with the values that they are at beside them."""
    drawn = Markup("")
    for place, tick in enumerate(up.ticks):
        y = _y(up.at(tick))
        drawn += Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(_LEFT, _RIGHT, y, y)
        kind = "tick minor" if place % 2 and len(up.ticks) > 3 else "tick"
        drawn += Markup('<text class="{}" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
            kind, _LEFT - 6, y + 3.5, text(show(tick))
        )
    return drawn


def _times(across: scales.Scale) -> Markup:
    """Times below, in UTC; every other one goes where there is little room."""
    drawn = Markup("")
    for place, tick in enumerate(across.ticks):
        part = across.at(tick)
        anchor = "end" if part > 0.94 else "middle"
        label = Markup('<text class="tick{}" x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
        words = scales.clock(tick, across.high - across.low)
        drawn += label.format(" minor" if place % 2 else "", _x(part), HEIGHT - 6, anchor, words)
    return drawn


def _path(points: Points, style: int, across: scales.Scale, up: scales.Scale, box: Box | None = None) -> Markup:
    """A line that is broken where values are missing; a value between two gaps is a dot."""
    left, right, top, bottom = box or (_LEFT, _RIGHT, _TOP, _BOTTOM)
    runs: list[list[str]] = [[]]
    for at, value in points:
        if value is None:
            runs.append([])
        else:
            x, y = left + across.at(at) * (right - left), bottom - up.at(value) * (bottom - top)
            runs[-1].append(f"{x:.1f},{y:.1f}")
    drawn = Markup("")
    for run in runs:
        if len(run) == 1:
            drawn += Markup('<circle class="f{}" cx="{}" cy="{}" r="2.2"/>').format(style_of(style), *run[0].split(","))
        elif run:
            drawn += Markup('<polyline class="line l{}" points="{}"/>').format(style_of(style), " ".join(run))
    return drawn


def _columns(drawn: Drawn, across: scales.Scale, show: Show) -> Markup:
    """What a pointer that rests on a time is told."""
    found: dict[float, list[str]] = {}
    for line, _, points in drawn:
        for at, value in points:
            if value is not None:
                found.setdefault(at, []).append(f"{line.name}: {show(value)}")
    times = sorted(found)
    words = escaped([f"{scales.moment(at)} UTC\n" + "\n".join(found[at]) for at in times])
    boxes = []
    for place, at in enumerate(times):
        x = _x(across.at(at))
        left = (x + _x(across.at(times[place - 1]))) / 2 if place else x - 5
        right = (x + _x(across.at(times[place + 1]))) / 2 if place + 1 < len(times) else x + 5
        left, right = max(0.0, left), min(float(WIDTH), right)
        box = f'<rect class="hit" x="{left:.1f}" y="{_TOP}" width="{max(0.0, right - left):.1f}" height="{_BOTTOM - _TOP}">'
        boxes.append(Markup(f"{box}<title>{words[place]}</title></rect>"))
    return Markup("").join(boxes)


def _standing(labels: Sequence[str], series: Sequence[Counted]) -> tuple[list[Markup], int]:
    """Bins side by side, with as many labels below as there is room for."""
    up = scales.of_values([share for _, shares, _ in series for share in shares if share is not None])
    room = (_RIGHT - _LEFT) / len(labels)
    parts = [_grid(up, _percent)]
    for one, shares, style in series:
        inset = room * (0.06 if one.outlined else 0.2)
        kind = f"outline o{style_of(style)}" if one.outlined else f"f{style_of(style)}"
        for at, share in enumerate(shares):
            if share is not None:
                y, width = _y(up.at(share)), room - 2 * inset
                box = Markup('<rect class="{}" x="{:.2f}" y="{:.1f}" width="{:.2f}" height="{:.1f}"><title>{}</title></rect>')
                words = text(f"{labels[at]}: {one.name} {_percent(share)}")
                parts.append(box.format(kind, _LEFT + at * room + inset, y, width, _BOTTOM - y, words))
    every = max(1, math.ceil(max(len(label) for label in labels) * 7.5 / room))
    for at in range(0, len(labels), every):
        label = Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
        parts.append(label.format(_LEFT + (at + 0.5) * room, HEIGHT - 6, _cut(labels[at], max(6, int(every * room / 7)))))
    return parts, HEIGHT


def _lying(labels: Sequence[str], series: Sequence[Counted]) -> tuple[list[Markup], int]:
    """Bins one below the other, each with its label."""
    up = scales.of_values([share for _, shares, _ in series for share in shares if share is not None])
    line, start, end = 22, 130, WIDTH - 52
    parts = []
    for at, label in enumerate(labels):
        beside = Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>')
        parts.append(beside.format(start - 8, at * line + 15, _cut(label, 16)))
    for one, shares, style in series:
        inset = 2 if one.outlined else 6
        kind = f"outline o{style_of(style)}" if one.outlined else f"f{style_of(style)}"
        for at, share in enumerate(shares):
            if share is not None:
                box = Markup('<rect class="{}" x="{}" y="{}" width="{:.2f}" height="{}"><title>{}</title></rect>')
                words = text(f"{labels[at]}: {one.name} {_percent(share)}")
                width = up.at(share) * (end - start)
                parts.append(box.format(kind, start, at * line + inset, width, line - 2 * inset, words))
            if not one.outlined:
                told = Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>')
                parts.append(told.format(WIDTH - 2, at * line + 15, _percent(share)))
    return parts, line * len(labels)


def _summary(drawn: Drawn, show: Show) -> str:
    told = []
    for line, _, points in drawn:
        values = [value for _, value in points if value is not None]
        if values:
            span = f"from {show(min(values))} to {show(max(values))}, last {_last(points, show)}"
            told.append(f"{line.name}: {span}")
    return "; ".join(told)


def _last(points: Points, show: Show) -> str:
    return next((show(value) for _, value in reversed(points) if value is not None), "")


def _share(values: Sequence[float | None], at: int) -> float | None:
    value = values[at] if at < len(values) else None
    return None if value is None or not math.isfinite(value) else min(1.0, max(0.0, value))


def _percent(value: float | None) -> str:
    if value is None:
        return "-"
    return "< 0.1 %" if 0 < value < 0.001 else f"{100 * value:.3g} %"


def _cut(label: str, most: int) -> str:
    return text(label if len(label) <= most else label[: most - 1] + "…")
