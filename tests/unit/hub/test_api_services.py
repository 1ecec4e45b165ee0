"""Services and versions over HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core.client.records import AuditEntry, Published, Service, Version
from rtml_core.package import Manifest, read_archive
from rtml_plugins.hub.store import PackageStore
from tests.unit.hub.packages import package
from tests.unit.hub.served import Served, bearer, report, served


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def test_a_package_becomes_a_service(hub: Served) -> None:
    answer = hub.client.post(
        "/v1/services/churn/versions",
        params={"region": ["na", "emea"], "description": "who leaves", "owner": "growth", "message": "first"},
        content=package(1),
    )
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/services/churn/versions/1"
    published = msgspec.json.decode(answer.content, type=Published)
    assert (published.service, published.version, published.created, published.regions) == ("churn", 1, True, ("emea", "na"))
    service = msgspec.json.decode(hub.client.get("/v1/services/churn").content, type=Service)
    assert (service.description, service.owner, service.traffic.champion) == ("who leaves", "growth", 1)
    assert service == hub.hub.get("churn")
    version = msgspec.json.decode(hub.client.get("/v1/services/churn/versions/1").content, type=Version)
    assert (version.package, version.created_by, version.description) == (published.package, "local", "first")
    manifest = hub.client.get("/v1/services/churn/versions/1/manifest").content
    assert msgspec.json.decode(manifest, type=Manifest) == read_archive(package(1)).manifest


def test_the_same_package_twice_is_one_version(hub: Served) -> None:
    first = hub.publish()
    again = hub.client.post("/v1/services/churn/versions", content=package(1))
    assert again.status_code == 200
    assert again.json()["version"] == first["version"] == 1
    assert not again.json()["created"]
    assert len(hub.client.get("/v1/services/churn/versions").json()["versions"]) == 1


def test_a_refused_package_leaves_everything_as_it_was(hub: Served) -> None:
    answer = hub.client.post("/v1/services/churn/versions", content=b"no package")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/package-refused"
    assert hub.client.get("/v1/services").json() == {"services": [], "total": 0}
    assert hub.client.get("/v1/audit").json()["entries"] == []


def test_an_incompatible_package_says_what_would_break(hub: Served) -> None:
    hub.publish()
    other = package(2, schema={"age": "float?", "visits": "int", "country": "string"})
    answer = hub.client.post("/v1/services/churn/versions", content=other)
    assert answer.status_code == 422
    assert any("country" in entry["got"] for entry in answer.json()["errors"])
    on_purpose = hub.client.post("/v1/services/churn/versions", params={"allow_incompatible": "true"}, content=other)
    assert on_purpose.status_code == 201
    assert any("country" in change for change in on_purpose.json()["changes"])


@pytest.mark.parametrize("chunked", [True, False])
def test_a_package_that_is_too_large(tmp_path: Path, chunked: bool) -> None:
    with served(tmp_path, max_package=4096) as hub:
        body = b"x" * 5000

        async def chunks() -> AsyncIterator[bytes]:
            yield body[:3000]
            yield body[3000:]

        answer = hub.client.post("/v1/services/churn/versions", content=chunks() if chunked else body)
        assert answer.status_code == 413
        assert "expected at most 4,096 bytes" in answer.json()["detail"]
        assert answer.headers["connection"] == "close"


def test_a_large_body_that_is_no_package(hub: Served) -> None:
    answer = hub.client.put("/v1/services/churn/traffic", content=b" " * (2 << 20))
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/body-too-large"


@pytest.mark.parametrize("whole", [True, False], ids=["file", "memory"])
def test_a_package_is_downloaded_as_it_was_published(hub: Served, whole: bool) -> None:
    if not whole:
        hub.hub.store = PackageStore(f"memory://{hub.hub.id}")
    identity = hub.publish()["package"]
    for path in ("/v1/services/churn/versions/1/package", f"/v1/packages/{identity}"):
        answer = hub.client.get(path)
        assert answer.content == package(1)
        assert answer.headers["content-length"] == str(len(package(1)))
        assert answer.headers["etag"] == f'"{identity}"'
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert ".rtml" in answer.headers["content-disposition"]
        kept = hub.client.get(path, headers={"If-None-Match": f'"{identity}"'})
        assert (kept.status_code, kept.content) == (304, b"")


def test_steering(hub: Served) -> None:
    for number in (1, 2):
        hub.publish(number=number)
    assert hub.client.get("/v1/services/churn").json()["traffic"]["champion"] == 2
    traffic = {"champion": 1, "canary": {"version": 2, "share": 0.25}, "sticky": "age"}
    changed = hub.client.put("/v1/services/churn/traffic", json=traffic)
    assert changed.json()["traffic"] == {**traffic, "split": [], "shadow": None}
    shadow = hub.client.put("/v1/services/churn/traffic", json={"champion": 2, "shadow": 1})
    assert shadow.json()["traffic"]["shadow"] == 1
    back = hub.client.post("/v1/services/churn/rollback")
    assert back.json()["traffic"] == {"champion": 1, "canary": None, "split": [], "shadow": None, "sticky": None}
    to = hub.client.post("/v1/services/churn/rollback", params={"to": 2})
    assert to.json()["traffic"]["champion"] == 2
    again = hub.client.put("/v1/services/churn/traffic", json={"champion": 3})
    assert (again.status_code, again.json()["type"]) == (422, "/problems/invalid-traffic")
    assert "version 3 does not exist; there are 1, 2" in again.json()["detail"]


def test_traffic_is_set_only_while_it_is_as_it_was_looked_at(hub: Served) -> None:
    for number in (1, 2):
        hub.publish(number=number)
    looked = hub.client.get("/v1/services/churn")
    tag = looked.headers["etag"]
    assert tag == f'"{looked.json()["change"]}"'
    changed = hub.client.put("/v1/services/churn/traffic", json={"champion": 1}, headers={"If-Match": f'"7777", {tag}'})
    assert (changed.status_code, changed.headers["etag"]) == (200, f'"{changed.json()["change"]}"')
    for given in (tag, f"W/{changed.headers['etag']}", '"other"'):
        for method, path, body in (("PUT", "traffic", {"champion": 2}), ("POST", "rollback", None)):
            late = hub.client.request(method, f"/v1/services/churn/{path}", json=body, headers={"If-Match": given})
            assert (late.status_code, late.json()["type"]) == (412, "/problems/changed")
            assert "local set its traffic to 1 at " in late.json()["detail"]
    assert hub.client.get("/v1/services/churn").headers["etag"] == changed.headers["etag"]
    odd = hub.client.put("/v1/services/churn/traffic", json={"champion": 2}, headers={"If-Match": "17"})
    assert (odd.status_code, odd.json()["errors"][0]["expected"]) == (422, 'ETags as the hub gives them, e.g. "17", or *')
    for headers in ({"If-Match": "*"}, {}):
        assert hub.client.put("/v1/services/churn/traffic", json={"champion": 2}, headers=headers).status_code == 200
    back = hub.client.post(
        "/v1/services/churn/rollback", headers={"If-Match": hub.client.get("/v1/services/churn").headers["etag"]}
    )
    assert (back.status_code, back.json()["traffic"]["champion"]) == (200, 1)


def test_texts_regions_and_deprecation(hub: Served) -> None:
    hub.publish(region="na")
    changed = hub.client.patch("/v1/services/churn", json={"owner": "ops", "regions": ["apac", "emea"]}).json()
    assert (changed["owner"], changed["regions"], changed["description"]) == ("ops", ["apac", "emea"], "")
    deprecated = hub.client.post("/v1/services/churn/deprecate", json={"reason": "use churn-2"}).json()
    assert deprecated["deprecation"] == "use churn-2"
    assert deprecated["deprecated"] is not None
    assert hub.client.get("/v1/services", params={"state": "deprecated"}).json()["total"] == 1
    assert hub.client.post("/v1/services/churn/restore").json()["deprecated"] is None


def test_packages_that_no_service_needs_are_removed_when_asked(hub: Served) -> None:
    gone, kept = hub.publish(number=1)["package"], hub.publish("price", number=2)["package"]
    hub.client.delete("/v1/services/churn")
    week = hub.client.post("/v1/packages/collect")
    assert (week.status_code, week.json()) == (200, {"packages": [], "size": 0, "older_than": 604800.0, "dry_run": False})
    found = {"packages": [gone], "size": len(package(1)), "older_than": 0.0}
    assert hub.client.post("/v1/packages/collect?older_than=0&dry_run=true").json() == {**found, "dry_run": True}
    assert hub.hub.store.has(gone)
    admin = hub.closed()
    assert hub.client.post("/v1/packages/collect?older_than=0", headers=bearer(hub.key("publish"))).status_code == 403
    assert hub.client.post("/v1/packages/collect?older_than=0", headers=admin).json() == {**found, "dry_run": False}
    assert (hub.hub.store.has(gone), hub.hub.store.has(kept)) == (False, True)


def test_a_deleted_service_is_gone(hub: Served) -> None:
    hub.publish()
    assert hub.client.delete("/v1/services/churn").status_code == 204
    gone = hub.client.get("/v1/services/churn")
    assert (gone.status_code, gone.json()["type"]) == (404, "/problems/not-found")
    assert hub.client.delete("/v1/services/churn").status_code == 404
    assert hub.client.get("/v1/services", params={"state": "deleted"}).json()["total"] == 1


def test_services_are_found_and_paged(hub: Served) -> None:
    for name, region in (("churn", "na"), ("churn-2", "emea"), ("offers", "na")):
        hub.publish(name, region=region)
    found = hub.client.get("/v1/services", params={"q": "CHURN", "limit": 1, "offset": 1}).json()
    assert ([service["name"] for service in found["services"]], found["total"]) == (["churn-2"], 2)
    found = hub.client.get("/v1/services", params={"region": "na"}).json()
    assert [service["name"] for service in found["services"]] == ["churn", "offers"]


def test_a_key_for_some_services_sees_those(hub: Served) -> None:
    for name in ("churn", "offers", "retention"):
        hub.publish(name)
    hub.closed()
    headers = bearer(hub.key("predict", "publish", services=["churn", "retention"]))
    found = hub.client.get("/v1/services", params={"offset": 1}, headers=headers).json()
    assert ([service["name"] for service in found["services"]], found["total"]) == (["retention"], 2)
    assert hub.client.get("/v1/services/churn", headers=headers).status_code == 200
    for method, path in (("GET", "/v1/services/offers"), ("GET", "/v1/services/nothing"), ("POST", "/v1/services/new/versions")):
        refused = hub.client.request(method, path, headers=headers)
        assert refused.status_code == 403
        assert "is not for" in refused.json()["detail"]
    identity = hub.hub.get("offers").versions[0].package
    assert hub.client.get(f"/v1/packages/{identity}", headers=headers).status_code == 403


def test_a_key_for_some_services_is_told_nothing_of_others_by_edges(hub: Served) -> None:
    for name in ("churn", "offers"):
        hub.publish(name)
    known = {"churn": {"requests": 1}, "offers": {"requests": 2}}
    stats = {"services": known, "shadow": {"offers": []}, "else": {"offers": 1}}
    hub.hub.report_edge("na-1", msgspec.structs.replace(report(churn="ready", offers="failed"), stats=stats))
    admin, headers = hub.closed(), bearer(hub.key("predict", services=["churn"]))
    rollout = hub.client.get("/v1/services/churn/rollout", headers=headers).json()
    for edges in (hub.client.get("/v1/edges", headers=headers).json()["edges"], rollout["edges"]):
        (edge,) = edges
        assert [service["name"] for service in edge["services"]] == ["churn"]
        assert edge["stats"] == {"services": {"churn": {"requests": 1}}, "shadow": {}}
    (edge,) = hub.client.get("/v1/edges", headers=admin).json()["edges"]
    assert edge["stats"] == stats


def test_every_change_is_in_the_audit_log_with_the_key_that_made_it(hub: Served) -> None:
    hub.publish()
    admin = hub.closed()
    me = bearer(hub.key("publish", name="me"))
    hub.client.post("/v1/services/churn/deprecate", json={"reason": "old"}, headers=me)
    hub.client.delete("/v1/services/churn", headers=admin)
    log = hub.client.get("/v1/audit", params={"service": "churn"}, headers=admin)
    entries = msgspec.convert(log.json()["entries"], list[AuditEntry])
    assert [(entry.actor, entry.action.partition(".")[0]) for entry in entries] == [
        ("k0", "service"),
        ("me", "service"),
        ("local", "service"),
    ]
    first = hub.client.get("/v1/audit", params={"limit": 2}, headers=admin).json()
    rest = hub.client.get("/v1/audit", params={"limit": 100, "before": first["before"]}, headers=admin).json()
    numbers = [entry["number"] for entry in first["entries"] + rest["entries"]]
    assert numbers == sorted(numbers, reverse=True) == list(range(len(numbers), 0, -1))
    assert rest["before"] is None


def test_predict_names_an_edge(hub: Served) -> None:
    hub.publish(region=["na", "emea"])
    none = hub.client.post("/v1/services/churn/predict", json={"age": 1})
    assert (none.status_code, none.headers["retry-after"]) == (503, "2")
    assert "no edge of its regions (emea, na) serves 'churn' now" in none.json()["detail"]
    hub.hub.report_edge("na-1", report("na", churn="ready"))
    hub.hub.report_edge("na-2", report("na", url="http://10.0.0.8:8001", churn="failed"))
    sent = hub.client.post("/v1/services/churn/predict", params={"explain": "columns"}, json={"age": 1})
    assert sent.status_code == 307
    assert sent.headers["location"] == "http://10.0.0.7:8001/v1/services/churn/predict?explain=columns"
    elsewhere = hub.client.post("/v1/services/churn/predict", params={"region": "emea"}, json={"age": 1})
    assert elsewhere.status_code == 503
    assert hub.client.post("/v1/services/nothing/predict", json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "entries"),
    [
        ({}, [{"at": "/champion", "expected": "a value", "got": "nothing"}]),
        ({"champoin": 1, "champion": 1}, [{"at": "/champoin", "expected": "no such field", "got": "1"}]),
        ({"champion": "1"}, [{"at": "/champion", "expected": "a valid integer", "got": "'1'"}]),
        ({"champion": True}, [{"at": "/champion", "expected": "a valid integer", "got": "True"}]),
        (
            {"champion": 1, "split": [{"version": 2, "share": 1.5}]},
            [{"at": "/split/0/share", "expected": "less than 1", "got": "1.5"}],
        ),
        ({"champion": 0}, [{"at": "/champion", "expected": "greater than or equal to 1", "got": "0"}]),
    ],
)
def test_what_is_wrong_with_a_body_is_said_field_by_field(hub: Served, body: object, entries: list[dict[str, str]]) -> None:
    answer = hub.client.put("/v1/services/churn/traffic", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/invalid-request"
    assert answer.json()["errors"] == entries


def test_texts_without_a_place_in_a_database_are_refused(hub: Served) -> None:
    hub.publish()
    refused = hub.client.patch("/v1/services/churn", json={"owner": "a\x00b"})
    assert refused.json()["errors"] == [{"at": "/owner", "expected": "a text without the character U+0000", "got": "'a\\x00b'"}]
    for path in ("/v1/services?q=%00", "/v1/audit?service=%00"):
        assert hub.client.get(path).status_code == 422
    fine = hub.client.patch("/v1/services/churn", json={"owner": "a\nb \U0001f600"})
    assert fine.json()["owner"] == "a\nb \U0001f600"


def test_a_change_whose_commit_is_in_doubt_is_not_asked_for_again(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1.0, 2.0, 3.0):
        hub.publish(number=number)
    dialect = hub.hub.database.engine.dialect
    commit = dialect.do_commit

    def breaks(connection: Any) -> None:
        commit(connection)
        raise sqlite3.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patch:
        patch.setattr(dialect, "do_commit", breaks)
        answer = hub.client.post("/v1/services/churn/rollback")
    assert answer.status_code == 503
    assert "retry-after" not in answer.headers  # a client would roll back once more
    assert hub.client.get("/v1/services/churn").json()["traffic"]["champion"] == 2
