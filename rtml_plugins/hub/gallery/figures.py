"""Charts of what a service answered lately, and of live values held against those of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from markupsafe import Markup

from rtml_core.client.records import ColumnDrift, Drift, PointOf, Series, Traffic
from rtml_core.display.wording import number
from rtml_plugins.hub.gallery import charts, telling
from rtml_plugins.hub.gallery.charts import Bars, Line
from rtml_plugins.hub.gallery.rendering import ms, percent

#: how bad it is, the worst first, with the class of the style sheet and what is said of the service
VERDICTS: Final = {
    "drifted": ("bad", "Live traffic is far from the training data"),
    "moved": ("warn", "Live traffic has moved away from the training data"),
    "too few rows": ("", "Too little live traffic to say whether it looks like the training data"),
    "stable": ("good", "Live traffic looks like the training data"),
    "no baseline": ("", "Nothing to hold live traffic against"),
}
#: columns of which a chart is drawn besides those that are asked for, and missing shares that are drawn
MOST_CHARTS: Final = 6
_MOST_MISSING: Final = 12
#: versions that have a line of their own
_MOST_LINES: Final = 8
_FREE: Final = (6, 8, 5, 4, 3)


def rate(value: float) -> str:
    """Requests a second."""
    return f"{number(value)} /s"


def requests(series: Series, traffic: Traffic) -> list[Markup]:
    """Charts of throughput, latency and errors; one for latencies by version where several answer."""
    there = _versions(series, traffic)
    since, until = _ends(series)

    def by_version(value: Callable[[PointOf | None], float | None]) -> list[Line]:
        return [
            Line(label, [(_seconds(point.at), value(point.versions.get(version))) for point in series.points], style)
            for version, label, style in there
        ]

    def of_all(name: str, value: Callable[[PointOf], float | None], style: int) -> Line:
        points = [(_seconds(point.at), None if point.total is None else value(point.total)) for point in series.points]
        return Line(name, points, style)

    drawn = [
        charts.lines(
            "Requests", by_version(lambda found: 0.0 if found is None else found.rate), show=rate, since=since, until=until
        ),
        charts.lines(
            "Latency",
            [
                of_all("half of the requests, p50", lambda found: found.p50, 1),
                of_all("99 of 100, p99", lambda found: found.p99, 2),
            ],
            show=ms,
            said="At the edge, from the request's arrival to its answer.",
            since=since,
            until=until,
        ),
        charts.lines(
            "Errors",
            by_version(lambda found: None if found is None else found.errors),
            show=percent,
            least=0.01,
            said="Requests that failed, timed out or were turned away; a caller's wrong input is none.",
            since=since,
            until=until,
        ),
    ]
    if len(there) > 1:
        slow = by_version(lambda found: None if found is None else found.p99)
        drawn.insert(
            2, charts.lines("Latency by version", slow, show=ms, said="99 of 100 requests were faster.", since=since, until=until)
        )
    return drawn


def _versions(series: Series, traffic: Traffic) -> list[tuple[int, str, int]]:
    """Number, name and class of each version that answered or should: those in traffic first."""
    roles, styles = telling.roles(traffic), telling.classes(traffic)
    answered = {version for point in series.points for version in point.versions}
    wanted = [version for version in styles if version in answered or roles[version] != "shadow"]
    wanted.sort(key=lambda version: ("champion", "canary", "split", "shadow").index(roles[version]))
    others = sorted(answered - set(wanted), reverse=True)
    free = [style for style in _FREE if style not in styles.values()]
    found = [(version, f"version {version}, {roles[version]}", styles[version]) for version in wanted]
    found += [(version, f"version {version}", free[at % len(free)]) for at, version in enumerate(others)]
    return found[:_MOST_LINES]


def _ends(series: Series) -> tuple[float | None, float | None]:
    if not series.points:
        return None, None
    return _seconds(series.points[0].at), _seconds(series.points[-1].at)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def distribution(column: ColumnDrift, version: int | None = None) -> Markup:
    """A column's live values against those of training. version: named where there are several."""
    title = f"{column.name}{', output' if column.side == 'output' else ''}{'' if version is None else f', version {version}'}"
    bins = len(column.labels)
    if not column.missing and not column.missing_before:
        bins -= 1  # the last one is that of missing values
    now, before = Bars("live", column.now[:bins] if column.rows else ()), Bars("training", column.before[:bins], outlined=True)
    return charts.bars(title, column.labels[:bins], [now, before], said=f"{column.said}.", across=column.kind == "category")


def missing(drift: Drift, several: bool) -> Markup | None:
    """Shares of missing values, of the columns that have some; None when none has. several: the version is named."""
    some = [one for one in drift.columns if one.side == "input" and (one.missing or one.missing_before)]
    if not some:
        return None
    some.sort(key=lambda one: -abs(one.missing - one.missing_before))
    shown = some[:_MOST_MISSING]
    left = (
        f"The {len(shown)} that changed most, of {len(some)} fields that have missing values." if len(some) > len(shown) else ""
    )
    series = [
        Bars("live", [one.missing if one.rows else None for one in shown]),
        Bars("training", [one.missing_before for one in shown], outlined=True),
    ]
    title = f"Missing values{f', version {drift.version}' if several else ''}"
    return charts.bars(title, [one.name for one in shown], series, said=left, across=True)


def worst_first(columns: Iterable[ColumnDrift]) -> list[ColumnDrift]:
    """By verdict, and by index."""
    order = list(VERDICTS)
    return sorted(columns, key=lambda one: (order.index(one.verdict), -(one.psi or 0.0)))


def drawn(drift: Drift, asked: str | None, several: bool) -> list[Markup]:
    """Distributions: of what is asked for, of all outputs, and of the fields that changed most."""
    version = drift.version if several else None
    outputs = [one for one in drift.columns if one.side == "output"][:MOST_CHARTS]
    changed = [one for one in worst_first(drift.columns) if one.side == "input" and one.verdict in ("drifted", "moved")]
    wanted: list[ColumnDrift] = [one for one in drift.columns if one.name == asked]
    wanted += [one for one in (*outputs, *changed[:MOST_CHARTS]) if one not in wanted]
    return [distribution(one, version) for one in wanted]


def told(drifts: Sequence[Drift]) -> tuple[str, str]:
    """The verdict of a service: class of the style sheet and sentence, of the worst of its versions."""
    order = list(VERDICTS)
    worst = min((one.verdict for one in drifts), key=order.index)
    return VERDICTS[worst]
