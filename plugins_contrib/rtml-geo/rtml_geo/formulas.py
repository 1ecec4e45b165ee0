"""The formulas, over the array namespace: on numpy they are the reference, traced they are ONNX.

Columns are float64, in degrees. The steps are those of native.c, so that geohashes and zones are equal to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from rtml_geo.places import EARTH_RADIUS_KM, LETTERS, ready, require_precision, slabs

_RADIAN = math.pi / 180.0


def is_place(lat: Any, lon: Any) -> Any:
    """Whether it is a place; a missing number is none."""
    return (lat >= -90.0) & (lat <= 90.0) & (lon >= -180.0) & (lon <= 360.0)


def haversine(xp: Any, lat1: Any, lon1: Any, lat2: Any, lon2: Any) -> Any:
    """Kilometres between two points on a sphere of the Earth's mean radius; missing where one is no place.

    With a = hav(angle), the angle is 2 atan(sqrt(a / (1 - a))). 1 - a is the haversine of the angle to the antipode of the
    second point, and is computed as such: asin(sqrt(a)) would lose half of the digits there, and 1 - a all of them.
    Source: R. W. Sinnott, Virtues of the Haversine, Sky & Telescope 68 (1984).
    """
    there = is_place(lat1, lon1) & is_place(lat2, lon2)
    across = xp.cos(lat1 * _RADIAN) * xp.cos(lat2 * _RADIAN)
    apart = xp.sin((lat2 - lat1) * (_RADIAN / 2.0))
    beyond = xp.sin((lat2 + lat1) * (_RADIAN / 2.0))
    east = (lon2 - lon1) * (_RADIAN / 2.0)
    sine, cosine = xp.sin(east), xp.cos(east)
    apart = apart * apart + across * (sine * sine)
    beyond = beyond * beyond + across * (cosine * cosine)
    return xp.where(there, 2.0 * EARTH_RADIUS_KM * xp.atan(xp.sqrt(apart / beyond)), xp.nan)


def cell(xp: Any, value: Any, low: float, width: float, bits: int) -> Any:
    """The number of the cell that holds the value, of 2**bits that divide a range; the last one has its upper end too.

    The border nearest to the value is the lower one of its cell, or the upper one. Which of them is found exactly, as borders are
    45 * k / 2**m, which doubles hold.
    """
    step = width / 2**bits
    border = xp.round((value - low) / step)
    number = xp.where(value < border * step + low, border - 1.0, border)
    return xp.minimum(number, 2.0**bits - 1.0)


def geohash(xp: Any, lat: Any, lon: Any, precision: int) -> Any:
    """The geohash of a point, a text of so many characters; missing where it is no place.

    Each character is five bits, taken in turn from the number of the cell in the east and in the north; two characters are five
    bits of each, and are looked up together.
    Source: G. Niemeyer, geohash.org (2008, public domain).
    """
    require_precision(precision)
    there = is_place(lat, lon)
    lat, lon = xp.where(there, lat, 0.0), xp.where(there, lon, 0.0)
    bits = 5 * precision
    east = cell(xp, xp.where(lon > 180.0, lon - 360.0, lon), -180.0, 360.0, bits - bits // 2)
    north = cell(xp, lat, -90.0, 180.0, bits // 2)
    parts = []
    before = None  # the bits so far, those of the north behind those of the east
    left_east, left_north = bits - bits // 2, bits // 2
    while left_north >= 5:
        left_east, left_north = left_east - 5, left_north - 5
        so_far = _without(xp, east, left_east) * 32.0 + _without(xp, north, left_north)
        parts.append(xp.lookup(so_far if before is None else so_far - before * 32.0, letters(5, 5), ""))
        before = so_far
    if left_east:
        three, two = east - _without(xp, east, 3) * 8.0, north - _without(xp, north, 2) * 4.0
        parts.append(xp.lookup(three * 4.0 + two, letters(3, 2), ""))
    text = parts[0] if len(parts) == 1 else xp.strings.concat(*parts)
    return xp.where(there, text, None)


def _without(xp: Any, number: Any, count: int) -> Any:
    """A whole number, held by a float, without its last bits; division by powers of two is exact."""
    return xp.floor(number * 2.0**-count) if count else number


@lru_cache(maxsize=2)
def letters(wide: int, high: int) -> dict[float, str]:
    """Bits of east and north, side by side -> the characters that they make in turn."""
    table = {}
    for east, north in product(range(2**wide), range(2**high)):
        bits = [0] * (wide + high)
        bits[0::2] = [east >> place & 1 for place in reversed(range(wide))]
        bits[1::2] = [north >> place & 1 for place in reversed(range(high))]
        digits = [int("".join(map(str, bits[at : at + 5])), 2) for at in range(0, wide + high, 5)]
        table[float(east * 2**high + north)] = "".join(LETTERS[digit] for digit in digits)
    return table


def in_polygon(xp: Any, lat: Any, lon: Any, polygon: Sequence[Sequence[float]]) -> Any:
    """Whether a point is in a polygon, by the even-odd rule; what is missing, or no place, is in none.

    A ray from the point to the east crosses the outline an odd number of times. Which edges it may meet is known by the slab of
    latitudes that it lies in, and looked up, so that a polygon of many points costs no more than one of few.
    Source: M. Shimrat, Algorithm 112, CACM 5 (1962), as corrected by R. Hacker in the same volume.
    """
    there = is_place(lat, lon)
    west, edges = ready(polygon)
    latitudes, crossed = slabs(edges)
    slab = xp.searchsorted(latitudes, lat, side="right")
    lon = xp.where(lon < west, lon + 360.0, xp.where(lon >= west + 360.0, lon - 360.0, lon))
    inside = None
    for place in range(max(map(len, crossed))):
        those = {number: edges[place] for number, edges in enumerate(crossed, 1) if place < len(edges)}
        low = xp.lookup(slab, {number: edge.low for number, edge in those.items()}, 0.0)
        start = xp.lookup(slab, {number: edge.start for number, edge in those.items()}, -math.inf)
        slope = xp.lookup(slab, {number: edge.slope for number, edge in those.items()}, 0.0)
        crossing = lon < start + (lat - low) * slope
        inside = crossing if inside is None else inside ^ crossing
    return there & inside
