"""The pictures of the tour (docs/tutorial/gallery.md), taken as it is walked.

`make pictures` takes them anew and puts them into docs/pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from rtml_core.client.records import Arm, Traffic
from tests.browser.conftest import PICTURES
from tests.browser.shop import ROOT, Shop

TOUR = ROOT / "docs" / "tutorial" / "gallery.md"
KEPT = ROOT / "docs" / "pictures"

Picture = Callable[[str], None]


def shown() -> set[str]:
    """The pictures that the tour shows."""
    found = set(re.findall(r"\(\.\./pictures/([\w-]+\.png)\)", TOUR.read_text()))
    assert found
    return found


@pytest.fixture
def picture(page: Page) -> Picture:
    """Take a picture of what is in sight: build/screenshots/tour/NAME.png."""
    folder = PICTURES / "tour"
    folder.mkdir(parents=True, exist_ok=True)
    page.set_viewport_size({"width": 1200, "height": 760})

    def take(name: str) -> None:
        page.screenshot(path=folder / f"gallery-{name}.png")

    return take


@pytest.fixture
def canary(shop: Shop) -> Shop:
    """Version 2 of buys-again is a canary."""
    with shop.client() as client:
        client.set_traffic("buys-again", Traffic(champion=1, canary=Arm(2, 0.2)))
    return shop


def test_the_tour_is_walked_and_its_pictures_are_those_of_the_page(page: Page, canary: Shop, picture: Picture) -> None:
    with canary.visited("buys-again"), canary.visited("next-basket", {"last_items": 9}):
        page.goto(canary.gallery)
        while page.get_by_text("No request so far").count():  # edges tell every few seconds
            page.wait_for_timeout(1000)
            page.reload()
        picture("services")
        page.get_by_role("link", name="buys-again", exact=True).click()
        page.get_by_role("button", name="Try", exact=True).click()
        expect(page.locator(".prediction .figure")).to_be_visible()
        picture("try")
        page.get_by_role("region", name="Computed on the way").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('way-part').scrollIntoView()")
        picture("way")
        page.get_by_role("link", name="Graph", exact=True).click()
        page.locator("svg a").filter(has_text="clip").first.click()
        expect(page.locator("#node")).to_contain_text("1000")
        page.evaluate("scrollTo(0, 0)")
        picture("graph")
        page.goto(f"{canary.gallery}/services/buys-again/versions?left=1&right=2")
        picture("versions")
        page.get_by_role("link", name="Traffic", exact=True).click()
        page.get_by_role("button", name="Promote version 2").click()
        expect(page.locator("#confirm-h")).to_be_visible()
        picture("traffic")
        page.goto(f"{canary.gallery}/services/next-basket/live?span=15m")
        expect(page.get_by_role("row").filter(has_text="last_items").filter(has_text="drifted").first).to_be_visible(
            timeout=60_000
        )
        expect(page.locator("figure, .panel").filter(has_text="half of the requests").first).to_be_visible(timeout=60_000)
        page.evaluate("scrollTo(0, 0)")
        picture("live")
        page.goto(f"{canary.gallery}/edges")
        picture("edges")
    page.goto(f"{canary.gallery}/operators/OneHotEncoder")
    picture("operator")
    assert {path.name for path in (PICTURES / "tour").iterdir()} >= shown()


def test_every_picture_of_the_tour_is_kept_and_none_besides() -> None:
    assert {path.name for path in KEPT.glob("gallery-*")} == shown()
