"""Who may look and who may steer."""

from __future__ import annotations

import subprocess
import sys

from playwright.sync_api import Page, expect

from tests.browser.shop import Shop

Guarded = tuple[Shop, dict[str, str]]


def sign_in(page: Page, shop: Shop, key: str, path: str = "") -> None:
    page.goto(f"{shop.gallery}{path}")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


def test_signing_in_leads_to_the_page_that_was_asked_for_and_out_again(page: Page, guarded: Guarded) -> None:
    shop, keys = guarded
    sign_in(page, shop, keys["vera"], "/services/buys-again/versions")
    expect(page.get_by_role("heading", level=1)).to_have_text("buys-again")
    assert page.url == f"{shop.gallery}/services/buys-again/versions"
    expect(page.get_by_role("banner")).to_contain_text("vera")
    [cookie] = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert keys["vera"] not in page.content()
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{shop.gallery}/services/buys-again")
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_wrong_key_is_refused_in_words(page: Page, guarded: Guarded) -> None:
    shop, _ = guarded
    sign_in(page, shop, "rtml_0123456789ab_" + "a" * 52)
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("API key")).to_have_value("")


def test_a_viewer_tries_and_a_publisher_steers(page: Page, guarded: Guarded) -> None:
    shop, keys = guarded
    sign_in(page, shop, keys["vera"], "/services/next-basket")
    page.get_by_role("button", name="Try", exact=True).click()
    expect(page.locator(".prediction .figure")).to_be_visible()
    page.goto(f"{shop.gallery}/services/buys-again/traffic")
    expect(page.get_by_role("main")).to_contain_text("lacks the scope publish")
    expect(page.get_by_role("button", name="See what it does")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, shop, keys["paul"], "/services/buys-again/traffic")
    page.get_by_role("button", name="End the canary").click()
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_role("status").first).to_be_visible()
    with shop.client() as client:
        assert client.service("buys-again").traffic.canary is None
        assert client.audit("buys-again")[0].actor == "paul"


def test_a_link_opens_a_session_once(page: Page, guarded: Guarded) -> None:
    shop, keys = guarded
    command = [sys.executable, "-m", "rtml_core.cli", "gallery", "open", "--no-browser", "--hub", shop.hub]
    environment = {"RTML_API_KEY": keys["paul"], "PATH": "/usr/bin:/bin"}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    [link] = [word for word in told.split() if word.startswith(shop.gallery)]
    page.goto(link)
    expect(page.get_by_label("API key")).to_have_count(0)
    page.get_by_role("button", name="Go in as paul").click()
    expect(page.get_by_role("banner")).to_contain_text("paul")
    assert "token" not in page.url
    page.get_by_role("button", name="Sign out").click()
    page.goto(link)
    expect(page.get_by_role("main")).to_contain_text("rtml gallery open")
