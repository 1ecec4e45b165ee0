"""What a service answered over time, in steps: for charts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection, select

from rtml_core.client.records import Point, PointOf, Series
from rtml_plugins.hub import reading, times
from rtml_plugins.hub.activity import lately
from rtml_plugins.hub.buckets import COARSE, FINE, LATE, Requests, bucket, step_for
from rtml_plugins.hub.errors import HubError
from rtml_plugins.hub.tables import measures
from rtml_plugins.hub.texts import check_text

#: spans that a series may have, in seconds
SHORTEST: Final = 60.0
LONGEST: Final = float(COARSE.keep)
_K = TypeVar("_K", bound=Hashable)


def over(
    connection: Connection, now: float, name: str, span: float, *, region: str | None = None, version: int | None = None
) -> Series:
    """The series of the last `span` seconds. Raises NotFound; HubError for a span that is too short or too long.

    The last step is the newest of which everything has arrived; where steps are long, the one that is under way, with the rate
    of the part that is over.
    """
    check_span(span, LONGEST)
    check_text(region, "a region")
    service = reading.living(connection, name)
    if version is not None:
        reading.version(connection, name, version)
    kept, step = step_for(span)
    known = now - LATE  # what was before has arrived
    begin = bucket(known - span, step) + step
    end = bucket(known, step) + (step if known - bucket(known, step) >= 2 * FINE.width else 0)
    statement = select(measures.c.at, measures.c.version, measures.c.region, measures.c.counted).where(
        measures.c.service == service.id,
        measures.c.resolution == kept.width,
        measures.c.at >= begin,
        measures.c.at < end,
    )
    if region is not None:
        statement = statement.where(measures.c.region == region)
    if version is not None:
        statement = statement.where(measures.c.version == version)
    totals: dict[int, Requests] = defaultdict(Requests)
    versions: dict[int, dict[int, Requests]] = defaultdict(lambda: defaultdict(Requests))
    regions: dict[int, dict[str, Requests]] = defaultdict(lambda: defaultdict(Requests))
    decoder = msgspec.json.Decoder(Requests)
    for at, number, where, counted in connection.execute(statement):
        more = decoder.decode(counted)
        place = bucket(at, step)
        for sums in (totals[place], versions[place][number], regions[place][where]):
            sums.add(more.outcomes, more.latency, more.seconds)
    points = []
    for at in range(begin, end, step):
        seconds = min(float(step), known - at)
        total = _point(totals[at], seconds) if at in totals else None
        points.append(Point(times.text(at), total, _points(versions.get(at, {}), seconds), _points(regions.get(at, {}), seconds)))
    return Series(name, float(step), tuple(points), lately(connection, now, [name])[name])


def check_span(span: float, longest: float) -> None:
    """HubError unless it is one that can be asked for."""
    if not SHORTEST <= span <= longest:
        raise HubError(f"the span is {span:g} s: expected {SHORTEST:g} to {longest:,.0f} ({longest / 86_400:g} days)")


def _points(found: Mapping[_K, Requests], seconds: float) -> dict[_K, PointOf]:
    return {key: _point(found[key], seconds) for key in sorted(found)}  # type: ignore[type-var]


def _point(requests: Requests, seconds: float) -> PointOf:
    total = requests.total
    return PointOf(total, total / seconds, requests.errors, requests.quantile(0.5), requests.quantile(0.99))
