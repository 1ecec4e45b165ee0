"""Rows at which the operators are delicate: poles, the date line, antipodes, corners and edges, and what is no place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

LATITUDES = (-90.0, -89.99999999, -45.0, -0.0, 0.0, 1e-20, 22.5, 45.0, 66.56, 90.0, 90.00000001, -91.0, math.inf, math.nan)
LONGITUDES = (
    -180.0,
    -179.99999999,
    -90.0,
    -1e-20,
    0.0,
    11.25,
    90.0,
    180.0,
    180.00000001,
    359.9999999,
    360.0,
    -180.5,
    -math.inf,
    math.nan,
)

Columns = tuple[list[float], ...]

#: a square, a horseshoe, a zone over the date line, a bow tie, and one that lies on the north pole of a map
POLYGONS: dict[str, list[list[float]]] = {
    "square": [[0.0, 0.0], [0.0, 10.0], [10.0, 10.0], [10.0, 0.0]],
    "horseshoe": [[0.0, 0.0], [0.0, 30.0], [30.0, 30.0], [30.0, 20.0], [10.0, 20.0], [10.0, 10.0], [30.0, 10.0], [30.0, 0.0]],
    "date line": [[-10.0, 170.0], [-10.0, 190.0], [20.0, 200.0], [15.0, 165.0]],
    "bow tie": [[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]],
    "polar": [[80.0, -180.0], [80.0, 180.0], [90.0, 180.0], [90.0, -180.0]],
    "thirds": [[1 / 3, 1 / 3], [2 / 3, 11 / 3], [10 / 3, 7 / 3]],
}


def points() -> Columns:
    """Columns of latitudes and longitudes, each with each."""
    lat, lon = zip(*product(LATITUDES, LONGITUDES), strict=True)
    return list(lat), list(lon)


def haversine() -> list[Columns]:
    """Two points: each with itself, with its antipode, with one close to that, and with others."""
    lat, lon = points()
    rows = []
    for at, (one, two) in enumerate(zip(lat, lon, strict=True)):
        away = two - 180.0 if two > 0.0 else two + 180.0
        other = at * 37 % len(lat)
        rows += [(one, two, one, two), (one, two, -one, away), (one, two, -one + 1e-9, away), (one, two, lat[other], lon[other])]
    return [tuple(map(list, zip(*rows, strict=True)))]


def geohash() -> list[tuple[Any, ...]]:
    """All places, and the borders of cells with their neighbours among the floats, for some precisions."""
    lat, lon = points()
    for place in range(1, 31):
        for border in (180.0 / 2**place * 3 - 90.0, 45.0 + 180.0 / 2**place):
            beside = (math.nextafter(border, -math.inf), border, math.nextafter(border, math.inf))
            lat += beside
            lon += [2 * value for value in beside]
    return [(lat, lon, {"precision": precision}) for precision in (1, 2, 7, 12)]


def outline(
    polygon: Sequence[Sequence[float]], parts: Sequence[float] = (0.0, 1 / 3), turns: Sequence[float] = (0.0,)
) -> Columns:
    """Points at parts of each edge of a polygon (0.0: its corners) and their neighbours among the floats, turned around."""
    lat: list[float] = []
    lon: list[float] = []
    for one, two in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        for part in parts:
            north, east = one[0] + (two[0] - one[0]) * part, one[1] + (two[1] - one[1]) * part
            for turn in turns:
                lat += [north, north, north, math.nextafter(north, 91.0), math.nextafter(north, -91.0)]
                beside = [east, math.nextafter(east, 361.0), math.nextafter(east, -361.0), east, east]
                lon += [value + turn for value in beside]
    return lat, lon


def in_polygon() -> list[tuple[Any, ...]]:
    """All places, and what lies on the outline, for each polygon."""
    everywhere, rows = points(), []
    for polygon in POLYGONS.values():
        around = outline(polygon, (0.0, 0.25, 1 / 3, 0.5, 0.9), (0.0, 360.0, -360.0))
        lat, lon = (some + more for some, more in zip(everywhere, around, strict=True))
        rows.append((lat, lon, {"polygon": polygon}))
    return rows
