"""How far edges are behind, in a hub on SQLite and on PostgreSQL."""

from __future__ import annotations

from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.keys import Keys
from rtml_plugins.hub.lag import Lag, Revisions
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import package


def lag(revisions: Revisions, region: str, revision: int) -> Lag:
    return revisions.lag(region, revision, revisions.now())


def test_changes_of_a_region_are_counted_from_the_first_that_is_missing(hub: Hub, place: Place) -> None:
    revisions = Revisions.of(hub.database)
    begin = hub.revision("na")
    assert lag(revisions, "na", begin) == Lag(0)
    place.clock.now = first = place.clock.now + 10
    hub.publish("churn", package(1.0), actor="ada", regions=["na"])
    place.clock.now += 10
    hub.publish("fare", package(2.0), actor="ada", regions=["emea"])
    place.clock.now += 10
    hub.publish("churn", package(3.0), actor="ada")
    assert lag(revisions, "na", begin) == Lag(2, first)
    assert lag(revisions, "na", hub.revision("na") - 1) == Lag(1, place.clock.now)
    assert lag(revisions, "na", hub.revision("na")) == Lag(0)
    assert lag(revisions, "emea", hub.revision("emea")) == Lag(0)
    assert lag(revisions, "emea", begin) == Lag(1, first + 10)


def test_changes_of_keys_concern_every_region(hub: Hub, place: Place) -> None:
    revisions = Revisions.of(hub.database)
    begin = hub.revision("na")
    place.clock.now += 5
    Keys(hub.database).create("boss", ["admin"])
    assert lag(revisions, "na", begin) == lag(revisions, "mars", begin) == Lag(1, place.clock.now)


def test_what_was_before_is_not_known(hub: Hub, place: Place) -> None:
    begin = hub.revision("na")
    hub.publish("churn", package(1.0), actor="ada", regions=["na"])
    hub.publish("churn", package(2.0), actor="ada")
    revisions = Revisions.of(hub.database)
    assert lag(revisions, "na", begin) == Lag(1, None, exact=False)


def test_an_edge_that_has_more_than_the_hub(hub: Hub) -> None:
    assert lag(Revisions.of(hub.database), "na", hub.revision("na") + 5) == Lag(0, ahead=True)


def test_a_database_has_one_memory_and_what_another_hub_changes_is_seen_when_asked(hub: Hub, place: Place) -> None:
    revisions = Revisions.of(hub.database)
    assert Revisions.of(hub.database) is revisions
    begin = hub.revision("na")
    place.open().publish("churn", package(1.0), actor="ada", regions=["na"])
    place.clock.now += 7
    assert lag(revisions, "na", begin) == Lag(1, place.clock.now)
