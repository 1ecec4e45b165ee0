"""The references in numpy: equal to the same meanings written another way, and right where the answer is known."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtml_geo import bodies, cases, custom
from rtml_geo.places import normal, problem_of

from rtml_core.custom_ops import apply
from rtml_core.errors import CustomOpError

# ---- the same meanings, written another way and slowly

RADIUS = 6371.0088
LETTERS = "0123456789bcdefghjkmnpqrstuvwxyz"


def is_place(lat: float, lon: float) -> bool:
    return -90 <= lat <= 90 and -180 <= lon <= 360


def distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """By the angle between two vectors from the centre, of their cross and dot products."""
    if not (is_place(lat1, lon1) and is_place(lat2, lon2)):
        return math.nan
    one, two = vector(lat1, lon1), vector(lat2, lon2)
    cross = [one[1] * two[2] - one[2] * two[1], one[2] * two[0] - one[0] * two[2], one[0] * two[1] - one[1] * two[0]]
    return RADIUS * math.atan2(math.hypot(*cross), sum(a * b for a, b in zip(one, two, strict=True)))


def vector(lat: float, lon: float) -> tuple[float, float, float]:
    lat, lon = math.radians(lat), math.radians(lon)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def geohash(lat: float, lon: float, precision: int) -> str | None:
    """By halving both ranges in turn, in fractions."""
    if not is_place(lat, lon):
        return None
    ranges = [[Fraction(-180), Fraction(180)], [Fraction(-90), Fraction(90)]]
    values = [Fraction(lon if lon <= 180 else lon - 360), Fraction(lat)]
    text, digit = "", 0
    for at in range(5 * precision):
        (low, high), value = ranges[at % 2], values[at % 2]
        middle = (low + high) / 2
        upper = value >= middle
        ranges[at % 2] = [middle, high] if upper else [low, middle]
        digit = 2 * digit + upper
        if at % 5 == 4:
            text, digit = text + LETTERS[digit], 0
    return text


def in_polygon(lat: float, lon: float, polygon: list[list[float]]) -> bool | None:
    """By the crossings of a ray to the east, in fractions; None so near to an edge that rounding decides."""
    if not is_place(lat, lon):
        return False
    corners = [(Fraction(a), Fraction(b)) for a, b in polygon]
    west = min(b for _, b in corners)
    y, x = Fraction(lat), Fraction(lon)
    x = x + 360 if x < west else x - 360 if x >= west + 360 else x
    inside = False
    for (y1, x1), (y2, x2) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (y1 <= y) == (y2 <= y):
            continue
        at = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        if abs(at - x) < Fraction(1, 10**9):
            return None
        inside ^= x < at
    return inside


# ---- held against the bodies

latitudes = st.floats(-90, 90) | st.sampled_from([90.0, -90.0, 0.0, -0.0, 45.0, 5e-324]) | st.integers(-90, 90).map(float)
longitudes = st.floats(-180, 360) | st.sampled_from([-180.0, 180.0, 360.0, 0.0, -5e-324]) | st.integers(-180, 360).map(float)
anything = st.floats() | latitudes


def one(function: Any, *values: float, **arguments: Any) -> Any:
    return function(*(np.array([value]) for value in values), **arguments)[0]


@given(latitudes, longitudes, latitudes, longitudes)
def test_distance_is_the_angle_of_two_vectors(lat1: float, lon1: float, lat2: float, lon2: float) -> None:
    found = one(bodies.haversine, lat1, lon1, lat2, lon2)
    assert found == pytest.approx(distance(lat1, lon1, lat2, lon2), rel=1e-12, abs=1e-8)
    assert found == pytest.approx(one(bodies.haversine, lat2, lon2, lat1, lon1), rel=1e-12, abs=1e-8)
    assert one(bodies.haversine, lat1, lon1, lat1, lon1) == 0.0


@given(latitudes, longitudes)
def test_an_antipode_is_half_around_the_earth(lat: float, lon: float) -> None:
    away = lon - 180.0 if lon > 0 else lon + 180.0
    assert one(bodies.haversine, lat, lon, -lat, away) == pytest.approx(math.pi * 6371.0088, abs=1e-8)
    near = max(-90.0, min(90.0, -lat + 1e-6))
    gap = distance(-lat, away, near, away)
    assert one(bodies.haversine, lat, lon, near, away) == pytest.approx(math.pi * 6371.0088 - gap, abs=1e-8)


@pytest.mark.parametrize(
    ("row", "kilometres"),
    [
        ((0.0, 0.0, 0.0, 180.0), 20015.114442),
        ((90.0, 12.0, 90.0, -77.0), 0.0),
        ((0.0, 179.5, 0.0, -179.5), 111.195080),
        ((0.0, 350.0, 0.0, -10.0), 0.0),
        ((36.12, -86.67, 33.94, -118.40), 2886.448),  # the airports of Nashville and Los Angeles: 2887.26 km with R 6372.8
    ],
)
def test_known_distances(row: tuple[float, ...], kilometres: float) -> None:
    assert one(bodies.haversine, *row) == pytest.approx(kilometres, abs=1e-3)


@given(latitudes, longitudes, st.integers(1, 12))
def test_a_geohash_halves_both_ranges_in_turn(lat: float, lon: float, precision: int) -> None:
    found = one(bodies.geohash, lat, lon, precision=precision)
    assert found == geohash(lat, lon, precision)
    assert one(bodies.geohash, lat, lon, precision=12).startswith(found)


@pytest.mark.parametrize(
    ("lat", "lon", "text"),
    [
        (57.64911, 10.40744, "u4pruydqqvj"),  # published examples
        (42.605, -5.603, "ezs42"),
        (0.0, 0.0, "s00000000000"),
        (90.0, 180.0, "zzzzzzzzzzzz"),
        (-90.0, -180.0, "000000000000"),
        (-25.382708, -49.265506 + 360.0, "6gkzwgjz"),
        (-1e-20, 0.0, "kpbpbpbpbpbp"),
    ],
)
def test_known_geohashes(lat: float, lon: float, text: str) -> None:
    assert one(bodies.geohash, lat, lon, precision=len(text)) == text


@pytest.mark.parametrize("kind", custom.KINDS)
@pytest.mark.parametrize("precision", [-1, 0, 13, 2**62])
def test_a_geohash_of_another_length_is_refused_in_every_form(kind: str, precision: int) -> None:
    with pytest.raises(CustomOpError, match=f"its precision must be from 1 to 12; got {precision}"):
        apply(custom.OPERATORS["geohash"][kind], [52.5], [13.4], precision=precision)


@given(anything, anything)
def test_what_is_no_place_has_no_answer(lat: float, lon: float) -> None:
    there = -90 <= lat <= 90 and -180 <= lon <= 360
    assert (one(bodies.geohash, lat, lon, precision=5) is not None) == there
    assert np.isnan(one(bodies.haversine, lat, lon, 0.0, 0.0)) == (not there)
    assert np.isnan(one(bodies.haversine, 1.0, 2.0, lat, lon)) == (not there)
    whole = [[-90.0, -180.0], [-90.0, 180.0], [90.0, 180.0], [90.0, -180.0]]
    assert one(bodies.in_polygon, lat, lon, polygon=whole) == (there and lat < 90)


corners = st.lists(st.tuples(latitudes, st.floats(-180, 180) | st.integers(-9, 9).map(float)).map(list), min_size=3, max_size=9)


@given(corners.filter(lambda polygon: not problem_of(polygon)), st.lists(st.tuples(latitudes, longitudes), max_size=9), st.data())
def test_a_ray_to_the_east_crosses_the_outline_an_odd_number_of_times(
    polygon: list[list[float]], points: list[tuple[float, float]], data: st.DataObject
) -> None:
    polygon = normal(polygon)
    points = [*points, *(tuple(data.draw(st.sampled_from(polygon))) for _ in range(2))]
    lat, lon = (np.array([point[at] for point in points]) for at in (0, 1))
    for point, found in zip(points, bodies.in_polygon(lat, lon, polygon).tolist(), strict=True):
        expected = in_polygon(*point, polygon)
        assert expected is None or found == expected


def test_points_on_the_outline_are_in_the_zone_north_and_east_of_them() -> None:
    square = cases.POLYGONS["square"]
    inside = {(lat, lon) for lat in (0, 5, 10) for lon in (0, 5, 10) if one(bodies.in_polygon, lat, lon, polygon=square)}
    assert inside == {(0, 0), (0, 5), (5, 0), (5, 5)}


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=20), st.floats(0.1, 9.9), st.floats(0.1, 9.9))
def test_of_zones_side_by_side_a_point_is_in_one(points: list[tuple[float, float]], lat: float, lon: float) -> None:
    """A square cut in four at a point, the outlines going around either way."""
    middle, square = [lat, lon], [[0.0, 0.0], [0.0, 10.0], [10.0, 10.0], [10.0, 0.0]]
    parts = [[square[at], square[(at + 1) % 4], middle][:: 1 if at % 2 else -1] for at in range(4)]
    lats, lons = (np.array([point[at] for point in points]) for at in (0, 1))
    count = sum(bodies.in_polygon(lats, lons, part).astype(int) for part in parts)
    assert count.tolist() == bodies.in_polygon(lats, lons, square).astype(int).tolist()
