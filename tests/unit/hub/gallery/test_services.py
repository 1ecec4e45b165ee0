"""The list of services as a page: cards, search, filters, pages, empty states, keys for some services."""

from __future__ import annotations

import time
from collections.abc import Callable
from xml.etree.ElementTree import Element

import httpx
import pytest

from rtml_core.client.records import Arm, Traffic
from rtml_plugins.hub.gallery import listing
from rtml_plugins.serving.measures import SECONDS, Counted, Measures, VersionCounted, Window
from tests.unit.hub.gallery.site import Site, site, words
from tests.unit.hub.packages import package
from tests.unit.hub.served import report

Html = Callable[[httpx.Response], Element]


#: what a hub asks now and then by itself, to see what another one on its database changed
POLLED = ("BEGIN", "SELECT hub.revision \nFROM hub")


def cards(page: Element) -> dict[str, str]:
    """The text of each card by the name of its service, in order."""
    found = {}
    for card in page.findall(".//ul[@class='cards services']/li"):
        heading = card.find(".//h2")
        assert heading is not None
        found[words(heading)] = words(card)
    return found


def count(page: Element) -> str:
    told = page.find(".//*[@id='count']")
    assert told is not None
    return words(told)


def choices(page: Element, name: str) -> list[str]:
    return [words(option) for option in page.findall(f".//select[@name='{name}']/option")]


@pytest.fixture
def three(gallery: Site) -> Site:
    """Besides "churn" a service "fare" of a package without a model, and "old", which is deprecated."""
    gallery.hub.publish("fare", package(3.0), actor="bob", regions=["apac"], description="What a ride costs", owner="pricing")
    gallery.hub.publish("old", package(4.0), actor="bob", regions=["na"])
    gallery.hub.deprecate("old", actor="bob", reason="use fare")
    return gallery


def test_a_card_says_what_it_is(three: Site, html: Html) -> None:
    hub = three.hub
    hub.set_traffic("churn", Traffic(2, canary=Arm(1, 0.1)), actor="ada")
    hub.report_edge("na-1", report("na", 3, churn="ready"))
    hub.report_edge("emea-1", report("emea", 3, churn="failed"))
    page = html(three.client.get("/gallery"))
    told = cards(page)
    assert list(told) == ["churn", "fare", "old"]
    assert count(page) == "3 services"
    churn = told["churn"]
    for part in (
        "version 2, canary 1 10 %",
        "Predicts propensity number",
        "Who leaves",
        "na ready",
        "emea degraded",
        "Failing: emea-1 can't load it: it broke",
        "No request so far",
        "ada set its traffic to 2, canary 1 10 % · just now · owner ada",
    ):
        assert part in churn
    assert "apac no edge" in told["fare"]
    assert "bob published version 1 for everyone" in told["fare"]
    assert "owner pricing" in told["fare"]
    assert "deprecated use fare" in told["old"]


def test_what_edges_counted(three: Site, html: Html) -> None:
    now = time.time()
    latency = [0] * (len(SECONDS) + 1)
    latency[7] = 100
    of = three.hub.get("churn")
    counted = Counted({"ok": 90, "error": 10}, latency, 0.05)
    window = Window(1, now - 20, now - 10, [VersionCounted("churn", 2, of.versions[0].package, counted)])
    three.hub.record_measures("na-1", Measures("run", "na", [window]))
    churn = cards(html(three.client.get("/gallery")))["churn"]
    assert "errors10 %" in churn  # a term and what is said of it
    assert "Failing: 10 % of its requests failed in the last minute" in churn
    assert "No request" not in churn
    assert list(cards(html(three.client.get("/gallery?sort=requests")))) == ["churn", "fare", "old"]
    assert list(cards(html(three.client.get("/gallery?state=idle")))) == ["fare", "old"]
    assert list(cards(html(three.client.get("/gallery?state=failing")))) == ["churn"]


FOUND = {
    "q=RIDE": ["fare"],
    "q=propensity": ["churn"],
    "q=ada+leaves": ["churn"],
    "q=ada+ride": [],
    "region=na": ["churn", "old"],
    "state=deprecated": ["old"],
    "state=active&region=na": ["churn"],
    "operator=OneHotEncoder": ["churn"],
    "plugin=pandas": ["churn", "fare", "old"],
    "plugin=sklearn&q=": ["churn"],
    "sort=changed": ["old", "fare", "churn"],
    "region=mars": [],
}


def test_search_and_filters(three: Site, html: Html) -> None:
    pages = {query: html(three.client.get(f"/gallery?{query}")) for query in FOUND}
    assert {query: list(cards(page)) for query, page in pages.items()} == FOUND
    total = "3 services"
    for query, names in FOUND.items():
        assert count(pages[query]) == (total if len(names) == 3 else f"{len(names)} of {total}"), query


def test_filters_offer_what_there_is_with_how_many(three: Site, html: Html) -> None:
    page = html(three.client.get("/gallery?region=na"))
    assert choices(page, "region") == ["any region", "apac (1)", "emea (1)", "na (2)"]
    assert choices(page, "state") == ["any state", "active (1)", "deprecated (1)", "idle (2)"]
    assert "OneHotEncoder (1)" in choices(page, "operator")
    chosen = page.find(".//select[@name='region']/option[@selected]")
    assert chosen is not None
    assert chosen.get("value") == "na"


def test_filters_that_are_set_can_be_taken_away_one_by_one(three: Site, html: Html) -> None:
    page = html(three.client.get("/gallery?q=churn&region=na&sort=changed"))
    chips = {words(chip): chip.get("href") for chip in page.findall(".//ul[@class='chips']//a")}
    assert chips == {
        "search churn \N{MULTIPLICATION SIGN}: remove": "/gallery?region=na&sort=changed",
        "region na \N{MULTIPLICATION SIGN}: remove": "/gallery?q=churn&sort=changed",
        "Clear all": "/gallery",
    }


def test_nothing_found_says_what_to_clear(three: Site, html: Html) -> None:
    page = html(three.client.get("/gallery?q=nothing"))
    said = page.find(".//div[@class='panel empty']")
    assert said is not None
    assert words(said) == "No service is like that. Show all 3 services."
    page = html(three.client.get("/gallery?q=nothing&region=na"))
    assert "clear all of them" in words(page)


def test_a_part_for_htmx_brings_count_filters_and_address_along(three: Site, html: Html) -> None:
    answer = three.client.get("/gallery?q=churn&region=&state=&page=9", headers={"HX-Request": "true"})
    assert answer.headers["HX-Replace-Url"] == "/gallery?q=churn"
    part = html(answer)
    assert part.find(".//h1") is None
    assert list(cards(part)) == ["churn"]
    assert count(part) == "1 of 3 services"
    filters = part.find(".//*[@id='filters']")
    assert filters is not None
    assert filters.get("hx-swap-oob") == "innerHTML"


def test_pages(three: Site, html: Html, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    page = html(three.client.get("/gallery?plugin=pandas"))
    assert list(cards(page)) == ["churn", "fare"]
    following = page.find(".//a[@rel='next']")
    assert following is not None
    address = following.get("href")
    assert address == "/gallery?plugin=pandas&page=2"
    page = html(three.client.get(address))
    assert list(cards(page)) == ["old"]
    assert page.find(".//a[@rel='next']") is None
    assert list(cards(html(three.client.get("/gallery?page=77")))) == ["old"]


#: what is said of it, without the first letter, which pages may write as that of a sentence
REFUSED = {
    "state=failed": "tate in the address must be one of active, deprecated, failing, idle; got 'failed'",
    "sort=size": "ort in the address must be one of name, changed, requests; got 'size'",
    "page=0": "age in the address must be a number from 1 on; got '0'",
    "page=%C2%B2": "age in the address must be a number from 1 on",
    "page=99999999999999999999": "age in the address must be a number from 1 on",
}


def test_an_address_that_can_not_be(gallery: Site, html: Html) -> None:
    for query, said in REFUSED.items():
        answer = gallery.client.get(f"/gallery?{query}")
        assert 400 <= answer.status_code < 500, query
        assert said in words(html(answer))


def test_a_hub_without_services_says_how_to_publish_one(tmp_path_factory: pytest.TempPathFactory, html: Html) -> None:
    with site(tmp_path_factory.mktemp("empty")) as at:
        page = words(html(at.client.get("/gallery")))
        assert "0 services" in page
        assert f"rtml publish churn.rtml --name churn --hub {at.settings.url}" in page
        part = html(at.client.get("/gallery?q=x", headers={"HX-Request": "true"}))
        assert count(part) == "0 services"
        asked = {"path": "/gallery?first=yes", "headers": {"HX-Request": "true"}}
        waiting = at.client.get(**asked)
        assert (waiting.status_code, "HX-Refresh" in waiting.headers) == (204, False)
        at.hub.publish("fare", package(3.0), actor="bob")
        assert at.client.get(**asked).headers["HX-Refresh"] == "true"


def test_a_key_for_some_services_sees_those(locked: Site, html: Html) -> None:
    locked.hub.publish("fare", package(3.0), actor="bob", regions=["apac"])
    assert list(cards(html(locked.visitor("viewer").get("/gallery")))) == ["churn", "fare"]
    page = html(locked.visitor("limited").get("/gallery"))
    assert list(cards(page)) == ["churn"]
    assert count(page) == "1 service"
    assert choices(page, "region") == ["any region", "emea (1)", "na (1)"]


def test_a_key_for_services_that_are_not_there(locked: Site, html: Html) -> None:
    locked.hub.delete("churn", actor="ada")
    locked.hub.publish("fare", package(3.0), actor="bob", regions=["apac"])
    said = words(html(locked.visitor("limited").get("/gallery")))
    assert "None of your services is published" in said
    assert "fare" not in said


def test_the_number_of_questions_does_not_grow(gallery: Site) -> None:
    from sqlalchemy import event

    asked: list[str] = []
    event.listen(gallery.hub.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    def questions() -> int:
        gallery.client.get("/gallery")  # the manifests of new packages are read once
        asked.clear()
        gallery.client.get("/gallery")
        return len([text for text in asked if text not in POLLED])

    before = questions()
    for number in range(5):
        gallery.hub.publish(f"more-{number}", package(number), actor="bob", regions=["na"])
    assert questions() == before > 4
