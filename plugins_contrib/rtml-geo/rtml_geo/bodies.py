"""The references in numpy: what Python operators run, and what the native ones are proved against.

Columns [N] of float64, in degrees; no place is missing (in no polygon). Where rounding counts, the steps are those of native.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtml_geo import formulas
from rtml_geo.places import LETTERS, ready

Array = np.ndarray[Any, Any]


def haversine(lat1: Array, lon1: Array, lat2: Array, lon2: Array) -> Array:
    """float64 [N]: kilometres between two points, see formulas.haversine, which numpy runs as it is."""
    with np.errstate(all="ignore"):  # antipodes divide by 0, infinite numbers have no sine
        return np.asarray(formulas.haversine(_NUMPY, lat1, lon1, lat2, lon2))


def geohash(lat: Array, lon: Array, precision: int) -> Array:
    """Objects [N], texts of so many letters or None: the geohash of a point, see formulas.geohash."""
    there = np.asarray(formulas.is_place(lat, lon))
    found = np.full(len(lat), None, dtype=object)
    bits = 5 * precision
    lat, lon = lat[there], lon[there]
    turns = (
        _cell(np.where(lon > 180.0, lon - 360.0, lon), -180.0, 360.0, bits - bits // 2),
        _cell(lat, -90.0, 180.0, bits // 2),
    )
    places = [(at % 2, (bits - at - 1) // 2) for at in range(bits)]
    digits = np.zeros((len(lat), precision), dtype=np.int64)
    for at, (which, right) in enumerate(places):
        digits[:, at // 5] = digits[:, at // 5] * 2 + (turns[which] >> right & 1)
    found[there] = ["".join([LETTERS[digit] for digit in row]) for row in digits.tolist()]
    return found


def _cell(value: Array, low: float, width: float, bits: int) -> Array:
    """int64 [N]: numbers of cells, by the borders themselves: a search among them, halving the range as a geohash is defined."""
    number = np.zeros(len(value), dtype=np.int64)
    for place in reversed(range(bits)):
        tried = number | 1 << place
        number = np.where(value >= tried * (width / 2**bits) + low, tried, number)
    return number


def in_polygon(lat: Array, lon: Array, polygon: Sequence[Sequence[float]]) -> Array:
    """bool [N]: whether a point is in the polygon, see formulas.in_polygon."""
    there = np.asarray(formulas.is_place(lat, lon))
    zone = ready(polygon)
    lon = np.where(lon < zone.west, lon + 360.0, np.where(lon >= zone.west + 360.0, lon - 360.0, lon))
    inside = np.zeros(len(lat), dtype=np.bool_)
    with np.errstate(all="ignore"):  # infinite numbers, which are no places
        for edge in zone.edges:
            inside ^= (edge.low <= lat) & (lat < edge.high) & (lon < edge.start + (lat - edge.low) * edge.slope)
    return there & inside


class _Numpy:
    """numpy under the names of the array API that a formula calls."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, {"atan": "arctan"}.get(name, name))


_NUMPY = _Numpy()
