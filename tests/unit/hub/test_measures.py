"""What edges count is taken once, kept as long as it should be, and is no change of the hub."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from rtml_plugins.hub import tables
from rtml_plugins.hub.buckets import FINE, REQUESTS, VALUES, Requests, Values, bucket
from rtml_plugins.hub.hub import Hub
from rtml_plugins.serving.measures import Bins, Measures, VersionCounted
from tests.unit.hub.conftest import Place
from tests.unit.hub.counted import ROWS, baseline, bins, counted, of, package_of, sample, told, window, windows
from tests.unit.hub.packages import package


def kept(hub: Hub, width: int) -> dict[int, int]:
    """Requests by begin of the bucket."""
    table = tables.measures
    with hub.database.read() as connection:
        rows = connection.execute(select(table.c.at, table.c.counted).where(table.c.resolution == width)).all()
    found: dict[int, int] = {}
    for at, text in rows:
        found[at] = found.get(at, 0) + msgspec.json.decode(text, type=Requests).total
    return found


def values(hub: Hub, width: int = 300) -> list[Values]:
    table = tables.measured_values
    with hub.database.read() as connection:
        rows = connection.execute(select(table.c.counted).where(table.c.resolution == width)).scalars()
        return [msgspec.json.decode(text, type=Values) for text in rows]


def test_a_window_is_counted_once_however_often_it_is_sent(hub: Hub) -> None:
    mine = of(hub.publish("churn", package(), actor="ada"), counted(10))
    assert [told(hub, mine) for _ in range(3)] == [1, 1, 1]
    assert told(hub, mine, number=2) == 2
    assert told(hub, mine, number=1) == 2
    assert told(hub, mine, number=1, run="after a restart".replace(" ", "-")) == 1
    for one in REQUESTS:
        assert sum(kept(hub, one.width).values()) == 30


def test_ways_to_end_that_are_made_up_are_errors_and_take_no_room(hub: Hub) -> None:
    published = hub.publish("churn", package(), actor="ada")
    for number in range(1, 6):
        made_up = {f"{'x' * 20}{100 * number + at}": 1 for at in range(20)}
        told(hub, of(published, counted(ok=15, busy=5, **made_up)), number=number)
    with hub.database.read() as connection:
        rows = connection.execute(select(tables.measures.c.counted)).scalars().all()
    found = [msgspec.json.decode(row, type=Requests).outcomes for row in rows]
    assert all(one.keys() == {"ok", "busy", "error"} for one in found)
    assert sum(one["error"] for one in found) == 100 * len(REQUESTS)
    assert hub.activity(["churn"])["churn"].errors == pytest.approx(125 / 200)


def test_a_message_of_the_run_before_that_comes_late_is_not_counted_again(hub: Hub) -> None:
    mine = of(hub.publish("churn", package(), actor="ada"), counted(10))
    told(hub, mine, run="a")
    told(hub, mine, run="b")
    assert told(hub, mine, run="a") == 1
    assert told(hub, mine, run="b") == 1
    assert sum(kept(hub, FINE.width).values()) == 20


def test_windows_are_taken_in_order_and_each_once_in_a_message(hub: Hub) -> None:
    mine = of(hub.publish("churn", package(), actor="ada"), counted(10))
    now = hub.database.clock()
    several = [window(3, now, mine), window(1, now - 10, mine), window(3, now, mine), window(2, now - 5, mine)]
    assert hub.record_measures("na-1", windows("r", "na", several)) == 3
    assert sum(kept(hub, FINE.width).values()) == 30
    assert hub.record_measures("na-1", windows("r", "na", [])) == 3
    assert hub.record_measures("na-2", windows("r", "na", [])) == 0


def test_the_same_window_from_two_threads_is_counted_once(place: Place) -> None:
    hubs = [place.open(), place.open()]
    mine = of(hubs[0].publish("churn", package(), actor="ada"), counted(10))
    now = place.clock()
    edges = ("na-1", "na-2", "na-3")

    def tell(at: int) -> None:
        for number in range(1, 6):
            message = windows("r", "na", [window(one, now, mine) for one in range(1, number + 1)])
            hubs[at % 2].record_measures(edges[at % 3], message)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(tell, range(12)))
    for one in REQUESTS:
        assert sum(kept(hubs[0], one.width).values()) == 3 * 5 * 10


def test_it_is_no_change_of_the_hub(hub: Hub) -> None:
    mine = of(hub.publish("churn", package(), actor="ada"), counted(10))
    before = hub.revision("na"), len(hub.audit()), hub.get("churn")
    woken: list[int] = []
    hub.changed.append(lambda: woken.append(1))
    told(hub, mine)
    assert (hub.revision("na"), len(hub.audit()), hub.get("churn"), woken) == (*before, [])


def test_what_is_not_there_is_dropped_and_the_rest_counted(hub: Hub) -> None:
    published = hub.publish("churn", package(), actor="ada")
    gone = hub.publish("gone", package(), actor="ada")
    hub.delete("gone", actor="ada")
    others = [
        of(gone, counted(1)),
        VersionCounted("never", 1, published.package, counted(1)),
        VersionCounted("churn", 2, published.package, counted(1)),
        VersionCounted("churn", 1, "0" * 64, counted(1)),
    ]
    assert told(hub, *others, of(published, counted(10))) == 1
    assert sum(kept(hub, FINE.width).values()) == 10
    again = hub.publish("gone", package(2), actor="ada")
    assert told(hub, of(again, counted(3)), of(gone, counted(1)), number=2) == 2
    assert hub.activity()["gone"].requests == 3


def test_windows_of_the_future_and_of_long_ago_are_taken_and_not_counted(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    hub = place.open()
    mine = of(hub.publish("churn", package(), actor="ada"), counted(10))
    now = place.clock()
    assert hub.record_measures("na-1", windows("r", "na", [window(1, now + 61, mine)])) == 1
    assert hub.record_measures("na-1", windows("r", "na", [window(2, now + 600, mine)])) == 2
    said = [record for record in caplog.records if "of the future" in record.getMessage()]
    assert len(said) == 1  # not each time
    assert hub.record_measures("na-1", windows("r", "na", [window(3, now - 91 * 86_400, mine)])) == 3
    assert [kept(hub, one.width) for one in REQUESTS] == [{}, {}, {}]
    assert hub.record_measures("na-1", windows("r", "na", [window(4, now - 3 * 86_400, mine), window(5, now + 59, mine)])) == 5
    assert [sum(kept(hub, one.width).values()) for one in REQUESTS] == [10, 10, 20]


def test_a_window_goes_into_the_bucket_of_its_middle(place: Place) -> None:
    hub = place.open()
    mine = of(hub.publish("churn", package(), actor="ada"), counted(10))
    told(hub, mine, length=8.0)  # of 1,700,000,000 - 8 to it: the middle is in the bucket before
    assert kept(hub, 10) == {1_699_999_990: 10}
    assert kept(hub, 300) == {bucket(1_699_999_996, 300): 10}


def test_values_are_kept_in_the_order_of_the_baseline(hub: Hub) -> None:
    published = hub.publish("churn", package_of(), actor="ada")
    for number in (1, 2):
        told(hub, of(published, counted(10, inputs=bins(sample()))), number=number)
    found = values(hub)
    assert [one.rows for one in found] == [2 * ROWS]
    expected: list[int] = []
    for column in baseline().inputs:
        expected += [2 * column.missing, *(2 * count for count in column.counts)]
    assert found[0].counts[: len(expected)] == expected
    assert not any(found[0].counts[len(expected) :])  # outputs were not told


def test_a_column_with_other_bins_is_left_out(hub: Hub) -> None:
    published = hub.publish("churn", package_of(), actor="ada")
    mine = bins(sample())
    mine["age"] = Bins([1, 2, 3], 4)
    mine["unheard of"] = Bins([1])
    told(hub, of(published, counted(10, inputs=mine)))
    (found,) = values(hub)
    width = len(baseline().inputs[0].counts) + 1
    assert baseline().inputs[0].name == "age"
    assert not any(found.counts[:width])
    assert sum(found.counts) == 2 * ROWS


def test_values_of_a_version_without_a_baseline_are_not_kept(hub: Hub) -> None:
    published = hub.publish("churn", package(), actor="ada")
    told(hub, of(published, counted(10, inputs={"age": Bins([5, 5])})))
    assert values(hub) == []
    assert hub.activity()["churn"].requests == 10


def test_what_is_too_old_is_forgotten_bit_by_bit(place: Place) -> None:
    hub = place.open()
    mine = of(hub.publish("churn", package_of(), actor="ada"), counted(1, inputs=bins(sample())))
    began = place.clock.now
    for number in range(1, 61):
        place.clock.now += 10
        told(hub, mine, number=number)
    assert len(kept(hub, 10)) == 60
    place.clock.now = began + 3 * 3600
    told(hub, mine, number=61)
    assert len(kept(hub, 10)) == 31  # 30 at once, and the new one
    place.clock.now += 61
    told(hub, mine, number=62)
    assert len(kept(hub, 10)) == 2
    assert sum(kept(hub, 300).values()) == 62
    place.clock.now = began + 36 * 86_400
    told(hub, mine, number=63, run="another")
    assert [len(values(hub, one.width)) for one in VALUES] == [1, 1]
    assert sum(kept(hub, 3600).values()) == 63
    with hub.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(tables.measured)).scalar_one() == 1  # the run before is gone


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 400)), min_size=1, max_size=8), st.integers(1, 4))
def test_sums_do_not_depend_on_how_windows_come(tmp_path_factory: Any, drawn: list[tuple[int, int]], parts: int) -> None:
    """Any windows, in messages of any length, sent twice: what is kept is their sum, in each width."""
    from tests.unit.hub.served import opened

    hub, _ = opened(tmp_path_factory.mktemp("hub"))
    try:
        published = hub.publish("churn", package(), actor="ada")
        now = hub.database.clock()
        every = [window(at, now - back, of(published, counted(number))) for at, (number, back) in enumerate(drawn, 1)]
        for begin in range(0, len(every), parts):
            message = Measures("r", "na", every[begin : begin + parts])
            assert hub.record_measures("na-1", message) == hub.record_measures("na-1", message)
        total = sum(number for number, _ in drawn)
        assert [sum(kept(hub, one.width).values()) for one in REQUESTS] == [total] * 3
    finally:
        hub.close()
