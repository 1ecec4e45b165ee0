"""Find a service."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.shop import Shop


def test_every_service_is_a_card_and_search_finds_one(page: Page, shop: Shop, shoot: Callable[..., object]) -> None:
    page.goto(shop.gallery)
    expect(page.get_by_role("heading", level=1)).to_have_text("Services")
    expect(page.get_by_role("link", name="buys-again", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="next-basket", exact=True)).to_be_visible()
    shoot("services")
    page.get_by_role("searchbox").fill("basket")
    expect(page.get_by_role("link", name="buys-again", exact=True)).to_have_count(0)
    page.get_by_role("link", name="next-basket", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("next-basket")
