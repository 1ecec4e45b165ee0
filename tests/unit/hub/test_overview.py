"""All services at a glance, on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

from rtml_core.client.records import Traffic
from rtml_plugins.hub.buckets import MIDDLE, Requests, bucket, together
from rtml_plugins.hub.hub import Hub
from rtml_plugins.serving.measures import SECONDS, Counted, Measures, VersionCounted, Window
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import package


def test_services_in_short_are_what_they_are_at_length(hub: Hub) -> None:
    for number in (1.0, 2.0, 3.0):
        hub.publish("churn", package(number), actor="ada", regions=["na", "emea"], description="Who leaves", owner="growth")
    hub.set_traffic("churn", Traffic(2), actor="ada")
    hub.publish("fare", package(4.0), actor="bob", regions=["apac"])
    hub.publish("fare", package(5.0), actor="bob", traffic="keep")
    hub.deprecate("fare", actor="bob", reason="use churn")
    hub.publish("gone", package(6.0), actor="bob")
    hub.delete("gone", actor="bob")
    hub.publish("again", package(7.0), actor="bob")
    hub.delete("again", actor="bob")
    hub.publish("again", package(8.0), actor="bob")
    services, _ = hub.list()
    briefs = hub.briefs()
    assert [one.name for one in briefs] == ["again", "churn", "fare"]
    for brief, service in zip(briefs, services, strict=True):
        champion = next(one for one in service.versions if one.version == service.traffic.champion)
        assert brief.package == champion.package
        same = ("id", "name", "description", "owner", "regions", "traffic", "created", "updated", "deprecated", "deprecation")
        for field in (*same, "change"):
            assert getattr(brief, field) == getattr(service, field), field
    hub.rollback("churn", actor="ada")
    assert {one.name: one.traffic.champion for one in hub.briefs()}["churn"] == 3


def test_entries_by_their_numbers(hub: Hub) -> None:
    hub.publish("churn", package(1.0), actor="ada")
    hub.deprecate("churn", actor="bob")
    entries = hub.audit()
    numbers = [entry.number for entry in entries]
    assert hub.entries([*numbers, 10**6, 0]) == {entry.number: entry for entry in entries}
    assert hub.entries([]) == {}


def test_rates_of_the_last_hour(hub: Hub, place: Place) -> None:
    place.clock.now = now = bucket(place.clock.now, MIDDLE.width) + 130.0
    published = hub.publish("churn", package(1.0), actor="ada", regions=["na"])
    other = hub.publish("fare", package(2.0), actor="ada", regions=["na"])

    def tell(run: str, region: str, since: float, requests: int) -> None:
        counted = Counted({"ok": requests - 1, "error": 1}, [requests] + [0] * len(SECONDS), 0.1)
        told = VersionCounted("churn", 1, published.package, counted)
        hub.record_measures(run, Measures(run, region, [Window(1, since, since + 10, [told])]))

    begin = now - 130.0
    tell("a", "na", begin - 200, 300)
    tell("b", "emea", begin - 100, 600)
    tell("c", "na", begin - 11 * 300 + 1, 30)
    tell("d", "na", begin - 11 * 300 - 20, 999)  # before the first step
    tell("e", "na", begin + 5, 240)
    found = hub.rates([published.id, other.id, "nobody"])
    assert found.keys() == {published.id}
    steps = found[published.id]
    assert steps == pytest.approx([0.1, *[0.0] * 9, 3.0, 240 / 120])
    place.clock.now = begin + 30  # too short a time to say something of
    assert len(hub.rates([published.id])[published.id]) == 11


def test_requests_are_added_up() -> None:
    first = Requests({"ok": 2, "error": 1}, [1, 2, 0], 0.5)
    second = Requests({"ok": 1}, [0, 0, 1], 0.25)
    assert together([first, Requests(), second]) == Requests({"ok": 3, "error": 1}, [1, 2, 1], 0.75)
    alone = together([first])
    assert alone == first
    alone.add({"ok": 1}, [1, 0, 0], 0.1)
    assert first == Requests({"ok": 2, "error": 1}, [1, 2, 0], 0.5)
    assert together([]) == Requests()
