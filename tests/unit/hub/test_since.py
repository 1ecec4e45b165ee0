"""What is changed only while it is as it was looked at, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from rtml_core.client.records import Arm, Traffic
from rtml_plugins.hub.errors import Changed, NotFound
from rtml_plugins.hub.hub import Hub
from rtml_plugins.serving.routing import TrafficRefused
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import package


def publish(hub: Hub, *numbers: float, name: str = "churn", **options: Any) -> None:
    for number in numbers:
        hub.publish(name, package(number), actor="ada", **options)


def test_every_change_of_a_service_is_a_newer_one_and_nothing_else_is(hub: Hub) -> None:
    publish(hub, 1, 2)
    seen = [hub.get("churn").change]
    for change in (
        lambda: hub.set_traffic("churn", Traffic(1), actor="ada"),
        lambda: hub.rollback("churn", 2, actor="ada"),
        lambda: hub.update("churn", owner="ops", actor="ada"),
        lambda: hub.deprecate("churn", actor="ada"),
        lambda: hub.restore("churn", actor="ada"),
        lambda: hub.publish("churn", package(3), actor="ada", traffic="keep"),
    ):
        change()
        seen.append(hub.get("churn").change)
    assert seen == sorted(set(seen))
    publish(hub, 1, name="price")
    with hub.database.write("ada") as key:
        key.audit("key.create", "churn")  # a key may have the name of a service
    hub.set_traffic("churn", hub.get("churn").traffic, actor="ada")
    assert hub.get("churn").change == seen[-1] == hub.list(q="churn")[0][0].change
    hub.delete("churn", actor="ada")
    publish(hub, 1)
    assert hub.get("churn").change > seen[-1]


def test_what_somebody_changed_in_between_is_told_and_not_overwritten(hub: Hub) -> None:
    publish(hub, 1, 2)
    seen = [hub.get("churn").change]
    hub.set_traffic("churn", Traffic(2, canary=Arm(1, 0.1)), actor="grace")
    for change in (
        lambda: hub.set_traffic("churn", Traffic(1), actor="ada", seen=seen),
        lambda: hub.rollback("churn", actor="ada", seen=seen),
        lambda: hub.deprecate("churn", actor="ada", seen=seen),
        lambda: hub.restore("churn", actor="ada", seen=seen),
        lambda: hub.check_traffic("churn", Traffic(1), seen=seen),
    ):
        with pytest.raises(Changed, match=r"grace set its traffic to 2, canary 1 10 % at 2023-11-14 22:13:20Z\. Look at it"):
            change()
    assert hub.get("churn").traffic == Traffic(2, canary=Arm(1, 0.1))
    newest = hub.get("churn").change
    assert hub.set_traffic("churn", Traffic(1), actor="ada", seen=[*seen, newest]).traffic == Traffic(1)
    with pytest.raises(NotFound):
        hub.set_traffic("price", Traffic(1), actor="ada", seen=seen)


def test_each_kind_of_change_is_told_in_words(hub: Hub) -> None:
    publish(hub, 1)
    told = []
    for change in (
        lambda: hub.publish("churn", package(2), actor="bob", share=0.2),
        lambda: hub.rollback("churn", 2, actor="bob"),
        lambda: hub.update("churn", owner="ops", actor="bob"),
        lambda: hub.deprecate("churn", actor="bob"),
        lambda: hub.restore("churn", actor="bob"),
    ):
        seen = [hub.get("churn").change]
        change()
        with pytest.raises(Changed) as caught:
            hub.set_traffic("churn", Traffic(1), actor="ada", seen=seen)
        told.append(str(caught.value).partition("nothing was changed: ")[2].partition(" at 2023")[0])
    assert told == [
        "bob published version 2, traffic 1, canary 2 20 %",
        "bob rolled it back to 2",
        "bob changed what is said of it or where it is served",
        "bob deprecated it",
        "bob took its deprecation back",
    ]
    with pytest.raises(Changed, match=r"deprecated it at .*; bob changed .*Z; and more before\. Look"):
        hub.set_traffic("churn", Traffic(1), actor="ada", seen=[1])
    with pytest.raises(Changed, match="it was last changed when bob took its deprecation back at"):
        hub.set_traffic("churn", Traffic(1), actor="ada", seen=[])


def test_of_many_who_looked_at_the_same_one_changes_it(place: Place) -> None:
    """From several threads of two hubs on one database: two who roll back at once go back one champion."""
    hubs = [place.open(), place.open()]
    publish(hubs[0], *range(1, 8))
    seen = [hubs[0].get("churn").change]
    start = threading.Barrier(6)
    ends: list[str] = []

    def roll_back(number: int) -> None:
        start.wait()
        try:
            hubs[number % 2].rollback("churn", actor=f"t{number}", seen=seen)
            ends.append("done")
        except Changed as error:
            ends.append("told" if "rolled it back to 6" in str(error) else str(error))

    threads = [threading.Thread(target=roll_back, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["done"] + ["told"] * 5
    assert hubs[0].get("churn").traffic == Traffic(6)


def test_traffic_is_checked_without_a_change_and_what_is_wrong_of_it_is_named(hub: Hub) -> None:
    publish(hub, 1, 2)
    before = hub.get("churn")
    hub.check_traffic("churn", Traffic(1, Arm(2, 0.5), sticky="age"), seen=[before.change])
    for traffic, part, version in (
        (Traffic(2, Arm(9, 0.5)), "version", 9),
        (Traffic(2, Arm(2, 0.5)), "version", 2),
        (Traffic(2, Arm(1, 1.5)), "share", 1),
        (Traffic(2, Arm(1, 0.5), sticky="city"), "sticky", 2),
    ):
        with pytest.raises(TrafficRefused) as refused:
            hub.check_traffic("churn", traffic)
        assert (refused.value.part, refused.value.version) == (part, version)
    assert hub.get("churn") == before


def test_champions_are_told_with_since_when(place: Place) -> None:
    hub = place.open()
    publish(hub, 1)
    place.clock.now += 60
    publish(hub, 2)
    assert hub.champions("churn") == [(1, "2023-11-14T22:13:20.000Z"), (2, "2023-11-14T22:14:20.000Z")]
    hub.rollback("churn", actor="ada")
    assert hub.champions("churn") == [(1, "2023-11-14T22:13:20.000Z")]


def test_the_audit_log_is_narrowed(hub: Hub) -> None:
    publish(hub, 1, 2)
    publish(hub, 1, name="price")
    hub.set_traffic("churn", Traffic(1), actor="grace")
    with hub.database.write("ada") as change:
        change.audit("key.create", "churn")
    told = [
        [(entry.actor, entry.action, entry.subject) for entry in hub.audit(**only)]
        for only in ({"actor": "grace"}, {"kind": "traffic"}, {"kind": "key"}, {"within": ["price"]})
    ]
    grace = ("grace", "traffic.set", "churn")
    assert told == [[grace], [grace], [("ada", "key.create", "churn")], [("ada", "service.publish", "price")]]
    assert len(hub.audit(services_only=True)) == 4
    assert hub.audit(kind="%") == []
