"""What a service answered over time, in steps: for charts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection, func, literal, select

from rtml_core.client.records import Point, PointOf, Series
from rtml_plugins.hub import reading, times
from rtml_plugins.hub.activity import lately
from rtml_plugins.hub.buckets import COARSE, FINE, LATE, Requests, bucket, step_for, together
from rtml_plugins.hub.errors import HubError
from rtml_plugins.hub.tables import measures
from rtml_plugins.hub.texts import check_text

#: spans that a series may have, in seconds
SHORTEST: Final = 60.0
LONGEST: Final = float(COARSE.keep)
_K = TypeVar("_K", bound=Hashable)


def over(
    connection: Connection,
    now: float,
    name: str,
    span: float,
    *,
    region: str | None = None,
    version: int | None = None,
    by_region: bool = True,
) -> Series:
    """The series of the last `span` seconds. by_region: points have what each region answered, too, which is half the work.

    Raises NotFound; HubError for a span that is too short or too long.

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
    end = bucket(known, step) + (step if known - bucket(known, step) >= 2 * FINE.width else 0)
    begin = end - step * math.ceil(span / step)
    place = (measures.c.at - measures.c.at % step).label("place")
    where = (measures.c.region if by_region else literal("")).label("place_of")
    statement = (  # rows cost more than what is in them, so the database joins those of a step
        select(place, measures.c.version, where, func.aggregate_strings(measures.c.counted, ","))
        .where(
            measures.c.service == service.id,
            measures.c.resolution == kept.width,
            measures.c.at >= begin,
            measures.c.at < end,
        )
        .group_by("place", measures.c.version, "place_of")
    )
    if region is not None:
        statement = statement.where(measures.c.region == region)
    if version is not None:
        statement = statement.where(measures.c.version == version)
    totals: dict[int, list[Requests]] = defaultdict(list)
    versions: dict[int, dict[int, list[Requests]]] = defaultdict(lambda: defaultdict(list))
    regions: dict[int, dict[str, list[Requests]]] = defaultdict(lambda: defaultdict(list))
    decoder = msgspec.json.Decoder(list[Requests])
    for at, number, name_of, texts in connection.execute(statement):
        more = together(decoder.decode(f"[{texts}]"))
        totals[at].append(more)
        versions[at][number].append(more)
        if by_region:
            regions[at][name_of].append(more)
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


def _points(found: Mapping[_K, list[Requests]], seconds: float) -> dict[_K, PointOf]:
    return {key: _point(found[key], seconds) for key in sorted(found)}  # type: ignore[type-var]


def _point(parts: list[Requests], seconds: float) -> PointOf:
    requests = parts[0] if len(parts) == 1 else together(parts)
    total = requests.total
    return PointOf(total, total / seconds, requests.errors, requests.quantile(0.5), requests.quantile(0.99))
