"""The history of a service and the audit log: in words, by pages, and of what one may know."""

from __future__ import annotations

from typing import Any

import pytest

from rtml_core.client.records import Arm, AuditEntry, Traffic
from rtml_plugins.hub.gallery import entries
from tests.unit.hub.gallery.site import Site, tree, words

AUDIT = "/gallery/audit"
HISTORY = "/gallery/services/churn/audit"


def told(answer: Any) -> list[str]:
    """What the entries of a page say, without when."""
    [log] = [one for one in tree(answer).iter("ol") if "entries" in one.get("class", "")]
    return [words(next(one.iter("p"))) for one in log]


def test_the_history_of_a_service_is_told(gallery: Site) -> None:
    gallery.hub.set_traffic("churn", Traffic(2, Arm(1, 0.1)), actor="grace <b>")
    gallery.hub.deprecate("churn", actor="grace <b>", reason="old")
    page = gallery.client.get(HISTORY)
    said = told(page)
    assert said[0] == "grace <b> deprecated it"
    assert said[1] == "grace <b> set its traffic to 2, canary 1 10 %"
    assert [one.split()[:3] for one in said[2:]] == [["ada", "published", "version"]] * 2
    assert "<b>" not in page.text
    details = [words(one) for one in tree(page).iter("details")]
    assert any("version 1, canary 10 %" in one for one in details)
    assert any("reasonold" in one for one in details)


def test_the_log_is_narrowed(gallery: Site) -> None:
    gallery.hub.publish("other", gallery.hub.package(gallery.hub.get("churn").versions[0].package), actor="bob", regions=["na"])
    gallery.hub.set_traffic("churn", Traffic(1), actor="bob")
    get = gallery.client.get
    assert len(told(get(AUDIT))) == 4
    assert [one.split()[0] for one in told(get(AUDIT, params={"actor": "bob"}))] == ["bob", "bob"]
    assert told(get(AUDIT, params={"kind": "traffic"})) == ["bob on churn: set its traffic to 1"]
    assert len(told(get(AUDIT, params={"service": "other"}))) == 1
    assert "No change fits" in words(tree(get(AUDIT, params={"service": "nobody"})))


def test_the_log_comes_by_pages(gallery: Site) -> None:
    for number in range(60):
        gallery.hub.set_traffic("churn", Traffic(1 + number % 2), actor="bob")
    first = gallery.client.get(AUDIT, params={"actor": "bob"})
    assert len(told(first)) == 50
    [older] = [link.attrib["href"] for link in tree(first).iter("a") if words(link) == "Older"]
    second = gallery.client.get(AUDIT + older)
    assert len(told(second)) == 10
    assert not [link for link in tree(second).iter("a") if words(link) == "Older"]
    assert len(told(gallery.client.get(HISTORY, params={"before": "nonsense"}))) == 50
    assert "nothing older" in words(tree(gallery.client.get(AUDIT, params={"before": "1"})))


def test_keys_are_for_who_runs_the_hub(locked: Site) -> None:
    admin = told(locked.visitor("admin").get(AUDIT))
    assert "local made the key 'viewer' (predict)" in admin
    assert "local made the key 'limited' (predict, debug, only for churn)" in admin
    viewer = locked.visitor("viewer").get(AUDIT)
    assert all("published" in one for one in told(viewer))
    assert "No change fits" in words(tree(locked.visitor("viewer").get(AUDIT, params={"kind": "key"})))


def test_a_key_for_some_services_sees_those(locked: Site) -> None:
    locked.hub.publish("other", locked.hub.package(locked.hub.get("churn").versions[0].package), actor="bob", regions=["na"])
    limited = locked.visitor("limited")
    assert all("on churn" in one for one in told(limited.get(AUDIT)))
    assert "No change fits" in words(tree(limited.get(AUDIT, params={"service": "other"})))
    assert limited.get("/gallery/services/other/audit").status_code == 403


@pytest.mark.parametrize(
    ("action", "details", "said"),
    [
        (
            "key.create",
            {"id": "1", "scopes": ["predict"], "services": None, "expires": "2027-01-31T10:00:00Z"},
            "until 2027-01-31",
        ),
        ("key.revoke", {"id": "1"}, "revoked the key 'x'"),
        ("key.rotate", {"until": "2026-11-22T10:15:00.000Z"}, "the old one ends 2026-11-22T10:15Z"),
        ("edge.forget", {}, "took the edge 'x' off the list"),
        ("packages.collect", {"packages": ["a", "b"], "size": 2_000_000}, "removed 2 packages that no service needed, 2.0 MB"),
        ("service.restore", {}, "took its deprecation back"),
        ("key.create", {"of": "another rtml"}, "key.create"),
        ("moon.land", {}, "moon.land"),
    ],
)
def test_every_action_has_words(action: str, details: dict[str, Any], said: str) -> None:
    assert said in entries.said(AuditEntry(1, "2026-11-21T10:15:00.000Z", "ada", action, "x", details))
