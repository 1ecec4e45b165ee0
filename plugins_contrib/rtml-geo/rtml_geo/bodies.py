"""The references in numpy: what Python operators run, and what the native ones are proved against.

Columns [N] of float64, in degrees; no place is missing (in no polygon). Where rounding counts, the steps are those of native.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from rtml_geo import formulas
from rtml_geo.places import Ready, ready, require_precision

Array = np.ndarray[Any, Any]


def haversine(lat1: Array, lon1: Array, lat2: Array, lon2: Array) -> Array:
    """float64 [N]: kilometres between two points, see formulas.haversine, which numpy runs as it is."""
    with np.errstate(all="ignore"):  # antipodes divide by 0, infinite numbers have no sine
        return np.asarray(formulas.haversine(_NUMPY, lat1, lon1, lat2, lon2))


def geohash(lat: Array, lon: Array, precision: int) -> Array:
    """Objects [N], texts of so many letters or None: the geohash of a point, see formulas.geohash."""
    require_precision(precision)
    there = np.asarray(formulas.is_place(lat, lon))
    found = np.full(len(lat), None, dtype=object)
    lat, lon = lat[there], lon[there]
    right_east = right_north = 0
    bits = 5 * precision
    east = _cell(np.where(lon > 180.0, lon - 360.0, lon), -180.0, 360.0, bits - bits // 2)
    north = _cell(lat, -90.0, 180.0, bits // 2)
    texts: Any = ""
    for wide, high in ((3, 2),) * (precision % 2) + ((5, 5),) * (precision // 2):  # from the right
        number = (east >> right_east & (1 << wide) - 1) << high | north >> right_north & (1 << high) - 1
        texts = _letters(wide, high)[number] + texts
        right_east, right_north = right_east + wide, right_north + high
    found[there] = texts
    return found


@lru_cache(maxsize=2)
def _letters(wide: int, high: int) -> Array:
    """Objects [2**(wide + high)]: characters by their bits, those of the east before those of the north."""
    return np.array(list(formulas.letters(wide, high).values()), dtype=object)


def _cell(value: Array, low: float, width: float, bits: int) -> Array:
    """int64 [N]: numbers of cells, see formulas.cell."""
    return np.asarray(formulas.cell(_NUMPY, value, low, width, bits)).astype(np.int64)


def in_polygon(lat: Array, lon: Array, polygon: Sequence[Sequence[float]]) -> Array:
    """bool [N]: whether a point is in the polygon, see formulas.in_polygon."""
    zone = ready(polygon)
    edges = _columns(zone)
    there = np.asarray(formulas.is_place(lat, lon))
    lon = np.where(lon < zone.west, lon + 360.0, np.where(lon >= zone.west + 360.0, lon - 360.0, lon))
    inside = np.zeros(len(lat), dtype=np.bool_)
    rows = max(1, _BLOCK // len(zone.edges))
    with np.errstate(all="ignore"):  # infinite numbers, which are no places
        for start in range(0, len(lat), rows):
            block = slice(start, start + rows)
            inside[block] = _crossed_oddly(lat[block, None], lon[block, None], *edges)
    return there & inside


#: how many pairs of rows and edges are held at once
_BLOCK = 1_000_000


def _crossed_oddly(lat: Array, lon: Array, low: Array, high: Array, start: Array, slope: Array) -> Array:
    """bool [N]: whether rays from points [N, 1] to the east cross an odd number of the edges [E]."""
    crossed = (low <= lat) & (lat < high) & (lon < start + (lat - low) * slope)
    return np.asarray(np.logical_xor.reduce(crossed, axis=1))


@lru_cache(maxsize=256)
def _columns(zone: Ready) -> tuple[Array, ...]:
    """float64 [E], four times: what is known of each edge."""
    return tuple(np.array(column) for column in zip(*zone.edges, strict=True))


class _Numpy:
    """numpy under the names of the array API that a formula calls."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, {"atan": "arctan"}.get(name, name))


_NUMPY = _Numpy()
