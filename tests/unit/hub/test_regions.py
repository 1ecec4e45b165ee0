"""What edges are told and report, how far a change has come, and what becomes of packages that nobody needs."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert

from rtml_core.client.records import Arm, Region, Traffic
from rtml_plugins.hub import edges, managing, tables
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.store import identity
from rtml_plugins.serving.names import NameRefused
from rtml_plugins.serving.wire import EXCHANGE, EdgeReport, RegionState, ServiceStatus, VersionEntry
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import package

ME = "ada"


def report(hub: Hub, edge: str, region: str = "na", revision: int = 0, **more: Any) -> None:
    given = {"ready": True, "workers": 2, "rtml": "0.1.0", "started": "2026-11-21T10:15:00.000Z", **more}
    hub.report_edge(edge, EdgeReport(region, f"http://{edge}:8001", revision=revision, **given))


def test_a_region_is_told_what_it_serves_and_nothing_else(hub: Hub) -> None:
    for number in (1, 2, 3, 4, 5):
        hub.publish("churn", package(number), actor=ME, regions=["na", "emea"], description="who leaves")
    hub.publish("price", package(1), actor=ME, regions=["emea"])
    hub.set_traffic("churn", Traffic(5, canary=Arm(3, 0.1), split=(Arm(2, 0.2),), shadow=1, sticky="age"), actor=ME)
    state = hub.region_state("na")
    assert (state.exchange, state.hub, state.region, state.revision) == (EXCHANGE, hub.id, "na", hub.revision("na"))
    (entry,) = state.services
    assert (entry.name, entry.id, entry.description) == ("churn", hub.get("churn").id, "who leaves")
    assert entry.traffic == hub.get("churn").traffic
    assert [one.version for one in entry.versions] == [1, 2, 3, 4, 5]  # 4: the champion before
    assert entry.versions[0] == VersionEntry(1, str(identity(package(1))), len(package(1)))
    assert [service.name for service in hub.region_state("emea").services] == ["churn", "price"]
    assert hub.region_state("apac").services == ()
    assert msgspec.json.decode(msgspec.json.encode(state), type=RegionState) == state


def test_edges_hold_what_a_rollback_would_need(hub: Hub) -> None:
    for number in (1, 2, 3):
        hub.publish("churn", package(number), actor=ME)
    hub.rollback("churn", actor=ME)
    assert [one.version for one in hub.region_state("na").services[0].versions] == [1, 2]


def test_a_revision_grows_for_whom_it_concerns(hub: Hub) -> None:
    def revisions() -> tuple[int, ...]:
        return tuple(hub.revision(region) for region in ("na", "emea", "apac"))

    assert revisions() == (1, 1, 1)
    assert hub.publish("churn", package(1), actor=ME, regions=["na", "emea"]).revision == 2
    assert revisions() == (2, 2, 1)
    hub.update("churn", actor=ME, regions=["na", "apac"])
    assert revisions() == (2, 3, 3)
    hub.update("churn", actor=ME, description="new")
    assert revisions() == (4, 3, 4)
    hub.update("churn", actor=ME, owner="new")
    assert revisions() == (4, 3, 4)
    with hub.database.write(ME) as change:
        change.bump_all()
    assert revisions() == (5, 5, 5)
    hub.delete("churn", actor=ME)
    assert revisions() == (6, 5, 6)


def test_edges_are_told_of_keys_that_mean_something_there(hub: Hub, place: Place) -> None:
    def key(name: str, scopes: str, **more: Any) -> dict[str, Any]:
        row = {
            "id": name,
            "name": name,
            "hash": "h" * 64,
            "scopes": scopes,
            "created": "x",
            "created_by": ME,
            "last_four": "aaaa",
        }
        return {"services": None, "expires": None, "revoked": None, "rate": None, **row, **more}

    assert (hub.region_state("na").keys, hub.region_state("na").locked) == ((), False)
    with hub.database.write(ME) as change:
        rows = [
            key("a", '["predict"]', services='["churn"]', rate=2.5, expires="2023-11-14T22:13:21.000Z"),
            key("b", '["publish","edge"]'),
            key("c", '["admin"]'),
            key("d", '["predict"]', revoked="2023-11-14T22:13:20.000Z"),
        ]
        change.execute(insert(tables.api_keys), rows)
        change.bump_all()
    state = hub.region_state("na")
    assert state.locked
    assert [entry.id for entry in state.keys] == ["a", "c"]
    first = state.keys[0]
    assert (first.hash, first.scopes, first.services, first.rate) == ("h" * 64, ("predict",), ("churn",), 2.5)
    assert first.expires == place.clock.now + 1
    place.clock.now += 1
    assert [entry.id for entry in hub.region_state("na").keys] == ["c"]


def test_an_edge_is_away_when_it_is_not_heard_of(hub: Hub, place: Place) -> None:
    failed = ServiceStatus("churn", (1,), "failed", "it does not load")
    report(hub, "Host-1.local", revision=3, services=(failed,), stats={"rate": 2.0})
    (edge,) = hub.edges()
    assert (edge.id, edge.region, edge.url, edge.state) == ("Host-1.local", "na", "http://Host-1.local:8001", "ready")
    assert (edge.revision, edge.workers, edge.seen, edge.stats) == (3, 2, "2023-11-14T22:13:20.000Z", {"rate": 2.0})
    assert (edge.services[0].state, edge.services[0].problem) == ("failed", "it does not load")
    report(hub, "Host-1.local", "emea", ready=False)
    assert [(one.region, one.state) for one in hub.edges()] == [("emea", "not ready")]
    place.clock.now += edges.AWAY
    assert hub.edges()[0].state == "not ready"
    place.clock.now += 0.1
    assert hub.edges()[0].state == "away"
    assert hub.edges("na") == []
    hub.forget_edge("Host-1.local", actor=ME)
    assert hub.edges() == []
    with pytest.raises(NotFound, match=r"edge 'Host-1\.local' does not exist"):
        hub.forget_edge("Host-1.local", actor=ME)
    for name, region in (("", "na"), ("a/b", "na"), ("edge", "N A")):
        with pytest.raises(NameRefused):
            report(hub, name, region)


def test_reports_change_no_revision_and_fill_no_log(hub: Hub) -> None:
    heard: list[int] = []
    hub.changed.append(lambda: heard.append(1))
    before = hub.revision("na"), hub.audit()
    report(hub, "edge-1")
    report(hub, "edge-1")
    assert ((hub.revision("na"), hub.audit()), heard) == (before, [])


def test_a_rollout_waits_for_no_edge_that_is_being_stopped(hub: Hub) -> None:
    revision = hub.publish("churn", package(1), actor=ME, regions=["na"]).revision
    report(hub, "na-1", "na", revision)
    report(hub, "na-2", "na", 0, workers=0, ready=False)
    assert hub.rollout("churn").complete
    report(hub, "na-2", "na", 0, workers=1)
    assert not hub.rollout("churn").complete


def test_a_rollout_is_complete_when_every_edge_that_is_there_has_it(hub: Hub, place: Place) -> None:
    revision = hub.publish("churn", package(1), actor=ME, regions=["na", "emea", "apac"]).revision
    report(hub, "na-1", "na", revision)
    report(hub, "emea-1", "emea", revision - 1)
    report(hub, "other", "elsewhere", 0)
    found = hub.rollout("churn")
    assert (found.revision, found.complete, found.regions_without_edge) == (revision, False, ("apac",))
    assert [edge.id for edge in found.edges] == ["emea-1", "na-1"]
    assert hub.rollout("churn", revision - 1).complete
    report(hub, "emea-1", "emea", revision)
    assert hub.rollout("churn").complete
    place.clock.now += 60
    report(hub, "na-1", "na", 0)
    assert not hub.rollout("churn").complete
    place.clock.now += 60
    assert hub.rollout("churn").regions_without_edge == ("apac", "emea", "na")


def test_a_rollout_asks_of_an_edge_what_concerns_its_region(hub: Hub) -> None:
    first = hub.publish("churn", package(1), actor=ME, regions=["na"]).revision
    report(hub, "na-1", "na", first)
    hub.update("churn", actor=ME, regions=["na", "emea"])
    assert hub.revision("emea") == first + 1
    assert hub.rollout("churn", first + 1).complete  # nothing changed for na
    report(hub, "emea-1", "emea", first)
    assert not hub.rollout("churn", first + 1).complete


def test_regions_are_counted(hub: Hub, place: Place) -> None:
    hub.publish("churn", package(1), actor=ME, regions=["na", "emea"])
    hub.publish("price", package(1), actor=ME, regions=["na"])
    report(hub, "a", "na")
    report(hub, "b", "na", ready=False)
    report(hub, "c", "apac")
    assert hub.regions() == [Region("apac", 0, 1, 1), Region("emea", 1, 0, 0), Region("na", 2, 2, 1)]


# ---- packages that nobody needs ---------------------------------------------------------------------------------------------


def test_packages_of_deleted_services_are_collected_after_a_grace(hub: Hub, place: Place) -> None:
    hub.publish("churn", package(1), actor=ME)
    hub.publish("churn", package(2), actor=ME)
    hub.publish("price", package(2), actor=ME)
    one, two = (str(identity(package(number))) for number in (1, 2))
    place.clock.now += 100
    hub.delete("churn", actor=ME)
    place.clock.now += 50
    assert not hub.collect(actor=ME, grace=60)
    place.clock.now += 50
    sizes = {one: len(package(1))}
    assert hub.collect(actor=ME, grace=60, dry_run=True) == sizes
    assert (hub.store.has(one), hub.audit(limit=1)[0].action) == (True, "service.delete")
    assert hub.collect(actor=ME, grace=60) == sizes
    assert (hub.store.has(one), hub.store.has(two)) == (False, True)
    assert hub.audit(limit=1)[0].details == {"packages": [one], "size": sizes[one]}
    assert not hub.collect(actor=ME, grace=60)
    again = hub.publish("churn", package(1), actor=ME)
    assert (again.version, hub.package(one)) == (3, package(1))
    place.clock.now += 1000
    assert not hub.collect(actor=ME, grace=60)


def test_what_a_publication_left_that_never_came_about_is_collected(hub: Hub, place: Place) -> None:
    import time

    stray = hub.store.put(package(1))
    place.clock.now = time.time() + 30
    assert not hub.collect(actor=ME, grace=3600)
    place.clock.now = time.time() + 7200
    for dry_run in (True, False):
        assert hub.collect(actor=ME, grace=3600, dry_run=dry_run) == {stray: len(package(1))}
    assert list(hub.store.packages()) == []


def test_a_package_that_is_published_while_it_is_collected_stays(hub: Hub, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector comes between the moment the bytes are put and the transaction: the worst moment."""
    hub.publish("old", package(1), actor=ME)
    hub.delete("old", actor=ME)
    put = hub.store.put
    collected: list[str] = []

    def put_and_collect(data: bytes) -> str:
        monkeypatch.undo()
        name = put(data)
        place.clock.now += 1000
        collected.extend(managing.collect(hub.database, hub.store, "janitor", 60))
        return name

    monkeypatch.setattr(hub.store, "put", put_and_collect)
    published = hub.publish("new", package(1), actor=ME)
    assert collected == [published.package]
    assert hub.package(published.package) == package(1)


# ---- at once ----------------------------------------------------------------------------------------------------------------


def test_the_same_package_published_at_once_is_one_version(place: Place) -> None:
    """From several threads of two hubs on one database."""
    hubs = [place.open(), place.open()]
    results: list[tuple[int, int, bool]] = []
    start = threading.Barrier(6)

    def publish(number: int) -> None:
        start.wait()
        for turn in (1, 2):
            made = hubs[number % 2].publish("churn", package(turn), actor=f"t{number}", regions=["na"])
            results.append((turn, made.version, made.created))

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service = hubs[0].get("churn")
    assert len(results) == 12
    assert sorted(version for _, version, created in results if created) == [1, 2]
    assert len({version for turn, version, _ in results if turn == 1}) == 1
    assert sorted(one.version for one in service.versions) == [1, 2]
    assert len({one.package for one in service.versions}) == 2
    assert hubs[1].revision("na") == 3
    assert len(hubs[1].audit()) == 2


PUBLISH = """
import sys
from pathlib import Path
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.store import PackageStore
hub = Hub(open_database(sys.argv[1]), PackageStore(sys.argv[2]))
data = Path(sys.argv[3]).read_bytes()
print("ready", flush=True)
sys.stdin.readline()
made = hub.publish("churn", data, actor="a process", regions=["na"])
print(made.version, made.created)
hub.close()
"""


def test_the_same_package_published_at_once_by_two_processes_is_one_version(place: Place, tmp_path: Path) -> None:
    hub = place.open()
    (tmp_path / "one.rtml").write_bytes(package(1))
    command = [sys.executable, "-c", PUBLISH, place.url, str(place.folder / "packages"), str(tmp_path / "one.rtml")]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = []
    for process in started:
        with process:
            out, said = process.communicate(timeout=120)
            assert process.returncode == 0, said
            answers.append(out)
    assert sorted(answers) == ["1 False\n", "1 True\n"]
    assert (len(hub.get("churn").versions), len(hub.audit()), hub.revision("na")) == (1, 1, 2)


def test_changes_at_once_are_all_made(place: Place) -> None:
    hubs = [place.open(), place.open()]
    names = [f"s{number}" for number in range(4)]

    def work(number: int) -> None:
        hub = hubs[number % 2]
        for turn in (1, 2, 3):
            hub.publish(names[number], package(turn), actor=names[number], regions=["na"])
        hub.rollback(names[number], actor=names[number])
        report(hub, "edge", revision=number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    services, total = hubs[0].list()
    assert total == 4
    assert [(service.name, service.traffic.champion, len(service.versions)) for service in services] == [(n, 2, 3) for n in names]
    assert hubs[1].revision("na") == 1 + 4 * 4
    assert len(hubs[0].edges()) == 1
