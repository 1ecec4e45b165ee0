"""What a place is, and polygons made ready: plain Python, shared by formulas, numpy bodies and parameters.

A place is a latitude from -90 to 90 and a longitude from -180 to 360, in degrees, as both ways to count longitudes are in use.
Anything else (a missing number, an infinite one, 91 degrees north) is no place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

#: IUGG mean radius R1 of the Earth, in kilometres
EARTH_RADIUS_KM: Final = 6371.0088
#: letters of a geohash, by the number of five bits: digits and letters without a, i, l, o
LETTERS: Final = "0123456789bcdefghjkmnpqrstuvwxyz"

Point = tuple[float, float]


class Edge(NamedTuple):
    """An edge: the latitudes that it spans, its longitude at the lower one, and how far it moves with a degree of latitude."""

    low: float
    high: float
    start: float
    slope: float


class Ready(NamedTuple):
    """A polygon made ready: its westernmost longitude, and its edges without those along a parallel."""

    west: float
    edges: tuple[Edge, ...]


def require_precision(precision: int) -> None:
    """Raise ValueError for a length that no geohash has here: 60 bits of 12 characters are what doubles and int64 hold."""
    if not 1 <= precision <= 12:
        raise ValueError(f"its precision must be from 1 to 12; got {precision}")


def problem_of(polygon: Sequence[Sequence[float]]) -> str:
    """Why the points [lat, lon] make no polygon, in words; '' when they do."""
    from fractions import Fraction  # a millisecond of every start, and only a polygon needs it

    for number, point in enumerate(polygon):
        if len(point) != 2 or not (-90 <= point[0] <= 90 and -180 <= point[1] <= 360):
            return f"point {number} must be [lat, lon] with -90 <= lat <= 90 and -180 <= lon <= 360; got {list(point)}"
    points = list(dict.fromkeys((Fraction(lat), Fraction(lon)) for lat, lon in polygon))
    if len(points) < 3:
        return f"it needs three different points or more; got {len(points)}"
    (lat, lon), (lat1, lon1) = points[:2]
    if all((lat1 - lat) * (x - lon) == (lon1 - lon) * (y - lat) for y, x in points[2:]):
        return "its points lie on one line, so that it has no inside"
    for one, two in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if 0 < abs(two[0] - one[0]) < 1e-12:
            return f"the edge from {list(one)} to {list(two)} is all but level: write both with one latitude"
    longitudes = [lon for _, lon in points]
    if max(longitudes) - min(longitudes) > 360:
        return "it is more than 360 degrees wide"
    return ""


def normal(polygon: Iterable[Sequence[float]]) -> list[list[float]]:
    """The points of a polygon as operators take them: a closing point that repeats the first is left out, and a polygon that lies
    all east of 180 degrees is counted from -180 on."""
    points = [[float(lat), float(lon)] for lat, lon in polygon]
    if len(points) > 1 and points[0] == points[-1]:
        points.pop()
    if points and min(lon for _, lon in points) >= 180.0:
        points = [[lat, lon - 360.0] for lat, lon in points]
    return points


def ready(polygon: Iterable[Sequence[float]]) -> Ready:
    """The edges of a polygon, each from its lower end, so that two zones that share one agree on it to the last digit."""
    return _ready(tuple((float(lat), float(lon)) for lat, lon in polygon))


@lru_cache(maxsize=256)
def _ready(points: tuple[Point, ...]) -> Ready:
    edges = []
    for one, two in zip(points, points[1:] + points[:1], strict=True):
        lower, upper = (one, two) if one[0] < two[0] else (two, one)
        if lower[0] != upper[0]:
            edges.append(Edge(lower[0], upper[0], lower[1], (upper[1] - lower[1]) / (upper[0] - lower[0])))
    return Ready(min(lon for _, lon in points), tuple(edges))


def slabs(edges: Sequence[Edge]) -> tuple[list[float], list[list[Edge]]]:
    """The latitudes at which edges begin or end, rising, and for each slab between two of them the edges that cross it.

    Source: D. Dobkin, R. Lipton, Multidimensional searching problems, SIAM J. Comput. 5 (1976).
    """
    latitudes = sorted({end for edge in edges for end in (edge.low, edge.high)})
    place = {latitude: number for number, latitude in enumerate(latitudes)}
    crossed: list[list[Edge]] = [[] for _ in latitudes[1:]]
    for edge in edges:
        for slab in crossed[place[edge.low] : place[edge.high]]:
            slab.append(edge)
    return latitudes, crossed
