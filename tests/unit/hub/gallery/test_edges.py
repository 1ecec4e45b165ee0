"""Regions and edges as pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

import httpx
import msgspec
import pytest

from rtml_plugins.hub.gallery.pages.edges import lag_words
from rtml_plugins.hub.lag import Lag
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus
from tests.unit.hub.gallery.site import Site, site, words
from tests.unit.hub.packages import package

Html = Callable[[httpx.Response], Element]


def told(at: Site, name: str, region: str, *services: ServiceStatus, **more: Any) -> None:
    """An edge reports, by default all that its region has now."""
    given = {"revision": at.hub.revision(region), "workers": 2, "ready": True, "services": services}
    given |= {"started": "2026-11-21T10:15:00.000Z", **more}
    at.hub.report_edge(name, EdgeReport(region=region, url=f"http://{name}:8001", rtml="0.1.0", **given))


def regions(page: Element) -> dict[str, str]:
    """What is said of each region, by its name."""
    found = {}
    for section in page.findall(".//section"):
        heading = section.find(".//h2")
        assert heading is not None
        found[words(heading)] = words(section)
    return found


def test_regions_with_their_edges(gallery: Site, html: Html) -> None:
    gallery.hub.publish("fare", package(3.0), actor="bob", regions=["apac"])
    told(gallery, "na-1", "na", ServiceStatus("churn", (2, 1), "ready"), stats={"services": {"churn": {"rate": 12.5}}})
    told(gallery, "na-2", "na", ServiceStatus("churn", (), "failed", "no room"), ready=False, stats={"memory": 81e6})
    told(gallery, "spare", "lab")
    page = html(gallery.client.get("/gallery/edges"))
    said = regions(page)
    assert list(said) == ["apac", "emea", "lab", "na"]
    assert said["apac"].startswith("apac no edge 1 service ")
    assert (
        f"apac has no edge: its service is not answered there. Start one: rtml edge --hub {gallery.settings.url} --region apac"
        in (said["apac"])
    )
    assert said["lab"].startswith("lab ready 1 of 1 edge ready, 0 services")
    assert "rtml edge" not in said["lab"]
    na = said["na"]
    assert na.startswith("na degraded 1 of 2 edges ready, 1 service na-1 ready")
    for part in ("http://na-1:8001", "up to date", "1 ready", "12.5/s", "2 workers, rtml 0.1.0", "just now"):
        assert part in na
    assert "na-2 not ready" in na
    assert "failed churn: no room" in na
    assert "81.0 MB" in na


def test_an_edge_that_is_behind_says_by_how_much(gallery: Site, html: Html) -> None:
    told(gallery, "na-1", "na")
    gallery.client.get("/gallery/edges")
    gallery.hub.deprecate("churn", actor="ada")
    gallery.hub.restore("churn", actor="ada")
    said = regions(html(gallery.client.get("/gallery/edges")))
    assert "2 changes behind for 0 s" in said["na"]


def test_words_of_lag() -> None:
    assert lag_words(Lag(0), 100.0) == "up to date"
    assert lag_words(Lag(1, 97.0), 100.0) == "1 change behind for 3 s"
    assert lag_words(Lag(2, 100.0 - 600), 100.0) == "2 changes behind for 10 min"
    assert lag_words(Lag(2, 100.0 - 3 * 3600), 100.0) == "2 changes behind for 3 h"
    assert lag_words(Lag(2, 100.0 - 3 * 86_400), 100.0) == "2 changes behind for 3 days"
    assert lag_words(Lag(7, None, exact=False), 100.0) == "at least 7 changes behind"
    assert lag_words(Lag(0, ahead=True), 100.0).startswith("ahead of this hub")


def test_edges_that_are_away_and_edges_that_stopped(gallery: Site, html: Html, monkeypatch: pytest.MonkeyPatch) -> None:
    told(gallery, "na-1", "na", ServiceStatus("churn", (2,), "ready"), stats={"services": {"churn": {"rate": 12.5}}})
    told(gallery, "emea-1", "emea", workers=0, ready=False, revision=0)
    now = gallery.hub.database.clock()
    monkeypatch.setattr(gallery.hub.database, "clock", lambda: now + 100)
    said = regions(html(gallery.client.get("/gallery/edges")))
    assert said["na"].startswith("na down 0 of 1 edge ready")
    assert "No edge answers in na now: its service is not answered there. Start another one" in said["na"]
    assert "na-1 away" in said["na"]
    assert "12.5/s" not in said["na"]
    assert "up to date" not in said["na"]
    assert said["emea"].startswith("emea no edge 1 service ")
    assert "emea-1 stopped" in said["emea"]


def test_one_edge_with_what_it_holds_failed_first(gallery: Site, html: Html) -> None:
    services = [ServiceStatus(f"s{at}", (at,), "ready") for at in range(1, 12)]
    broken = ServiceStatus("zoo", (), "failed", "<b>no room</b>")
    told(gallery, "na-1", "na", *services, broken, ServiceStatus("new", (), "loading"))
    page = html(gallery.client.get("/gallery/edges/na-1"))
    rows = [words(row) for row in page.findall(".//tbody/tr")]
    assert rows[:3] == ["zoo failed none <b>no room</b>", "new loading none", "s1 ready 1"]
    assert len(rows) == 13
    part = html(gallery.client.get("/gallery/edges/na-1", headers={"HX-Request": "true"}))
    assert part.find(".//h1") is None
    assert len(part.findall(".//tbody/tr")) == 13
    answer = gallery.client.get("/gallery/edges/na-2")
    assert answer.status_code == 404
    assert "dge 'na-2' does not exist. There are: na-1. Did you mean 'na-1'?" in words(html(answer))


def test_many_services_that_are_not_ready_are_not_all_told(gallery: Site, html: Html) -> None:
    told(gallery, "na-1", "na", *(ServiceStatus(f"s{at}", (), "loading") for at in range(8)))
    said = regions(html(gallery.client.get("/gallery/edges")))["na"]
    assert "and 3 more that are not ready" in said
    assert "s5" not in said


def test_asked_for_again_every_few_seconds(gallery: Site, html: Html) -> None:
    told(gallery, "na-1", "na")
    page = html(gallery.client.get("/gallery/edges"))
    live = page.find(".//*[@data-live]")
    assert live is not None
    assert live.get("hx-get") == "/gallery/edges"
    part = html(gallery.client.get("/gallery/edges", headers={"HX-Request": "true"}))
    assert part.find(".//h1") is None
    assert list(regions(part)) == ["emea", "na"]


def test_reports_that_say_something_odd_are_shown_as_far_as_they_go(gallery: Site, html: Html) -> None:
    odd = msgspec.json.decode(b'{"services": {"churn": {"rate": "many"}, "fare": 3}, "memory": "a lot"}')
    told(gallery, "na-1", "na", stats=odd)
    said = regions(html(gallery.client.get("/gallery/edges")))["na"]
    assert "0/s" in said
    assert "Memory" not in said
    told(gallery, "na-1", "na", stats={"services": ["churn"]})
    assert "/s " not in regions(html(gallery.client.get("/gallery/edges")))["na"]


def test_a_hub_without_edges_and_services(tmp_path_factory: pytest.TempPathFactory, html: Html) -> None:
    with site(tmp_path_factory.mktemp("empty")) as at:
        said = words(html(at.client.get("/gallery/edges")))
        assert "No edge has reported to this hub yet" in said
        assert f"rtml edge --hub {at.settings.url} --region" in said


def test_a_key_for_some_services_sees_nothing_of_others(locked: Site, html: Html) -> None:
    locked.hub.publish("secret", package(3.0), actor="bob", regions=["apac"])
    services = (ServiceStatus("churn", (2,), "ready"), ServiceStatus("secret", (1,), "failed", "secret reason"))
    told(locked, "na-1", "na", *services, stats={"services": {"secret": {"rate": 77.0}, "churn": {"rate": 1.0}}})
    visitor = locked.visitor("limited")
    for path in ("/gallery/edges", "/gallery/edges/na-1"):
        said = words(html(visitor.get(path)))
        assert "churn" in said or path == "/gallery/edges"
        assert "secret" not in said
        assert "78/s" not in said
        assert "1/s" in said
    assert list(regions(html(visitor.get("/gallery/edges")))) == ["emea", "na"]
