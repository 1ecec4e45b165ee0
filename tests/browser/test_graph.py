"""The graph of a service as a picture, and versions side by side."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.shop import Shop


def test_a_node_tells_its_parameters(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/buys-again/graph")
    picture = page.locator("svg").first
    expect(picture).to_be_visible()
    page.locator("svg a").filter(has_text="clip").first.click()
    panel = page.locator("#node")
    expect(panel).to_contain_text("Pandas clip")
    expect(panel).to_contain_text("1000")  # the upper limit
    expect(panel).to_contain_text("ONNX")


def test_nodes_are_reached_and_opened_by_keyboard(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/buys-again/graph")
    node = page.locator("svg a").filter(has_text="fillna").first
    node.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#node")).to_contain_text("999")


def test_two_versions_are_compared(page: Page, shop: Shop) -> None:
    page.goto(f"{shop.gallery}/services/buys-again/versions?left=1&right=2")
    main = page.get_by_role("main")
    expect(main).to_contain_text("deeper trees")
    expect(main).to_contain_text("auc")
    expect(main).to_contain_text("max_depth")
