"""Charts move as visitors come, and say when they are not the ones the model learned from."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Page, expect

from tests.browser.shop import Shop


def test_the_chart_moves_while_it_is_looked_at(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/next-basket/live?span=15m")
    drawing = page.locator("svg").first
    before = drawing.inner_html()
    with shop.visited("next-basket"):
        page.wait_for_function(
            "before => { const now = document.querySelector('main svg'); return now && now.innerHTML !== before }", arg=before
        )
        page.goto(f"{shop.gallery}?q=next-basket")
        rate = page.locator("dt:text-is('requests/s') + dd")
        until = time.monotonic() + 60
        while not rate.count() and time.monotonic() < until:  # an edge tells its figures every few seconds
            page.wait_for_timeout(250)
            page.reload()
        expect(rate).to_have_text(re.compile(r"[1-9]"))


def test_a_feature_that_moves_is_named_in_words(page: Page, shop: Shop) -> None:
    with shop.visited("next-basket", {"last_spent": None, "last_items": 40}):
        page.goto(f"{shop.gallery}/services/next-basket/live?span=15m")
        drifted = page.get_by_role("row").filter(has_text="last_items").filter(has_text="drifted")
        expect(drifted.first).to_be_visible(timeout=60_000)
    expect(page.get_by_role("main")).to_contain_text("'last_spent' is missing in")
