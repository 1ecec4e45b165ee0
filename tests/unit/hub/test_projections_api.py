"""What regions may know of profiles, and that edges are told of it, at once and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.hub import persons
from tests.integration.edge.running import wait
from tests.unit.hub.conftest import Place
from tests.unit.hub.persons import KEY, VIEWS, asked, changes, collected, customer, prediction, reading, told, view, writing
from tests.unit.hub.served import Served, served

REGION = "/v1/regions/na/projection"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def publish(hub: Served, data: bytes, name: str = "churn", region: str = "na") -> dict[str, Any]:
    answer = hub.client.post(f"/v1/services/{name}/versions", params={"region": region, "allow_incompatible": True}, content=data)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def seed(hub: Served) -> None:
    """A customer of age 41 and gold, with three views."""
    person = customer(person={"name": {"firstName": "Ada"}}, loyalty={"tier": "gold", "points": 120.0})
    assert collected(hub, person, "crm", "shop-profile")["accepted"] == 1
    assert collected(hub, [view(1), view(2), view(3)])["accepted"] == 3


def attributes(hub: Served, region: str = "na") -> Any:
    (one,) = asked(hub, KEY, region=region)["projections"]
    return one.get("attributes", {})


def test_a_region_knows_what_its_services_read_and_nothing_else(hub: Served) -> None:
    seed(hub)
    assert attributes(hub) == {}
    publish(hub, reading("loyalty.points"))
    publish(hub, reading("loyalty.tier"), "tiers", "emea")
    assert attributes(hub) == {"loyalty.points": 120.0}
    assert attributes(hub, "emea") == {"loyalty.tier": "gold"}
    assert attributes(hub, "apac") == {}
    (one,) = asked(hub, KEY)["projections"]
    assert (one["found"], one["key"], one.get("consent", True)) == (True, KEY, True)
    found = hub.client.get(REGION).json()
    assert (found["mode"], found["attributes"], len(found["aggregates"])) == ("auto", ["loyalty.points"], 1)


def test_aggregates_of_a_published_reader_are_counted_over_what_was_there_before(hub: Served) -> None:
    seed(hub)
    publish(hub, reading())
    from rtml_plugins.profile.aggregates import Aggregate

    counted = Aggregate.parse(VIEWS)
    assert hub.client.get("/v1/profiles/aggregates").json() == {counted.id: counted.to_json()}
    (one,) = asked(hub, KEY)["projections"]
    assert counted.value(one["aggregates"][counted.id], 2**60) == 3
    collected(hub, [view(4)])
    (one,) = asked(hub, KEY)["projections"]
    assert counted.value(one["aggregates"][counted.id], 2**60) == 4


def test_a_hub_without_the_extra_warns_who_publishes_a_reader(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "find_spec", lambda name: None)
    (warning,) = publish(hub, reading())["warnings"]
    assert "pip install 'rtml[xdm]'" in warning
    monkeypatch.undo()
    publish(hub, reading(), "again")
    assert len(hub.client.get("/v1/profiles/aggregates").json()) == 1


def test_a_choice_goes_before_what_services_read(hub: Served) -> None:
    seed(hub)
    publish(hub, reading("loyalty.points"))
    chosen = hub.client.put(REGION, json={"attributes": ["person.name"], "ttl": 900}).json()
    assert (chosen["mode"], chosen["attributes"], chosen["ttl"]) == ("chosen", ["person.name"], 900.0)
    assert chosen["left_out"] == [
        f"service 'churn' reads attribute loyalty.points, aggregate {_views()}, which the projection of region 'na' leaves"
        " out: there it gets the defaults that its author gave"
    ]
    (one,) = asked(hub, KEY)["projections"]
    assert one["attributes"] == {"person.name": {"firstName": "Ada"}}
    assert (one.get("aggregates", {}), one["ttl"]) == ({}, 900.0)
    warned = publish(hub, reading("loyalty.tier"), "tiers")["warnings"]
    assert len(warned) == 1
    assert warned[0].startswith("service 'tiers' reads attribute loyalty.tier, aggregate ")
    assert hub.client.delete(REGION).json()["mode"] == "auto"
    assert set(attributes(hub)) == {"loyalty.points", "loyalty.tier"}
    assert hub.client.delete(REGION).status_code == 404


def _views() -> str:
    from rtml_plugins.profile.aggregates import Aggregate

    return Aggregate.parse(VIEWS).id


def test_of_a_chosen_object_a_reader_gets_its_part(hub: Served) -> None:
    seed(hub)
    publish(hub, reading("loyalty.points"))
    chosen = hub.client.put(REGION, json={"attributes": ["loyalty"], "aggregates": [_views()]}).json()
    assert chosen["left_out"] == []
    assert attributes(hub) == {"loyalty": {"tier": "gold", "points": 120.0}, "loyalty.points": 120.0}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ttl": 5}, "600"),
    ({"attributes": ["a..b"]}, "a..b"),
    ({"attributes": [""]}, "/attributes/0"),
    ({"aggregates": ["views"]}, "12 hexadecimal digits"),
    ({"atributes": []}, "no such field"),
]


def test_a_choice_that_can_not_be_is_refused(hub: Served) -> None:
    for body, said in REFUSED:
        answer = hub.client.put(REGION, json=body)
        assert answer.status_code == 422, body
        assert said in answer.json()["detail"]
    assert hub.client.get(REGION).json()["mode"] == "auto"


def test_of_who_refused_personalisation_a_region_knows_only_that(hub: Served) -> None:
    seed(hub)
    publish(hub, reading("loyalty.points"))
    collected(hub, customer(consents={"personalize": {"content": {"val": "n"}}}), "crm", "shop-profile")
    (one,) = asked(hub, KEY)["projections"]
    assert (one["found"], one["consent"]) == (True, False)
    assert (one.get("attributes", {}), one.get("aggregates", {})) == ({}, {})


def test_an_edge_is_told_at_once_of_what_it_asked_for(hub: Served) -> None:
    seed(hub)
    publish(hub, reading("loyalty.points"))
    feed = asked(hub, KEY, "ecid:nobody")
    assert changes(hub, feed) == {"epoch": feed["epoch"], "cursor": feed["cursor"]}
    found: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: found.append(changes(hub, feed, wait=60.0)))
    thread.start()
    collected(hub, [customer(loyalty={"points": 130.0}), customer("someone-else")], "crm", "shop-profile")
    thread.join(50)
    (told,) = found  # long before its time was up
    assert [(one["key"], one["attributes"]) for one in told["changed"]] == [(KEY, {"loyalty.points": 130.0})]
    assert changes(hub, told).get("changed", []) == []


def test_large_profiles_come_in_several_answers(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from rtml_plugins.hub.api import projections

    monkeypatch.setattr(projections, "_LARGEST_ANSWER", 5_000)
    hub.client.put(REGION, json={"attributes": ["person.name.firstName"]})
    feed = asked(hub, *(f"ecid:{number}" for number in range(10, 18)), "ecid:nobody")
    people = [customer(str(number), person={"name": {"firstName": "x" * 2_000}}) for number in range(10, 17)]
    assert collected(hub, people, "crm", "shop-profile")["accepted"] == 7
    sizes, seen = [], []
    for _ in range(4):
        found = changes(hub, feed)
        feed = {"epoch": found["epoch"], "cursor": found["cursor"]}
        seen += [one["key"] for one in found["changed"]]
        sizes.append(len(found["changed"]))
    assert (sizes, sorted(seen)) == ([2, 2, 2, 1], [f"ecid:{number}" for number in range(10, 17)])
    assert changes(hub, feed).get("changed", []) == []


def test_edges_of_many_regions_are_all_told(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from rtml_plugins.hub import data

    monkeypatch.setattr(data, "_REGIONS", 2)
    feeds = {region: asked(hub, KEY, edge=f"{region}-1", region=region) for region in ("na", "emea", "apac", "latam")}
    for region in feeds:
        assert hub.client.put(f"/v1/regions/{region}/projection", json={"attributes": ["loyalty"]}).status_code == 200
    for region, feed in feeds.items():
        assert changes(hub, feed, edge=f"{region}-1", region=region)["epoch"] != feed["epoch"], region


def test_an_enrichment_is_at_the_edge_right_after_the_prediction(hub: Served) -> None:
    publish(hub, reading("_acme.churn.score"), "reader")
    publish(hub, writing("_acme.churn"))
    feed = asked(hub, KEY)
    assert told(hub, prediction(0.75)) == 1
    (one,) = changes(hub, feed, wait=60.0)["changed"]
    assert one["attributes"] == {"_acme.churn.score": 0.75}


def test_what_comes_to_somebody_nobody_knew_is_told_too(hub: Served) -> None:
    publish(hub, reading("loyalty.points"))
    feed = asked(hub, KEY)
    assert feed["projections"] == [{"key": KEY}] or feed["projections"][0].get("found", False) is False
    seed(hub)
    changed = changes(hub, feed)["changed"]
    assert [one["attributes"] for one in changed] == [{"loyalty.points": 120.0}]


def test_identities_that_became_one_person_are_all_told(hub: Served) -> None:
    publish(hub, reading("loyalty.points"))
    seed(hub)
    feed = asked(hub, "crmid:a")
    both = {"identityMap": {"ECID": [{"id": "38652"}], "CRMID": [{"id": "A"}]}}
    collected(hub, view(9, **both))
    assert changes(hub, feed).get("changed", []) == []  # ids are compared as they are
    feed = asked(hub, "crmid:A", "crmid:B")
    assert feed["projections"][0]["attributes"] == {"loyalty.points": 120.0}
    collected(hub, view(10, identityMap={"ECID": [{"id": "38652"}], "CRMID": [{"id": "B"}]}))
    assert {one["key"]: one["attributes"] for one in changes(hub, feed)["changed"]} == {
        key: {"loyalty.points": 120.0} for key in ("crmid:A", "crmid:B")
    }


def test_an_erased_person_is_gone_at_the_edge(hub: Served) -> None:
    publish(hub, reading("loyalty.points"))
    seed(hub)
    feed = asked(hub, KEY)
    assert hub.client.delete("/v1/profiles", params={"namespace": "ECID", "id": "38652"}).json()["found"]
    assert changes(hub, feed)["gone"] == [KEY]


def test_edges_ask_anew_when_what_they_may_know_changes(hub: Served) -> None:
    seed(hub)
    publish(hub, reading("loyalty.points"))
    feed = asked(hub, KEY)
    publish(hub, reading("loyalty.tier"), "tiers")
    after = changes(hub, feed, wait=60.0)
    assert after["epoch"] != feed["epoch"]
    assert set(attributes(hub)) == {"loyalty.points", "loyalty.tier"}
    feed = asked(hub, KEY)
    waiting: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: waiting.append(changes(hub, feed, wait=60.0)))
    thread.start()
    hub.client.put(REGION, json={"attributes": []})
    thread.join(50)
    assert waiting[0]["epoch"] != feed["epoch"]
    assert attributes(hub) == {}
    feed = asked(hub, KEY)
    assert (
        hub.client.put("/v1/profiles/policies/web", json={"default": True, "attributes": "timestampOrdered"}).status_code == 200
    )
    assert changes(hub, feed)["epoch"] != feed["epoch"]


def test_an_edge_that_knows_another_hub_or_none_gets_an_epoch(hub: Served) -> None:
    found = hub.client.get("/v1/edges/na-1/projections/changes?region=na").json()
    assert found["epoch"]
    assert changes(hub, {"epoch": "of another hub", "cursor": 7})["epoch"] == found["epoch"]


def test_a_poll_ends_when_the_hub_stops(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        feed = asked(hub, KEY)
        found: list[dict[str, Any]] = []
        thread = threading.Thread(target=lambda: found.append(changes(hub, feed, wait=60.0)))
        thread.start()
        wait(lambda: hub.app.state.context.changes._waiting == 1)
        hub.portal.call(hub.app.state.context.changes.drain)
        thread.join(50)
        assert found == [{"epoch": feed["epoch"], "cursor": feed["cursor"]}]


def test_a_choice_is_kept_on_every_database(place: Place) -> None:
    from rtml_plugins.hub.projecting import Setting

    hub = place.open()
    before = hub.revision("na")
    hub.project("na", Setting(("b", "a", "a")), actor="ada")
    assert hub.revision("na") > before
    found = place.open().projection("na")
    assert (found.mode, found.attributes, found.updated_by) == ("chosen", ("a", "b"), "ada")
    hub.project("na", Setting(("a", "b")), actor="grace")  # as it is already
    assert hub.projection("na").updated_by == "ada"
    assert hub.unproject("na", actor="ada").mode == "auto"
