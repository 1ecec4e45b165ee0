"""What services answered lately and over time, from what edges counted."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from rtml_core.client.records import Activity, PointOf
from rtml_plugins.hub.errors import HubError, NotFound
from rtml_plugins.hub.hub import Hub
from tests.unit.hub.conftest import Place
from tests.unit.hub.counted import counted, of, told, window, windows
from tests.unit.hub.packages import package


def test_activity_is_of_the_last_minute_by_version(place: Place) -> None:
    hub = place.open()
    first = hub.publish("churn", package(1), actor="ada")
    second = hub.publish("churn", package(2), actor="ada", traffic="keep")
    hub.publish("idle", package(3), actor="ada")
    for number in range(1, 25):  # two minutes
        place.clock.now += 5
        told(hub, of(first, counted(10)), of(second, counted(0, ok=4, error=1)), number=number)
    found = hub.activity()
    assert list(found) == ["churn", "idle"]
    churn = found["churn"]
    assert churn.rate == pytest.approx(3.0, rel=0.2)
    assert churn.requests == pytest.approx(churn.rate * 60, rel=0.2)
    assert churn.errors == pytest.approx(1 / 15)
    assert churn.p50 == pytest.approx(0.00035, rel=0.2)  # all in the bucket of 0.3 to 0.5 ms
    assert set(churn.versions) == {1, 2}
    assert churn.versions[2].errors == pytest.approx(0.2)
    assert churn.versions[1].rate == pytest.approx(2 * churn.versions[2].rate)
    assert churn.last == "2023-11-14T22:15:10.000Z"
    assert found["idle"] == Activity("idle", 0, 0.0, 0.0, None, None)


def test_activity_of_names_that_are_asked_for(hub: Hub) -> None:
    for name in ("a", "b"):
        told(hub, of(hub.publish(name, package(), actor="ada"), counted(6)), run=name)
    assert set(hub.activity(["b", "never"])) == {"b", "never"}
    assert hub.activity(["b", "never"])["never"] == Activity("never", 0, 0.0, 0.0, None, None)
    assert hub.activity([]) == {}
    hub.delete("a", actor="ada")
    assert list(hub.activity()) == ["b"]
    assert hub.activity(["a"])["a"].requests == 0


def test_activity_knows_when_the_last_requests_were(place: Place) -> None:
    hub = place.open()
    told(hub, of(hub.publish("churn", package(), actor="ada"), counted(6)))
    place.clock.now += 3600
    later = hub.activity()["churn"]
    assert (later.requests, later.rate, later.p50) == (0, 0.0, None)
    assert later.last == "2023-11-14T22:13:10.000Z"
    told(hub, of(hub.publish("other", package(), actor="ada"), counted(6)), run="later")
    place.clock.now += 86_400
    told(hub, run="much later")  # what is old goes
    assert hub.activity()["churn"].last == "2023-11-14T22:00:00.000Z"  # to the hour


def test_activity_asks_as_often_for_many_services_as_for_one(hub: Hub) -> None:
    asked: list[str] = []

    def note(*event: object) -> None:
        asked.append(str(event[2]))

    for name in ("a", "b", "c"):
        told(hub, of(hub.publish(name, package(), actor="ada"), counted(6)), run=name)
    event.listen(hub.database.engine, "before_cursor_execute", note)
    hub.activity(["a"])
    one = len(asked)
    hub.activity()
    assert len(asked) == 2 * one


def test_a_series_has_a_point_for_each_step_and_gaps_where_nothing_was(place: Place) -> None:
    hub = place.open()
    first = hub.publish("churn", package(1), actor="ada")
    now = place.clock.now
    several = [window(at, now - back, of(first, counted(10))) for at, back in enumerate((60, 55, 20), 1)]
    hub.record_measures("na-1", windows("r", "na", several))
    hub.record_measures("emea-1", windows("r", "emea", several[2:]))
    place.clock.now += 5
    series = hub.series("churn", 900)
    assert (series.service, series.step) == ("churn", 10.0)
    assert len(series.points) == 90
    assert series.points[-1].at == "2023-11-14T22:13:10.000Z"
    there = {point.at[14:19]: point for point in series.points if point.total is not None}
    assert list(there) == ["12:10", "12:20", "12:50"]
    expected = PointOf(10, 1.0, 0.0, pytest.approx(0.0004), pytest.approx(0.000498))  # type: ignore[arg-type]
    assert there["12:10"].total == expected
    assert there["12:10"].versions == {1: expected}
    assert there["12:10"].regions == {"na": expected}
    both = there["12:50"]
    assert both.total is not None
    assert (both.total.requests, both.total.rate) == (20, 2.0)
    assert set(both.regions) == {"na", "emea"}
    only = hub.series("churn", 900, region="emea")
    assert [point.at[14:19] for point in only.points if point.total is not None] == ["12:50"]
    assert series.now == hub.activity()["churn"]


def test_series_of_all_spans_have_all_requests(place: Place) -> None:
    hub = place.open()
    first = hub.publish("churn", package(1), actor="ada")
    second = hub.publish("churn", package(2), actor="ada", traffic="keep")
    for number in range(1, 13):
        place.clock.now += 5
        told(hub, of(first, counted(10)), of(second, counted(2)), number=number)
    place.clock.now += 25
    for span, step in ((900, 10), (3600, 30), (86_400, 900), (604_800, 7200), (2_592_000, 21_600), (7_776_000, 64_800)):
        series = hub.series("churn", span)
        assert (series.step, len(series.points)) == (step, span / step)
        assert sum(point.total.requests for point in series.points if point.total) == 144
        assert all(later.at > sooner.at for sooner, later in zip(series.points, series.points[1:], strict=False))
        alone = hub.series("churn", span, by_region=False)
        assert [(point.total, point.versions) for point in alone.points] == [
            (point.total, point.versions) for point in series.points
        ]
        assert not any(point.regions for point in alone.points)
        canary = hub.series("churn", span, version=2)
        assert {number for point in canary.points for number in point.versions} == {2}
        assert sum(point.total.requests for point in canary.points if point.total) == 24


def test_the_step_under_way_has_the_rate_of_what_is_over(place: Place) -> None:
    hub = place.open()
    first = hub.publish("churn", package(1), actor="ada")
    place.clock.now = 1_700_000_100.0  # a step of a quarter of an hour begins
    for number in range(1, 25):
        place.clock.now += 5
        told(hub, of(first, counted(10)), number=number)
    last = hub.series("churn", 86_400).points[-1]
    assert last.total is not None
    assert last.total.rate == pytest.approx(2.0, rel=0.05)
    place.clock.now = 1_700_001_010.0  # the next has begun, and little of it has arrived
    assert hub.series("churn", 86_400).points[-1].at == last.at


def test_what_can_t_be_asked_is_said(hub: Hub) -> None:
    hub.publish("churn", package(1), actor="ada")
    for call in (lambda: hub.series("chum", 900), lambda: hub.series("churn", 900, version=2)):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(HubError, match=r"the span is 5 s: expected 60 to 7,776,000 \(90 days\)"):
        hub.series("churn", 5)
    with pytest.raises(HubError, match="90 days"):
        hub.series("churn", float("nan"))
    assert all(point.total is None for point in hub.series("churn", 900, region="mars").points)
    hub.delete("churn", actor="ada")
    with pytest.raises(NotFound):
        hub.series("churn", 900)
