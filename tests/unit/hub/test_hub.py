"""Services, versions, traffic and deletion, on SQLite and on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from rtml_core.client.records import Arm, Traffic
from rtml_plugins.hub.errors import Conflict, HubError, NotFound, Refused
from rtml_plugins.hub.hub import Hub
from rtml_plugins.serving.names import NameRefused
from rtml_plugins.serving.routing import TrafficRefused
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import SCHEMA, package
from tests.unit.hub.steer import canary, promote

ME = "ada"


def publish(hub: Hub, number: float = 1, name: str = "churn", **options: Any) -> int:
    return hub.publish(name, package(number), actor=ME, **options).version


def test_a_new_service_is_served_where_its_author_says(hub: Hub) -> None:
    made = hub.publish("churn", package(1), actor=ME, regions=["na", "emea", "na"], description="who leaves", message="first")
    assert (made.service, made.version, made.created, made.regions, made.changes) == ("churn", 1, True, ("emea", "na"), ())
    service = hub.get("churn")
    assert (service.id, service.description, service.owner, service.traffic) == (made.id, "who leaves", ME, Traffic(1))
    version = service.versions[0]
    assert (version.version, version.package, version.created_by) == (1, made.package, ME)
    assert (version.description, version.compatible, version.portable) == ("first", True, True)
    assert version.size == len(package(1)) == len(hub.package(made.package))


def test_a_service_without_regions_goes_where_edges_are(hub: Hub) -> None:
    assert hub.publish("one", package(1), actor=ME).regions == ("na",)
    report(hub, "edge-1", "emea")
    report(hub, "edge-2", "apac")
    assert hub.publish("two", package(1), actor=ME).regions == ("apac", "emea")


def test_the_newest_version_becomes_champion_and_the_one_before_stays_on_the_edges(hub: Hub) -> None:
    assert [publish(hub, number) for number in (1, 2, 3)] == [1, 2, 3]
    assert hub.get("churn").traffic == Traffic(3)
    assert [version.version for version in hub.get("churn").versions] == [3, 2, 1]
    assert held(hub) == {"churn": [2, 3]}


def test_the_same_package_twice_is_one_version(hub: Hub) -> None:
    first = hub.publish("churn", package(1), actor=ME, regions=["na"])
    publish(hub, 2)
    before = hub.revision("na"), hub.audit(), hub.get("churn")
    again = hub.publish("churn", package(1), actor=ME)
    assert (again.created, again.version, again.package) == (False, 1, first.package)
    assert (hub.revision("na"), hub.audit(), hub.get("churn")) == before


def test_publishing_again_brings_lost_bytes_back(hub: Hub) -> None:
    package_id = hub.publish("churn", package(1), actor=ME).package
    hub.store.delete(package_id)
    with pytest.raises(NotFound, match="Publish it again"):
        hub.package(package_id)
    assert not hub.publish("churn", package(1), actor=ME).created
    assert hub.package(package_id) == package(1)


def test_publishing_again_adds_a_region_and_takes_none_away(hub: Hub) -> None:
    publish(hub, regions=["na", "emea"])
    again = hub.publish("churn", package(1), actor=ME, regions=["apac"], description="more")
    assert (again.created, again.regions) == (False, ("apac", "emea", "na"))
    assert hub.get("churn").description == "more"
    assert held(hub, "apac") == {"churn": [1]}
    assert publish(hub, 2, regions=["na"]) == 2
    assert hub.get("churn").regions == ("apac", "emea", "na")


def test_a_version_may_wait_for_its_traffic(hub: Hub) -> None:
    publish(hub, 1)
    revision = hub.revision("na")
    assert publish(hub, 2, traffic="keep") == 2
    assert (hub.get("churn").traffic, hub.revision("na"), held(hub)) == (Traffic(1), revision, {"churn": [1]})
    hub.set_traffic("churn", Traffic(1, shadow=2), actor=ME)
    assert held(hub) == {"churn": [1, 2]}


def test_a_first_version_is_champion_whatever_was_asked_for(hub: Hub) -> None:
    publish(hub, 1, traffic="keep")
    publish(hub, 1, name="other", share=0.1)
    assert hub.get("churn").traffic == hub.get("other").traffic == Traffic(1)


def test_a_canary_grows_and_becomes_champion(hub: Hub) -> None:
    publish(hub, 1)
    publish(hub, 2, share=0.1)
    assert hub.get("churn").traffic == Traffic(1, canary=Arm(2, 0.1))
    assert canary(hub, 2, 0.5).traffic == Traffic(1, canary=Arm(2, 0.5))
    assert promote(hub).traffic == Traffic(2)
    assert hub.rollback("churn", actor=ME).traffic == Traffic(1)


def test_a_newer_canary_takes_the_place_of_the_one_before(hub: Hub) -> None:
    publish(hub, 1)
    publish(hub, 2, share=0.1)
    publish(hub, 3, share=0.2)
    assert hub.get("churn").traffic == Traffic(1, canary=Arm(3, 0.2))
    assert canary(hub, 3, 0).traffic == Traffic(1)


def test_a_new_champion_does_not_come_into_an_experiment(hub: Hub) -> None:
    publish(hub, 1)
    publish(hub, 2, share=0.1)
    with pytest.raises(Conflict, match=r"shares its requests out \(version 2 10%\)"):
        publish(hub, 3)
    assert publish(hub, 3, traffic="keep") == 3
    hub.set_traffic("churn", Traffic(1, split=(Arm(2, 0.5), Arm(3, 0.4))), actor=ME)
    with pytest.raises(TrafficRefused, match="add up to"):
        publish(hub, 4, share=0.2)
    assert promote(hub, version=3).traffic == Traffic(3, split=(Arm(2, 0.5),))


def test_a_rollback_goes_down_the_champions(hub: Hub) -> None:
    for number in (1, 2, 3):
        publish(hub, number)
    hub.set_traffic("churn", Traffic(3, canary=Arm(2, 0.1), shadow=1, sticky="age"), actor=ME)
    assert hub.rollback("churn", actor=ME).traffic == Traffic(2, sticky="age")
    assert hub.rollback("churn", actor=ME).traffic == Traffic(1, sticky="age")
    with pytest.raises(Conflict, match="no champion before version 1"):
        hub.rollback("churn", actor=ME)
    publish(hub, 4)
    assert hub.rollback("churn", actor=ME).traffic.champion == 1


def test_a_rollback_may_name_its_version(hub: Hub) -> None:
    for number in (1, 2, 3):
        publish(hub, number)
    publish(hub, 4, traffic="keep")
    assert hub.rollback("churn", to=1, actor=ME).traffic == Traffic(1)
    with pytest.raises(Conflict):
        hub.rollback("churn", actor=ME)
    assert hub.rollback("churn", to=4, actor=ME).traffic == Traffic(4)
    assert hub.rollback("churn", actor=ME).traffic == Traffic(1)
    with pytest.raises(NotFound, match=r"no version 9. It has: 1, 2, 3, 4"):
        hub.rollback("churn", to=9, actor=ME)


@pytest.mark.parametrize(
    ("traffic", "says"),
    [
        (Traffic(7), "version 7 does not exist"),
        (Traffic(1, canary=Arm(1, 0.1)), "twice"),
        (Traffic(1, canary=Arm(2, 1.0)), "less than 1"),
        (Traffic(1, sticky="aeg"), "sticky by the field 'aeg'.*Did you mean 'age'"),
    ],
)
def test_traffic_that_can_not_be_is_refused(hub: Hub, traffic: Traffic, says: str) -> None:
    publish(hub, 1)
    publish(hub, 2)
    before = hub.get("churn"), hub.audit(), hub.revision("na")
    with pytest.raises(TrafficRefused, match=says):
        hub.set_traffic("churn", traffic, actor=ME)
    assert (hub.get("churn"), hub.audit(), hub.revision("na")) == before


def test_traffic_may_be_sticky_by_a_field_that_the_service_ignores(hub: Hub) -> None:
    hub.publish("churn", package(1, extra="ignore"), actor=ME)
    assert hub.set_traffic("churn", Traffic(1, sticky="visitor"), actor=ME).traffic.sticky == "visitor"


def test_a_service_is_described_and_moved(hub: Hub) -> None:
    publish(hub, regions=["na"])
    moved = hub.update("churn", actor=ME, description="who leaves", owner="team", regions=["emea", "apac"])
    assert (moved.description, moved.owner, moved.regions) == ("who leaves", "team", ("apac", "emea"))
    assert (held(hub, "na"), held(hub, "emea")) == ({}, {"churn": [1]})
    assert hub.update("churn", actor=ME, owner="").owner == ""
    with pytest.raises(Conflict, match="at least one region"):
        hub.update("churn", actor=ME, regions=[])
    with pytest.raises(NameRefused, match="no name of a region"):
        hub.update("churn", actor=ME, regions=["E MEA"])


def test_a_deprecated_service_goes_on_and_says_so(hub: Hub, place: Place) -> None:
    publish(hub)
    hub.deprecate("churn", reason="use churn-2", actor=ME)
    since = hub.get("churn").deprecated
    place.clock.now += 60
    assert hub.deprecate("churn", reason="use churn-3", actor=ME).deprecated == since
    entry = hub.region_state("na").services[0]
    assert (entry.deprecated, entry.deprecation) == (since, "use churn-3")
    assert [service.name for service in hub.list(state="deprecated")[0]] == ["churn"]
    assert hub.list(state="active") == ([], 0)
    assert hub.restore("churn", actor=ME).deprecated is None
    assert hub.region_state("na").services[0].deprecated is None


def test_a_deleted_service_leaves_its_name_and_its_numbers(hub: Hub) -> None:
    publish(hub, 1)
    publish(hub, 2)
    first = hub.get("churn")
    hub.delete("churn", actor=ME)
    with pytest.raises(NotFound):
        hub.get("churn")
    assert (held(hub), hub.list()) == ({}, ([], 0))
    again = hub.publish("churn", package(2), actor=ME)
    assert (again.version, again.created) == (3, True)
    assert again.id != first.id
    assert [service.id for service in hub.list(state="deleted")[0]] == [first.id]
    with pytest.raises(Conflict, match="no champion before"):
        hub.rollback("churn", actor=ME)


def test_services_are_found(hub: Hub) -> None:
    for name, region in (("churn", "na"), ("price_x", "emea"), ("pricex", "na")):
        hub.publish(name, package(1), actor=ME, regions=[region], description=f"{name} of Ünsal 100%", owner="Team A")
    names = lambda **options: [service.name for service in hub.list(**options)[0]]  # noqa: E731
    assert names() == ["churn", "price_x", "pricex"]
    assert names(q="PRICE_") == ["price_x"]
    assert names(q="100%") == names(q="team a") == ["churn", "price_x", "pricex"]
    assert names(q="100_") == []
    assert names(region="na") == ["churn", "pricex"]
    assert names(limit=1, offset=1) == ["price_x"]
    assert hub.list(limit=1)[1] == 3
    with pytest.raises(HubError, match="Did you mean 'deleted'"):
        hub.list(state="delete")


def test_a_list_asks_the_same_few_questions_however_long_it_is(hub: Hub) -> None:
    asked: list[str] = []
    event.listen(hub.database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    def count() -> tuple[int, int]:
        asked.clear()
        hub.list()
        listed = len(asked)
        asked.clear()
        hub.region_state("na")
        return listed, len(asked)

    publish(hub, 1)
    few = count()
    for name in "abcdef":
        for number in (1, 2, 3):
            publish(hub, number, name=name)
    assert count() == few
    assert max(few) <= 10


def test_unknown_names_are_said_with_what_is_near(hub: Hub) -> None:
    publish(hub)
    with pytest.raises(NotFound, match=r"service 'chrun' does not exist\. There are: churn. Did you mean 'churn'"):
        hub.get("chrun")
    with pytest.raises(NotFound, match=r"no version 2\. It has: 1"):
        hub.version("churn", 2)
    with pytest.raises(NotFound, match="was never published"):
        hub.manifest("ab")
    with pytest.raises(NotFound, match="no id of a package"):
        hub.package("../../etc/passwd")
    with pytest.raises(NameRefused, match="no name of a service"):
        publish(hub, name="Churn!")


@pytest.mark.parametrize("text", ["a\0b", "half \ud800"])
def test_texts_that_no_database_keeps_are_refused(hub: Hub, text: str) -> None:
    publish(hub)
    before = hub.get("churn"), hub.audit()
    for ask in (
        lambda: publish(hub, 2, description=text),
        lambda: publish(hub, 2, message=text),
        lambda: hub.update("churn", owner=text, actor=ME),
        lambda: hub.deprecate("churn", reason=text, actor=ME),
        lambda: hub.get(text),
        lambda: hub.list(q=text),
        lambda: hub.list(region=text),
        lambda: hub.audit(service=text),
    ):
        with pytest.raises(HubError, match="Unicode text without U"):
            ask()
    assert (hub.get("churn"), hub.audit()) == before
    with pytest.raises(NotFound):
        hub.manifest("ab")
    rich = "Größe 🎯 'quoted' \\ % _ \n"
    assert hub.update("churn", actor=ME, description=rich).description == rich
    assert hub.list(q="🎯")[1] == 1


def test_an_incompatible_package_is_refused_and_may_be_published_on_purpose(hub: Hub) -> None:
    publish(hub)
    other = package(1, schema={**SCHEMA, "age": "float", "city": "string"})
    with pytest.raises(Refused, match="not compatible with version 1 of service 'churn'") as refused:
        hub.publish("churn", other, actor=ME)
    assert "field 'age': was float or null, is float: requests with null would be refused" in refused.value.changes
    made = hub.publish("churn", other, actor=ME, allow_incompatible=True)
    assert made.changes == refused.value.changes
    assert [version.compatible for version in hub.get("churn").versions] == [False, True]
    assert hub.audit()[0].details["incompatible"]


def test_compatible_means_with_the_champion(hub: Hub) -> None:
    publish(hub, 1)
    other = package(2, schema={**SCHEMA, "city": "string"})
    hub.publish("churn", other, actor=ME, allow_incompatible=True)
    hub.rollback("churn", actor=ME)
    assert publish(hub, 3) == 3


def test_every_change_is_in_the_audit_log(hub: Hub, place: Place) -> None:
    publish(hub, 1)
    place.clock.now += 1
    publish(hub, 2, share=0.2)
    promote(hub, actor="bob")
    hub.rollback("churn", actor="bob")
    hub.update("churn", actor="bob", owner="team")
    hub.deprecate("churn", actor="bob", reason="old")
    hub.restore("churn", actor="bob")
    hub.delete("churn", actor="bob")
    with hub.database.write("bob") as change:
        change.audit("key.create", "churn")
    publish(hub, 1, name="other")
    actions = [(entry.actor, entry.action) for entry in reversed(hub.audit(service="churn"))]
    assert actions == [
        (ME, "service.publish"),
        (ME, "service.publish"),
        ("bob", "traffic.set"),
        ("bob", "traffic.rollback"),
        ("bob", "service.update"),
        ("bob", "service.deprecate"),
        ("bob", "service.restore"),
        ("bob", "service.delete"),
    ]
    newest = hub.audit(limit=1)[0]
    assert (newest.subject, newest.at) == ("other", "2023-11-14T22:13:21.000Z")
    assert [entry.number for entry in hub.audit(limit=2, before=newest.number)] == [newest.number - 1, newest.number - 2]
    promoted = hub.audit(service="churn")[5].details
    assert (promoted["before"]["champion"], promoted["after"]["champion"]) == (1, 2)


def test_what_changes_nothing_is_no_change(hub: Hub) -> None:
    publish(hub, 1, description="x")
    hub.set_traffic("churn", Traffic(1, sticky="age"), actor=ME)
    before = hub.audit(), hub.revision("na"), hub.get("churn")
    hub.set_traffic("churn", Traffic(1, sticky="age"), actor=ME)
    hub.update("churn", actor=ME, description="x", owner=ME, regions=["na"])
    hub.restore("churn", actor=ME)
    promote(hub, version=1)
    canary(hub, 1, 0)
    assert (hub.audit(), hub.revision("na"), hub.get("churn")) == before


def held(hub: Hub, region: str = "na") -> dict[str, list[int]]:
    """Versions that the edges of a region hold."""
    return {entry.name: [one.version for one in entry.versions] for entry in hub.region_state(region).services}


def report(hub: Hub, edge: str, region: str, revision: int = 0) -> None:
    from rtml_plugins.serving.wire import EdgeReport

    hub.report_edge(edge, EdgeReport(region, "http://127.0.0.1:1", True, revision, 1, "0.1.0", "2026-11-21T10:15:00.000Z"))
