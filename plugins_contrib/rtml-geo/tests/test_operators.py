"""The operators in all four forms: each equal to the reference, eagerly and compiled, and so equal to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtml_geo import cases
from rtml_geo.custom import ALL, OPERATORS
from rtml_geo.places import normal, problem_of, ready, slabs

from rtml_core import operators as op
from rtml_core.custom_ops import apply, preferred
from rtml_core.errors import ParamError
from rtml_core.testing import assert_custom_op, assert_parity, assert_refuses

FORMS = ("formula", "function", "native", "python")
POINT = ("lat", "lon")
SQUARE = cases.POLYGONS["square"]


def frame(columns: Any, *names: str) -> pd.DataFrame:
    return pd.DataFrame(dict(zip(names, columns, strict=True)))


POINTS = frame(cases.points(), "lat", "lon")
PAIRS = frame(cases.haversine()[0], "lat", "lon", "to_lat", "to_lon")


def operators(using: str) -> list[tuple[Any, pd.DataFrame]]:
    """Each operator with rows at which it is delicate."""
    edges = dict(zip(cases.POLYGONS, cases.in_polygon(), strict=True))
    return [
        (op.Haversine(origin=POINT, target=("to_lat", "to_lon"), using=using), PAIRS),
        (op.Geohash(point=POINT, using=using), frame(cases.geohash()[0][:2], *POINT)),
        (op.Geohash(point=POINT, precision=12, using=using), frame(cases.geohash()[0][:2], *POINT)),
        *(
            (op.InPolygon(point=POINT, polygon=cases.POLYGONS[name], using=using), frame(edges[name][:2], *POINT))
            for name in ("horseshoe", "date line")
        ),
        (op.Zone(point=POINT, zones=cases.POLYGONS, using=using), POINTS),
    ]


@pytest.mark.parametrize("custom", ALL, ids=str)
def test_each_custom_operator_is_proved(custom: Any) -> None:
    assert assert_custom_op(custom) > 900


@pytest.mark.parametrize("using", FORMS)
def test_authored_and_compiled_are_equal(using: str) -> None:
    for operator, rows in operators(using):
        there = rows.dropna().reset_index(drop=True)
        nodes = assert_parity(operator, rows)
        assert_parity(operator, there)
        assert_parity(operator, rows.iloc[:0])
        assert (nodes < 10) == (using in ("native", "python")) or operator.name == "Zone"


@pytest.mark.parametrize("using", FORMS)
def test_all_forms_give_the_same_answers(using: str) -> None:
    for (one, rows), (two, _) in zip(operators("python"), operators(using), strict=True):
        expected, found = (operator.process(rows).data.iloc[:, -1] for operator in (one, two))
        pd.testing.assert_series_equal(found, expected, check_exact=one.name != "Haversine", rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("using", FORMS)
def test_whole_numbers_and_small_floats_are_taken_too(using: str) -> None:
    rows = pd.DataFrame({"lat": np.array([1, -90, 0], dtype=np.int64), "lon": np.array([0.1, 359.9, -180], dtype=np.float32)})
    for operator, _ in operators(using)[1:]:
        assert_parity(operator, rows)
    found = op.InPolygon(point=POINT, polygon=SQUARE, using=using).process(rows).data
    assert found["inside"].tolist() == [True, False, False]


def test_columns_of_text_are_refused() -> None:
    rows = pd.DataFrame({"lat": ["a"], "lon": ["b"]})
    for using in FORMS:
        assert_refuses(op.Geohash(point=POINT, using=using), rows, "string")


def test_a_zone_is_the_first_that_holds_the_point() -> None:
    zones = {"small": [[2.0, 2.0], [2.0, 4.0], [4.0, 4.0], [4.0, 2.0]], "large": SQUARE}
    rows = pd.DataFrame({"lat": [3.0, 5.0, 50.0, np.nan, 91.0], "lon": [3.0, 5.0, 3.0, 3.0, 3.0]})
    for using in FORMS:
        found = op.Zone(point=POINT, zones=zones, using=using).process(rows).data["zone"]
        assert found.astype(object).where(found.notna(), None).tolist() == ["small", "large", None, None, None]


def test_what_a_missing_point_gives() -> None:
    rows = pd.DataFrame({"lat": [np.nan], "lon": [1.0]})
    for using in FORMS:
        assert op.Haversine(origin=POINT, target=POINT, using=using).process(rows).data["distance_km"].isna().all()
        assert op.Geohash(point=POINT, using=using).process(rows).data["geohash"].isna().all()
        assert op.InPolygon(point=POINT, polygon=SQUARE, using=using).process(rows).data["inside"].tolist() == [False]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: op.Geohash(point=POINT, precision=0), "parameter 'precision' must be from 1 to 12; got 0"),
        (lambda: op.Geohash(point=POINT, precision=13), "parameter 'precision' must be from 1 to 12; got 13"),
        (lambda: op.Geohash(point=POINT, precision=7.5), "parameter 'precision' must be a whole number; got 7.5"),
        (lambda: op.Geohash(point=("lat",)), "parameter 'point' must be a list of 2 strings"),
        (
            lambda: op.Geohash(point=POINT, using="fast"),
            "parameter 'using' must be one of 'formula', 'function', 'native', 'python'",
        ),
        (
            lambda: op.InPolygon(point=POINT, polygon="square"),
            "a list of three corners [latitude, longitude] or more; got 'square'",
        ),
        (lambda: op.InPolygon(point=POINT, polygon=[[0, 0, 0]] * 3), "a list of three corners [latitude, longitude] or more"),
        (
            lambda: op.InPolygon(point=POINT, polygon=[]),
            "'polygon' is no polygon: it needs three different points or more; got 0",
        ),
        (lambda: op.Zone(point=POINT, zones={}), "parameter 'zones' must have at least one zone"),
        (lambda: op.Zone(point=POINT, zones={"a": SQUARE, "b": [[0, 0], [1, 1]]}), "'zones['b']' is no polygon"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ParamError) as caught:
        make()
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("polygon", "words"),
    [
        ([], "three different points or more; got 0"),
        ([[0, 0], [1, 1]], "three different points or more; got 2"),
        ([[0, 0], [1, 1], [0, 0], [1, 1]], "three different points or more; got 2"),
        ([[0, 0], [1, 1], [3, 3], [-7, -7]], "lie on one line"),
        ([[0.0, 1.0], [0.0, 2.0], [-0.0, 3.0]], "lie on one line"),
        ([[0, 0], [0, 1], [91, 0]], "point 2 must be [lat, lon] with -90 <= lat <= 90"),
        ([[0, 0], [float("nan"), 1], [1, 0]], "point 1 must be [lat, lon]"),
        ([[0, 0], [0, float("inf")], [1, 0]], "point 1 must be [lat, lon]"),
        ([[0, -180], [0, 180.5], [1, 0]], "more than 360 degrees wide"),
        ([[0, 0], [5e-324, 1], [1, 0]], "the edge from [0, 0] to [5e-324, 1] is all but level"),
    ],
)
def test_what_is_no_polygon(polygon: list[list[float]], words: str) -> None:
    assert words in problem_of(polygon)


def test_the_points_of_a_polygon_are_brought_into_one_form() -> None:
    assert normal([[0, 190], [0, 200], [1, 190], [0, 190]]) == [[0.0, -170.0], [0.0, -160.0], [1.0, -170.0]]
    assert normal(SQUARE) == SQUARE
    zone = ready(SQUARE)
    assert zone.west == 0.0
    assert [tuple(edge) for edge in zone.edges] == [(0.0, 10.0, 10.0, 0.0), (0.0, 10.0, 0.0, 0.0)]
    latitudes, crossed = slabs(ready(cases.POLYGONS["horseshoe"]).edges)
    assert latitudes == [0.0, 10.0, 30.0]
    assert [len(edges) for edges in crossed] == [2, 4]


def test_a_polygon_may_be_written_closed_and_by_either_way_to_count_longitudes() -> None:
    east = [[0.0, 190.0], [0.0, 200.0], [10.0, 195.0]]
    rows = pd.DataFrame({"lat": [5.0, 5.0, 5.0], "lon": [195.0, -165.0, 165.0]})
    for polygon in (east, [*east, east[0]], [[lat, lon - 360.0] for lat, lon in east], east[::-1]):
        for using in FORMS:
            found = op.InPolygon(point=POINT, polygon=polygon, using=using).process(rows).data["inside"]
            assert found.tolist() == [True, True, False]


corners = st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 360)).map(list), min_size=3, max_size=12)


@settings(max_examples=40)
@given(corners.filter(lambda points: not problem_of(points)))
def test_any_polygon_is_the_same_zone_as_a_formula(polygon: list[list[float]]) -> None:
    polygon = normal(polygon)
    columns = [np.array(column) for column in cases.outline(polygon, (0.0, 0.5, 0.7))]
    expected = apply(OPERATORS["in_polygon"]["python"], *columns, polygon=polygon)[0].tolist()
    assert apply(OPERATORS["in_polygon"]["function"], *columns, polygon=polygon)[0].tolist() == expected


@pytest.mark.parametrize("count", [3, 9, 60])
def test_polygons_of_many_corners_compile(count: int) -> None:
    rng = np.random.default_rng(count)
    polygon = np.column_stack([rng.uniform(-60, 60, count), rng.uniform(0, 90, count)]).tolist()
    rows = frame(cases.outline(polygon), *POINT)
    for using in ("formula", "native"):
        assert_parity(op.InPolygon(point=POINT, polygon=polygon, using=using), rows)


def test_functions_are_preferred_then_native_operators() -> None:
    for kinds in OPERATORS.values():
        assert preferred(kinds["python"], kinds["native"], kinds["function"]).kind == "function"
        assert preferred(kinds["python"], kinds["native"]).kind == "native"
