"""Traffic is steered in the browser, and edges follow."""

from __future__ import annotations

from collections import Counter

import pytest
from playwright.sync_api import Page, expect

from rtml_core.client.records import Arm, Traffic
from tests.browser.shop import Shop


@pytest.fixture
def one(shop: Shop) -> Shop:
    """Version 2 answers everybody, after version 1 did."""
    with shop.client() as client:
        client.set_traffic("buys-again", Traffic(champion=1))
        client.promote("buys-again", 2)
    return shop


def versions(shop: Shop, count: int = 100) -> Counter[int]:
    rows = shop.rows["buys-again"]
    with shop.client() as client:
        return Counter(client.predict("buys-again", row, sticky=f"visitor {at}").version for at, row in enumerate(rows[:count]))


def test_traffic_is_split_after_a_look_at_what_it_does(page: Page, one: Shop) -> None:
    page.goto(f"{one.gallery}/services/buys-again/traffic")
    page.get_by_text("A/B split").click()
    form = page.locator("#change-split")
    form.get_by_label("Version").first.select_option("1")
    form.get_by_label("Share in percent").first.fill("40")
    form.get_by_role("button", name="See what it does").click()
    expect(page.get_by_role("heading", name="Set the split?")).to_be_visible()
    assert set(versions(one)) == {2}  # nothing is done yet
    page.get_by_role("button", name="Change the traffic").click()
    expect(page.get_by_role("status").filter(has_text="raffic").first).to_be_visible()
    with one.client() as client:
        assert client.service("buys-again").traffic.split == (Arm(1, 0.4),)
        client.rollout("buys-again", wait=20)
    asked = versions(one)
    assert 20 <= asked[1] <= 60
    assert asked[1] + asked[2] == 100


def test_a_share_that_cannot_be_is_said_at_its_field(page: Page, one: Shop) -> None:
    page.goto(f"{one.gallery}/services/buys-again/traffic")
    page.get_by_text("Try a version on some visitors").click()
    form = page.locator("#change-canary")
    form.get_by_label("Version").select_option("1")
    form.get_by_label("Share in percent").fill("140")
    form.get_by_role("button", name="See what it does").click()
    share = page.locator("#change-canary").get_by_label("Share in percent")
    expect(share).to_have_attribute("aria-invalid", "true")
    expect(share).to_have_value("140")
    assert set(versions(one)) == {2}


def test_a_rollback_is_two_clicks(page: Page, one: Shop) -> None:
    page.goto(f"{one.gallery}/services/buys-again/traffic")
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.get_by_role("heading", name="Roll back?")).to_be_visible()
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_role("heading", name="Who answers now")).to_be_visible()
    with one.client() as client:
        assert client.service("buys-again").traffic.champion == 1
        client.rollout("buys-again", wait=20)
    assert set(versions(one)) == {1}
    page.goto(f"{one.gallery}/services/buys-again/audit")
    expect(page.get_by_role("main")).to_contain_text("rolled it back to 1")


def test_two_who_steer_at_once_do_not_overwrite_each_other(page: Page, one: Shop) -> None:
    page.goto(f"{one.gallery}/services/buys-again/traffic")
    page.get_by_role("button", name="Roll back to version 1").click()
    with one.client() as client:
        client.canary("buys-again", 1, 0.1)
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    expect(page.get_by_role("alert")).to_contain_text("canary 1 10 %")
    with one.client() as client:
        assert client.service("buys-again").traffic.canary == Arm(1, 0.1)
