"""Every page: no fault in the console, nothing serious for axe, whole on a phone, light and dark; pictures are kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.shop import Shop

#: name of the picture -> path below /gallery
PAGES = {
    "services": "",
    "services-nothing-found": "?q=nothing+like+it",
    "service": "/services/buys-again",
    "service-wide-choice": "/services/next-basket?version=1&region=na",
    "graph": "/services/buys-again/graph",
    "graph-node": "/services/buys-again/graph?node=scikit_learn",
    "versions": "/services/buys-again/versions",
    "versions-compared": "/services/buys-again/versions?left=1&right=2",
    "traffic": "/services/buys-again/traffic",
    "live": "/services/buys-again/live",
    "live-of-a-day": "/services/next-basket/live?span=24h",
    "history": "/services/buys-again/audit",
    "operators": "/operators",
    "operator": "/operators/OneHotEncoder",
    "plugin": "/plugins/pandas",
    "edges": "/edges",
    "audit": "/audit",
    "not-found": "/services/no-such-service",
}
SERIOUS = ("serious", "critical")


def faults(page: Page) -> list[str]:
    """What axe finds serious, in both schemes."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        for violation in Axe().run(page).response["violations"]:
            if violation["impact"] in SERIOUS:
                nodes = "; ".join(node["html"][:150] for node in violation["nodes"][:3])
                found.append(f"{scheme}: {violation['id']}: {violation['help']}: {nodes}")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound_and_its_picture_is_kept(page: Page, shop: Shop, shoot: Callable[..., object], name: str) -> None:
    answer = page.goto(f"{shop.gallery}{PAGES[name]}")
    assert answer is not None
    assert answer.status == (404 if name == "not-found" else 200)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    shoot(name)
    assert faults(page) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "it has to be scrolled sideways on a phone"


def test_the_page_to_sign_in_is_sound(page: Page, guarded: tuple[Shop, dict[str, str]], shoot: Callable[..., object]) -> None:
    shop, _ = guarded
    page.goto(f"{shop.gallery}/services/buys-again")
    expect(page.get_by_label("API key")).to_be_visible()
    shoot("sign-in")
    assert faults(page) == []


@pytest.mark.parametrize("name", ["service", "traffic"])
def test_what_comes_of_a_form_is_sound(page: Page, shop: Shop, shoot: Callable[..., object], name: str) -> None:
    page.goto(f"{shop.gallery}{PAGES[name]}")
    if name == "service":
        page.get_by_role("button", name="Try", exact=True).click()
        expect(page.locator(".prediction .figure")).to_be_visible()
        shoot("service-tried")
        assert faults(page) == []
        page.get_by_label("orders", exact=False).first.fill("many")
        page.get_by_role("button", name="Try", exact=True).click()
        expect(page.get_by_role("alert").first).to_be_visible()
        shoot("service-wrong")
    else:
        page.get_by_text("Try a version on some visitors").click()
        form = page.locator("#change-canary")
        form.get_by_label("Share in percent").fill("5")
        form.get_by_role("button", name="See what it does").click()
        expect(page.locator("#confirm-h")).to_be_visible()
        shoot("traffic-confirm")
    assert faults(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_without_javascript(browser_without_scripts: BrowserContext, shop: Shop, name: str) -> None:
    page = browser_without_scripts.new_page()
    page.goto(f"{shop.gallery}{PAGES[name]}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert len(page.get_by_role("main").inner_text()) > 60


def test_a_hub_without_services_says_how_to_get_one(page: Page, empty: Shop, shoot: Callable[..., object]) -> None:
    page.goto(empty.gallery)
    expect(page.get_by_role("main")).to_contain_text("rtml publish")
    shoot("services-none")
    assert faults(page) == []
    page.goto(f"{empty.gallery}/edges")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert faults(page) == []
