"""Charts of any figures are pictures that can be read: nothing breaks, nothing lies outside, everything stands in the table."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from rtml_plugins.hub.gallery import charts, scales
from rtml_plugins.hub.gallery.charts import Bars, Line

ANY = st.one_of(st.none(), st.floats(), st.integers(-(10**300), 10**300).map(float))
NAMES = st.text(max_size=12)
POINTS = st.lists(st.tuples(st.one_of(st.floats(), st.floats(0, 3e9)), ANY), max_size=12)
DATES = (0.0, 253_402_300_799.0)


def read(chart: Markup) -> ElementTree.Element:
    """The chart as XML; every coordinate lies inside its view box."""
    root = ElementTree.fromstring(chart.encode())
    for svg in root.iter("svg"):
        left, top, width, height = map(float, svg.attrib["viewBox"].split())
        for one in svg.iter():
            across = [float(one.attrib[name]) for name in ("x", "x1", "x2", "cx") if name in one.attrib]
            down = [float(one.attrib[name]) for name in ("y", "y1", "y2", "cy") if name in one.attrib]
            for pair in one.attrib.get("points", "").split():
                x, y = map(float, pair.split(","))
                across.append(x)
                down.append(y)
            if one.tag == "rect":
                assert float(one.attrib["width"]) >= 0
                assert float(one.attrib["height"]) >= 0
                across.append(across[0] + float(one.attrib["width"]))
                down.append(down[0] + float(one.attrib["height"]))
            assert all(left - 0.02 <= x <= left + width + 0.02 for x in across), one.attrib
            assert all(top - 0.1 <= y <= top + height + 0.1 for y in down), one.attrib
    return root


def words(root: ElementTree.Element) -> str:
    return " ".join("".join(root.itertext()).split())


def cells(root: ElementTree.Element) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]


@given(
    st.lists(st.tuples(NAMES, POINTS), max_size=4), st.booleans(), st.none() | st.floats(*DATES), st.none() | st.floats(*DATES)
)
@settings(max_examples=150, deadline=None)
def test_lines_of_anything(
    series: list[tuple[str, list[tuple[float, float | None]]]], zero: bool, since: float, until: float
) -> None:
    root = read(charts.lines("Anything", [Line(*one) for one in series], zero=zero, since=since, until=until))
    drawn = [
        (at, value)
        for _, points in series
        for at, value in points
        if value is not None and math.isfinite(value) and math.isfinite(at) and DATES[0] <= at <= DATES[1]
    ]
    assert bool(list(root.iter("svg"))) == bool(drawn)


@given(
    st.lists(NAMES, max_size=25), st.lists(st.tuples(NAMES, st.lists(ANY, max_size=25), st.booleans()), max_size=3), st.booleans()
)
@settings(max_examples=100, deadline=None)
def test_bars_of_anything(labels: list[str], series: list[tuple[str, list[float | None], bool]], across: bool) -> None:
    root = read(charts.bars("Anything", labels, [Bars(*one) for one in series], across=across))
    table = cells(root)
    assert len(table) in (0, len(labels) + 1)


@given(st.lists(st.tuples(NAMES, st.floats(), st.integers(-3, 30)), max_size=6), st.lists(ANY, max_size=9))
@settings(max_examples=100, deadline=None)
def test_shares_and_sparklines_of_anything(parts: list[tuple[str, float, int]], values: list[float | None]) -> None:
    read(charts.shares("Anything", parts))
    read(charts.sparkline(values, name="anything"))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6), st.booleans())
@settings(deadline=None)
def test_an_axis_holds_its_values_and_ticks(values: list[float], zero: bool) -> None:
    scale = scales.of_values(values, zero=zero)
    assert scale.low < scale.high or scale.low == scale.high != 0
    assert list(scale.ticks) == sorted(scale.ticks)
    assert 1 <= len(scale.ticks) <= 8
    for value in [*values, *scale.ticks]:
        assert scale.low <= value <= scale.high
        assert 0 <= scale.at(value) <= 1
    if zero:
        assert scale.low <= 0 <= scale.high


@given(st.floats(*DATES), st.floats(*DATES))
@settings(deadline=None)
def test_an_axis_of_times_has_few_ticks_within(one: float, other: float) -> None:
    scale = scales.of_times(one, other)
    assert scale.low < scale.high
    assert len(scale.ticks) <= 11
    assert all(scale.low <= tick <= scale.high and scales.clock(tick, scale.high - scale.low) for tick in scale.ticks)


def test_an_axis_is_round() -> None:
    assert scales.of_values([3.2, 17.0]).ticks == (0, 5, 10, 15, 20)
    assert scales.of_values([0.97, 0.98], zero=False).ticks == pytest.approx((0.97, 0.975, 0.98))
    ticks = scales.of_times(1_700_000_000, 1_700_000_900).ticks
    assert [scales.clock(tick, 900) for tick in ticks] == ["22:15", "22:20", "22:25"]
    assert next(scales.clock(tick, 7 * 86_400) for tick in scales.of_times(1_700_000_000, 1_700_600_000).ticks) == "15 Nov"


def test_a_gap_stays_a_gap_and_the_table_says_so() -> None:
    points = [
        (1e9, 1.0),
        (1e9 + 10, 2.0),
        (1e9 + 20, None),
        (1e9 + 30, 4.0),
        (1e9 + 40, float("nan")),
        (1e9 + 50, 3.0),
        (1e9 + 60, 3.5),
    ]
    root = read(charts.lines("Requests", [Line("version 3", points)], show=lambda value: f"{value:g} /s"))
    runs = [one.attrib["points"].split() for one in root.iter("polyline")]
    assert [len(run) for run in runs] == [2, 2]
    assert len(list(root.iter("circle"))) == 1  # a value between two gaps
    table = cells(root)
    assert table[0] == ["Time (UTC)", "version 3"]
    assert [row[1] for row in table[1:]] == ["1 /s", "2 /s", "-", "4 /s", "-", "3 /s", "3.5 /s"]
    assert "version 3 3.5 /s" in words(root)  # the legend has the last value


def test_series_differ_in_more_than_colour() -> None:
    root = read(charts.lines("Two", [Line("one", [(1e9, 1), (1e9 + 1, 2)]), Line("two", [(1e9, 2), (1e9 + 1, 3)])]))
    kinds = [one.attrib["class"] for one in root.iter("polyline")]
    assert kinds == ["line l1", "line l2"]
    root = read(charts.bars("age", ["low", "high"], [Bars("now", [0.2, 0.8]), Bars("training", [0.5, 0.5], outlined=True)]))
    assert {re.sub(r"\d", "", one.attrib["class"]) for one in root.iter("rect")} == {"outline o", "f"}
    assert cells(root) == [["Values", "now", "training"], ["low", "20 %", "50 %"], ["high", "80 %", "50 %"]]


def test_what_is_empty_says_so() -> None:
    assert "Nothing was measured" in words(read(charts.lines("Requests", [])))
    assert "Send a request" in words(read(charts.lines("Requests", [Line("a", [(1e9, None)])], empty="Send a request")))
    assert "No values" in words(read(charts.bars("age", [], [])))
    assert "no values" in charts.sparkline([None], name="requests")


def test_names_are_escaped_and_what_no_document_holds_is_replaced() -> None:
    hostile = '<script>alert(1)</script>"\x00\ud800&'
    root = read(charts.lines(hostile, [Line(hostile, [(1e9, 1.0)])], said=hostile))
    assert not list(root.iter("script"))
    assert "<script>alert(1)</script>" in words(root)
    read(charts.bars(hostile, [hostile], [Bars(hostile, [1.0])], across=True))
    read(charts.shares(hostile, [(hostile, 1.0, 1)]))


def test_a_picture_has_a_name_and_a_description() -> None:
    root = read(charts.lines("Latency", [Line("p99", [(1e9, 0.5), (1e9 + 1, 1.5)])]))
    [svg] = [one for one in root.iter("svg") if one.attrib.get("role") == "img"]
    named = {one.attrib["id"]: "".join(one.itertext()) for one in svg if "id" in one.attrib}
    assert [named[key] for key in svg.attrib["aria-labelledby"].split()] == ["Latency", "p99: from 0.5 to 1.5, last 1.5"]
