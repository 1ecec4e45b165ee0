"""The page of versions."""

from __future__ import annotations

import re
import time
from xml.etree.ElementTree import Element

import pytest

from rtml_core import operators as op
from rtml_core.client.records import Arm, Traffic
from rtml_plugins.hub.gallery.pages import versions
from rtml_plugins.serving.measures import SECONDS, Counted, Measures, VersionCounted, Window
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.drawn import said
from tests.unit.hub.gallery.site import Site

VERSIONS = "/gallery/services/churn/versions"


def get(gallery: Site, query: str = "", name: str = "churn") -> Element:
    answer = gallery.client.get(f"/gallery/services/{name}/versions{query}")
    assert answer.status_code == 200, answer.text
    return site.tree(answer)


def checked(page: Element) -> dict[str, str]:
    return {
        str(one.get("name")): str(one.get("value"))
        for one in page.iter("input")
        if one.get("type") == "radio" and "checked" in one.attrib
    }


def rows(page: Element) -> list[str]:
    return [said(row) for row in next(page.iter("tbody")).iter("tr")]


def test_all_versions_with_what_they_do(gallery: Site) -> None:
    gallery.hub.set_traffic("churn", Traffic(2, shadow=1), actor="ada")
    newest, first = rows(get(gallery))
    assert re.match(r"2 champion .* by ada older people", newest)
    assert first.startswith("1 shadow")
    assert "no requests" in first
    assert "portable" in first
    assert "proved on" in first
    assert ".rtml .onnx" in first


def test_the_champion_is_compared_with_the_one_before(gallery: Site) -> None:
    page = get(gallery)
    assert checked(page) == {"left": "1", "right": "2"}
    text = said(page)
    assert "Version 1 and version 2" in text
    assert "Fields and outputs are the same." in text
    assert "4 nodes as before, 1 changed, 1 learned anew." in text
    assert "kwargs.value: was 40.0, is 45.0" in text
    links = [link for link in page.iter("a") if link.get("data-part")]
    assert len(links) == 6


@pytest.mark.parametrize(
    ("query", "pair"),
    [
        ("?left=2&right=1", {"left": "2", "right": "1"}),
        ("?left=2", {"left": "2", "right": "1"}),
        ("?left=1", {"left": "1", "right": "2"}),
        ("?right=1", {"left": "1", "right": "2"}),
        ("?right=2", {"left": "1", "right": "2"}),
    ],
)
def test_any_two_can_be_chosen(gallery: Site, query: str, pair: dict[str, str]) -> None:
    assert checked(get(gallery, query)) == pair


def test_a_version_is_not_compared_with_itself(gallery: Site) -> None:
    assert "Choose two versions to compare." in said(get(gallery, "?left=2&right=2"))


@pytest.mark.parametrize("query", ["?left=7", "?right=0", "?right=x", "?left=-1"])
def test_a_version_that_there_is_not_is_said_so(gallery: Site, query: str) -> None:
    answer = gallery.client.get(VERSIONS + query)
    assert answer.status_code == 404
    assert "It has: 1, 2" in said(site.tree(answer))


def test_what_edges_counted_of_a_version_stands_in_its_row(gallery: Site) -> None:
    now = time.time()
    latency = [0] * (len(SECONDS) + 1)
    latency[7] = 100
    package = gallery.hub.get("churn").versions[0].package
    counted = VersionCounted("churn", 2, package, Counted({"ok": 90, "error": 10}, latency, 0.05))
    gallery.hub.record_measures("na-1", Measures("run", "na", [Window(1, now - 20, now - 10, [counted])]))
    page = get(gallery)
    newest, first = rows(page)
    assert re.search(r"/s, p99 \d.* ms, 10 % failed", newest)
    assert "no requests" in first
    assert said(page).count("10 % failed") == 2  # and side by side


def test_shares_of_requests_are_badges(gallery: Site) -> None:
    gallery.hub.set_traffic("churn", Traffic(1, canary=Arm(2, 0.1)), actor="ada")
    page = get(gallery)
    assert [re.sub(r" (just now|\d+ \w+ ago).*", "", row) for row in rows(page)] == ["2 canary 10 %", "1 champion"]
    assert checked(page) == {"left": "1", "right": "2"}
    gallery.hub.set_traffic("churn", Traffic(1, split=(Arm(2, 0.25),)), actor="ada")
    assert rows(get(gallery))[0].startswith("2 split 25 %")


def test_a_change_of_the_signature_is_told(gallery: Site) -> None:
    graph = op.Receiver(schema={"age": "float?", "km": "float"}) >> op.Pandas(import_="abs", cols="age")
    other = op.Receiver(schema={"age": "float"}) >> op.Pandas(import_="abs", cols="age", into="size")
    gallery.hub.publish("other", graph.compile(metrics={"auc": 0.8}).data, actor="ada", regions=["na"])
    gallery.hub.publish("other", other.compile(metrics={"auc": 0.7}).data, actor="ada", allow_incompatible=True)
    page = get(gallery, name="other")
    text = said(page)
    assert "not compatible" in text
    assert "may break callers." in text
    assert "field 'age': was float or null, is float: requests with null would be refused" in text
    assert "0.8 better" in text
    assert "auc" in said(next(page.iter("thead")))


def test_one_version_says_how_to_get_another(gallery: Site) -> None:
    graph = op.Receiver(schema={"age": "float"}) >> op.Pandas(import_="abs", cols="age")
    gallery.hub.publish("other", graph.compile().data, actor="ada", regions=["na"])
    page = get(gallery, name="other")
    assert "There is one version. Publish another one" in said(page)
    assert not checked(page)


def test_of_many_versions_the_older_ones_are_asked_for(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery.hub.publish("churn", site.package(50.0), actor="ada")
    monkeypatch.setattr(versions, "SHOWN", 1)
    page = get(gallery)
    assert [row.split()[0] for row in rows(page)] == ["3", "2"]  # the one before is compared
    more = next(link for link in page.iter("a") if said(link) == "Show 1 older one")
    assert more.get("href") == f"{VERSIONS}?all=yes"
    assert [row.split()[0] for row in rows(get(gallery, "?all=yes"))] == ["3", "2", "1"]


def test_downloads_are_for_those_who_may(locked: Site) -> None:
    for key, may in (("viewer", False), ("publisher", True)):
        answer = locked.visitor(key).get(VERSIONS)
        assert (f"{VERSIONS}/1/package" in answer.text) == may


def test_texts_of_people_stay_text(gallery: Site) -> None:
    evil = "<script>alert(1)</script>\x07"
    gallery.hub.publish("churn", site.package(50.0), actor=evil.rstrip("\x07"), message=evil.rstrip("\x07"))
    answer = gallery.client.get(VERSIONS)
    assert "<script>alert" not in answer.text
    assert "<script>alert(1)</script>" in said(site.tree(answer))
