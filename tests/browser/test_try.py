"""Try a service: a form from its signature, an answer from an edge, what is wrong said where it is wrong."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.shop import Shop


def answered(shop: Shop, service: str, row: dict[str, object]) -> dict[str, object]:
    with shop.client() as client:
        return dict(client.predict(service, row))


def test_a_row_is_answered_by_an_edge_with_its_features(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/next-basket")
    page.get_by_label("weekday", exact=False).first.select_option("Sat")
    page.get_by_label("orders", exact=False).first.fill("3")
    page.get_by_role("button", name="Try", exact=True).click()
    figure = page.locator(".prediction .figure")
    expect(figure).to_be_visible()
    code = page.locator("details:has(summary:text('curl')) code").text_content() or ""
    row = json.loads(code[code.index("{") : code.rindex("}") + 1])
    assert (row["weekday"], row["orders"]) == ("Sat", 3)
    expected = answered(shop, "next-basket", row)["worth"]
    assert isinstance(expected, float)
    assert float((figure.text_content() or "").replace(",", "")) == pytest.approx(expected, rel=1e-2)
    # what was computed on the way lies along the graph
    way = page.get_by_role("region", name="Computed on the way")
    expect(way.locator("svg.graph-picture")).to_be_visible()
    way.get_by_text("As a table").click()
    expect(way.get_by_role("row").filter(has_text="weekday_Sat")).to_contain_text("1")


def test_wrong_input_is_shown_at_its_field_which_gets_the_focus(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/next-basket")
    orders = page.get_by_label("orders", exact=False).first
    orders.fill("three")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(orders).to_have_attribute("aria-invalid", "true")
    expect(orders).to_be_focused()
    expect(orders).to_have_value("three")  # nothing typed is lost
    described = (orders.get_attribute("aria-describedby") or "").split()
    said = " ".join(page.locator(f"#{name}").text_content() or "" for name in described)
    assert "three" in said
    expect(page.get_by_role("alert")).to_contain_text("orders")
    expect(page.locator(".prediction")).to_have_count(0)
    orders.fill("3")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".prediction .figure")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_value_may_be_missing_and_another_row_is_a_click_away(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/next-basket")
    page.get_by_label("last_spent: value, or none").select_option(label="missing")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".prediction .figure")).to_be_visible()
    assert '"last_spent":null' in (page.locator("details:has(summary:text('curl')) code").text_content() or "")
    before = page.locator("#try-form").evaluate("form => new URLSearchParams(new FormData(form)).toString()")
    page.get_by_role("link", name="Another row").click()
    expect(page.locator(".prediction")).to_have_count(0)
    after = page.locator("#try-form").evaluate("form => new URLSearchParams(new FormData(form)).toString()")
    assert before != after


def test_the_request_can_be_copied(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/next-basket")
    page.locator("details:has(summary:text('curl'))").get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("details:has(summary:text('curl')) code").text_content()
    assert copied.startswith("curl ")


def test_without_javascript_a_service_is_found_tried_and_corrected(browser_without_scripts: BrowserContext, shop: Shop) -> None:
    page = browser_without_scripts.new_page()
    page.goto(f"{shop.gallery}?q=basket")
    page.get_by_role("link", name="next-basket", exact=True).click()
    page.get_by_label("orders", exact=False).first.fill("many")
    page.get_by_role("button", name="Try", exact=True).click()
    orders = page.get_by_label("orders", exact=False).first
    expect(orders).to_have_attribute("aria-invalid", "true")
    orders.fill("2")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".prediction .figure")).to_be_visible()
