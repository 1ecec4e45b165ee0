"""Persons over HTTP: looked up by any identity, exported, erased everywhere; and how they are made."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_core.timestamps import format_timestamp
from rtml_plugins.hub import ageing
from tests.integration.edge.running import wait
from tests.unit.hub.persons import AT, KEY, WHO, collected, customer, prediction, profile, settled, told, view, writing
from tests.unit.hub.served import Served, bearer, served


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def get(hub: Served, path: str, **query: Any) -> Any:
    return hub.client.get(f"/v1/profiles{path}", params={**WHO, **query})


def seed(hub: Served) -> None:
    both = {"ECID": [{"id": "38652", "primary": True}], "CRMID": [{"id": "A-1"}]}
    collected(hub, [{"identityMap": both, "loyalty": {"tier": "gold", "points": 120.0}}], "crm", "shop-profile")
    collected(hub, [view(number, day=number) for number in range(1, 6)])


def test_a_person_is_found_by_any_identity(hub: Served) -> None:
    seed(hub)
    found = get(hub, "").json()
    assert found == get(hub, "", namespace="crmid", id="A-1").json()
    assert found["attributes"] == {"loyalty": {"tier": "gold", "points": 120.0}}
    assert {(one["namespace"], one["id"], one["events"]) for one in found["identities"]} == {
        ("ECID", "38652", 5),
        ("CRMID", "A-1", 0),
    }
    assert (found["policy"], found["sources"]) == ("default", ["crm", "web"])
    chosen = get(hub, "", fields="loyalty.tier, identities").json()
    assert (chosen["attributes"], len(chosen["identities"])) == ({"loyalty": {"tier": "gold"}}, 2)
    assert get(hub, "", fields="loyalty.tier").json()["identities"] == []
    for status, query in ((404, {"id": "a-1"}), (404, {"namespace": "phone"}), (422, {"id": "null"}), (422, {"policy": "none"})):
        answer = get(hub, "", **query)
        assert answer.status_code == status, answer.text
    assert hub.client.get("/v1/profiles").status_code == 422


def test_events_come_in_order_of_time_in_pages(hub: Served) -> None:
    seed(hub)
    ids = lambda answer: [one["_id"] for one in answer.json()["events"]]  # noqa: E731
    assert ids(get(hub, "/events")) == ["e1", "e2", "e3", "e4", "e5"]
    first = get(hub, "/events", limit=2)
    assert ids(first) == ["e1", "e2"]
    assert ids(get(hub, "/events", limit=2, start=first.json()["next"])) == ["e3", "e4"]
    latest = get(hub, "/events", limit=2, descending=True)
    assert ids(latest) == ["e5", "e4"]
    assert ids(get(hub, "/events", descending=True, end=latest.json()["next"]))[0] == "e4"
    assert ids(get(hub, "/events", start="2026-11-02T00:00:00Z", end="2026-11-04T00:00:00+00:00")) == ["e2", "e3"]
    assert get(hub, "/events", start="soon").json()["errors"][0]["at"] == "query: start"
    assert get(hub, "/events", id="nobody").status_code == 404


@pytest.mark.parametrize("descending", [False, True])
def test_pages_end_however_many_events_are_of_one_moment(hub: Served, descending: bool) -> None:
    both = {"ECID": [{"id": "38652"}], "CRMID": [{"id": "A-1"}]}
    collected(hub, [view(60 * number, identityMap=both) for number in range(7)])  # all of one second
    collected(hub, [view(1), view(61), view(2)])
    whole = [one["_id"] for one in get(hub, "/events", descending=descending).json()["events"]]
    assert len(whole) == len(set(whole)) == 10
    for limit in (1, 2, 3, 7, 9):
        seen: list[str] = []
        query: dict[str, Any] = {}
        for _ in range(11):
            page = get(hub, "/events", limit=limit, descending=descending, **query).json()
            seen += [one["_id"] for one in page["events"]]
            if page.get("next") is None:
                break
            query = {"end" if descending else "start": page["next"], "after": page["after"]}
        assert seen == whole
    assert get(hub, "/events", after="nonsense").json()["errors"][0]["at"] == "query: after"


def test_an_export_holds_everything(hub: Served) -> None:
    seed(hub)
    found = get(hub, "/export").json()
    assert {one["namespace"] for one in found["identities"]} == {"ECID", "CRMID"}
    assert len(found["events"]) == 5
    assert found["fragments"][0]["dataset"] == "crm"
    assert get(hub, "/export", id="nobody").status_code == 404


def test_an_erased_person_is_nowhere(hub: Served, tmp_path: Path) -> None:
    seed(hub)
    collected(hub, view(50, "someone-else"))
    answer = hub.client.post("/v1/services/churn/versions", params={"region": "na"}, content=writing("_acme.churn"))
    assert answer.status_code == 201
    told(hub, prediction(0.5))
    settled(hub)
    told(hub, prediction(0.75, at=AT + 1), first=2)  # this one waits
    erased = hub.client.request("DELETE", "/v1/profiles", params={"namespace": "CRMID", "id": "A-1"}).json()
    assert (erased["found"], erased["identities"], erased["events"], erased["records"]) == (True, 2, 5, 8)
    assert get(hub, "").status_code == 404
    assert get(hub, "/events").status_code == 404
    left = {one["name"]: one["records"] for one in hub.client.get("/v1/datasets").json()}
    assert left == {"crm": 0, "web": 1, "rtml-predictions-churn": 0}
    told(hub, prediction(0.9, at=AT + 2), first=3)  # was predicted before, and only comes now
    settled(hub)
    assert get(hub, "").status_code == 404
    (entry,) = [one for one in hub.client.get("/v1/audit").json()["entries"] if one["action"] == "profile.erase"]
    assert (entry["actor"], entry["subject"]) == ("local", erased["digest"][:16])
    again = hub.client.request("DELETE", "/v1/profiles", params=WHO).json()
    assert (again["found"], again["events"], again["records"]) == (False, 0, 0)
    hub.app.state.context.data.close()
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file() and file.suffix not in (".db-wal", ".db-shm"):
            assert b"A-1" not in file.read_bytes(), file


def _held(folder: Path, *texts: bytes) -> list[str]:
    """The files with one of these texts."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return sorted(str(file.relative_to(folder)) for file in files if any(text in file.read_bytes() for text in texts))


def test_while_the_hub_runs_no_file_has_who_was_erased(hub: Served, tmp_path: Path) -> None:
    both = {"ECID": [{"id": "zq-erased-4711"}], "CRMID": [{"id": "zq-erased-4712"}]}
    collected(hub, [{"identityMap": both, "loyalty": {"tier": "gold"}}], "crm", "shop-profile")
    collected(hub, [view(number, day=number, identityMap=both) for number in range(1, 6)])
    told(hub, prediction(0.5, "zq-erased-4711"))
    settled(hub)
    told(hub, prediction(0.75, "zq-erased-4711", at=AT + 1), first=2)
    texts = (b"zq-erased-4711", b"zq-erased-4712")
    assert {"profiles.db-wal", "predictions.db-wal"} <= set(_held(tmp_path / "data", *texts))
    store = hub.app.state.context.data.home.profiles.store
    with store._reading() as reading:  # whoever reads holds up the log
        reading.execute("SELECT count(*) FROM persons").fetchone()
        assert hub.client.request("DELETE", "/v1/profiles", params={"namespace": "CRMID", "id": "zq-erased-4712"}).json()["found"]
        assert "profiles.db-wal" in _held(tmp_path / "data", *texts)
    wait(lambda: not _held(tmp_path / "data", *texts))
    collected(hub, [customer("zq-erased-4713", loyalty={"tier": "gold"})], "crm", "shop-profile")
    assert hub.client.request("DELETE", "/v1/profiles", params={"namespace": "ECID", "id": "zq-erased-4713"}).json()["found"]
    assert _held(tmp_path / "data", b"zq-erased-471") == []  # at once, as nobody reads


def test_events_that_are_too_old_go_while_the_hub_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ageing, "STEP", 2)
    monkeypatch.setattr(ageing, "EVERY", 0.05)
    old = [view(number, timestamp=f"2001-01-{number:02}T00:00:00Z") for number in range(1, 8)]
    fresh = [view(50, timestamp=format_timestamp(time.time_ns() // 1000))]
    ids = lambda: [one["_id"] for one in get(hub, "/events").json()["events"]]  # noqa: E731
    with served(tmp_path) as hub:
        collected(hub, [*old, *fresh])
        assert len(ids()) == 8
    with served(tmp_path, keep_events=365.0) as hub:
        wait(lambda: ids() == ["e50"])
        collected(hub, [view(9, timestamp="2002-01-01T00:00:00Z"), view(60, timestamp=fresh[0]["timestamp"])])
        wait(lambda: ids() == ["e50", "e60"])
        assert {one["records"] for one in hub.client.get("/v1/datasets").json()} == {10}


def test_what_a_crash_broke_off_is_ended_though_nobody_asks(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        seed(hub)
        hub.app.state.context.data._open().log.begin_erasure([KEY], "ada")
    with served(tmp_path) as hub:
        wait(lambda: any(one["action"] == "profile.erase" for one in hub.client.get("/v1/audit").json()["entries"]))
    (tmp_path / "fresh").mkdir()
    with served(tmp_path / "fresh"):
        assert not (tmp_path / "fresh" / "data").exists()


def test_predictions_about_who_refused_personalisation_are_in_no_dataset(hub: Served) -> None:
    collected(hub, customer("refused", consents={"personalize": {"content": {"val": "n"}}}), "crm", "shop-profile")
    both = {"ECID": [{"id": "38652"}], "CRMID": [{"id": "A-1"}]}
    told(hub, prediction(0.5, "refused"), prediction(0.6), prediction(0.7, identity=both), prediction(0.8, "refused"))
    settled(hub)
    records = hub.client.get("/v1/datasets/rtml-predictions-churn/records").json()["records"]
    assert [one["_rtml"]["prediction"]["outputs"]["says"] for one in records] == [0.6, 0.7]


def test_an_erasure_that_a_crash_broke_off_is_ended_by_the_next_start(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        seed(hub)
        hub.app.state.context.data._open().log.begin_erasure([KEY], "ada")
    with served(tmp_path) as hub:
        assert get(hub, "").status_code == 404
        assert {one["records"] for one in hub.client.get("/v1/datasets").json()} == {0}
        (entry,) = [one for one in hub.client.get("/v1/audit").json()["entries"] if one["action"] == "profile.erase"]
        assert entry["actor"] == "ada"
    with served(tmp_path) as hub:
        assert get(hub, "").status_code == 404
        entries = hub.client.get("/v1/audit").json()["entries"]
        assert [one["action"] for one in entries].count("profile.erase") == 1


def test_no_log_has_an_identity(hub: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        seed(hub)
        get(hub, "")
        get(hub, "/events")
        get(hub, "/export")
        told(hub, prediction(0.5))
        settled(hub)
        assert hub.client.request("DELETE", "/v1/profiles", params=WHO).status_code == 200
    said = "\n".join(str(record.__dict__) for record in caplog.records if record.name.startswith("rtml"))
    assert "/v1/profiles" in said  # they are logged, without their queries
    assert "38652" not in said
    assert "A-1" not in said
    audit = hub.client.get("/v1/audit").text
    assert "38652" not in audit


def test_policies_decide_what_counts(hub: Served) -> None:
    collected(hub, customer(loyalty={"tier": "gold"}), "crm", "shop-profile")
    collected(hub, customer(loyalty={"tier": "silver"}), "shop", "shop-profile")
    tier = lambda **query: get(hub, "", **query).json()["attributes"]["loyalty"]["tier"]  # noqa: E731
    assert tier() == "silver"  # the last that was taken in
    policies = "/v1/profiles/policies"
    rule = {"attributes": "dataSetPrecedence", "order": ["crm", "shop"]}
    assert hub.client.put(f"{policies}/crm-first", json=rule).json()["order"] == ["crm", "shop"]
    assert (tier(), tier(policy="crm-first")) == ("silver", "gold")
    assert hub.client.put(f"{policies}/crm-first", json={**rule, "default": True}).status_code == 200
    assert tier() == "gold"
    assert [one["id"] for one in hub.client.get(policies).json()] == ["default", "crm-first"]
    assert hub.client.put(f"{policies}/other", json={"id": "another"}).json()["errors"][0]["at"] == "/id"
    assert "Did you mean" in hub.client.put(f"{policies}/x", json={"attributes": "timestampOrderd"}).json()["detail"]
    assert hub.client.delete(f"{policies}/crm-first").status_code == 422  # the default one
    assert hub.client.delete(f"{policies}/default").status_code == 204


def test_rules_of_linking_part_who_shares_a_device(hub: Served) -> None:
    on_one_device = [
        view(n, identityMap={"ECID": [{"id": "38652"}], "CRMID": [{"id": crm}]}) for n, crm in enumerate(("A", "B"), 1)
    ]
    collected(hub, on_one_device)
    assert len(profile(hub)["identities"]) == 3
    answer = hub.client.put("/v1/profiles/linking", json={"priority": ["CRMID", "ECID"], "unique": ["CRMID"]})
    assert answer.json() == {"priority": ["CRMID", "ECID"], "unique": ["CRMID"], "parted": 1}
    assert hub.client.get("/v1/profiles/linking").json() == {"priority": ["CRMID", "ECID"], "unique": ["CRMID"]}
    assert len(profile(hub)["identities"]) == 2
    assert hub.client.put("/v1/profiles/linking", json={"unique": ["CRMID", "crmid"]}).status_code == 422


def test_aggregates_are_counted_over_what_is_there(hub: Served) -> None:
    seed(hub)
    definition = {"count": {"eventType": "commerce.productViews"}}
    made = hub.client.post("/v1/profiles/aggregates", json=definition).json()
    assert made["definition"] == definition
    assert hub.client.get("/v1/profiles/aggregates").json() == {made["id"]: definition}
    assert profile(hub, aggregates=True)["aggregates"] == {made["id"]: 5}
    collected(hub, view(40))
    assert profile(hub, aggregates=True)["aggregates"] == {made["id"]: 6}
    assert "exactly one of" in hub.client.post("/v1/profiles/aggregates", json={}).json()["detail"]
    assert hub.client.delete(f"/v1/profiles/aggregates/{made['id']}").status_code == 204
    assert hub.client.delete(f"/v1/profiles/aggregates/{made['id']}").status_code == 422
    actions = [one["action"] for one in hub.client.get("/v1/audit").json()["entries"]]
    assert actions == ["aggregate.remove", "aggregate.add"]


def test_who_may_look_may_not_erase(hub: Served) -> None:
    seed(hub)
    hub.closed()
    reader, keeper = bearer(hub.key("profile")), bearer(hub.key("profile-write"))
    assert hub.client.get("/v1/profiles", params=WHO, headers=reader).status_code == 200
    assert hub.client.request("DELETE", "/v1/profiles", params=WHO, headers=reader).status_code == 403
    assert hub.client.get("/v1/profiles", params=WHO, headers=keeper).status_code == 403
    assert hub.client.request("DELETE", "/v1/profiles", params=WHO, headers=keeper).json()["found"]


def test_the_data_is_there_after_a_restart(tmp_path: Path) -> None:
    with served(tmp_path) as hub:
        seed(hub)
        answer = hub.client.post("/v1/services/churn/versions", params={"region": "na"}, content=writing("_acme.churn"))
        assert answer.status_code == 201
        told(hub, prediction(0.5))
        wait(lambda: "_acme" in profile(hub)["attributes"])
        before = profile(hub)
    with served(tmp_path) as hub:
        assert profile(hub) == before
        assert hub.client.get("/v1/datasets/rtml-predictions-churn/records").json()["records"][0]["_id"] == "na-1/r1/1"
        assert told(hub, prediction(0.5)) == 1  # sent again: its answer was lost
        settled(hub)
        assert len(hub.client.get("/v1/datasets/rtml-predictions-churn/records").json()["records"]) == 1
