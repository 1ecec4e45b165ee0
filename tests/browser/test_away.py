"""A page that stays open while the hub goes away and comes back, and while its session ends."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect
from sqlalchemy import delete

from rtml_plugins.hub import tables
from rtml_plugins.hub.database import open_database
from tests.integration.hub.process import hub, key


def test_a_hub_that_is_away_is_said_until_it_is_back(browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    secret = key(home, "admin")["Authorization"].removeprefix("Bearer ")
    with hub(home) as running, browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{running.url}/gallery/edges")
        page.get_by_label("API key").fill(secret)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Edges and regions")
        expect(page.locator("#trouble")).to_be_hidden()
        running.stop()
        expect(page.get_by_role("alert")).to_have_text("The hub does not answer. What you see may be old.", timeout=30_000)
        expect(page.get_by_role("heading", level=1)).to_have_text("Edges and regions")
        running.start()
        expect(page.locator("#trouble")).to_be_hidden(timeout=30_000)
        database = open_database(home / "hub.db")
        try:
            with database.note() as connection:
                connection.execute(delete(tables.sessions))
        finally:
            database.close()
        page.wait_for_url("**/gallery/sign-in?next=%2Fgallery%2Fedges", timeout=30_000)
        page.get_by_label("API key").fill(secret)
        page.keyboard.press("Enter")
        page.wait_for_url("**/gallery/edges")
