"""A real browser, Debian's chromium, before a real hub with real edges."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.browser.shop import ROOT, Packages, Shop, packages, publish, running

#: where the pictures of a run go
PICTURES = Path(os.environ.get("RTML_SCREENSHOTS") or ROOT / "build" / "screenshots")
WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def executable() -> str:
    """The browser. Without one: a skip that says how to get it, and in CI a failure."""
    found = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    if found is None:
        missing = "there is no chromium: apt-get install chromium (Debian), then run the tests again"
        if "CI" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    return executable()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Of one module: while it is open an event loop runs in this thread, in which tests of other rooms start their own."""
    with sync_playwright() as playwright:
        # no sandbox: tests may run as root; no shared memory: containers have little
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
        opened = playwright.chromium.launch(executable_path=chromium, args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    return packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, made: Packages, chromium: str) -> Iterator[Shop]:
    """A shop whose hub asks for no keys, with visitors behind it."""
    home = tmp_path_factory.mktemp("open")
    with running(home) as hub:
        opened = Shop(hub, home, made.rows)
        with opened.client() as client:
            publish(client, made)
        opened.ask("buys-again", 300)
        opened.ask("next-basket", 100)
        yield opened


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, made: Packages, chromium: str) -> Iterator[tuple[Shop, dict[str, str]]]:
    """A shop whose hub asks for keys, and keys: ada (admin), paul (publish, predict), vera (predict)."""
    home = tmp_path_factory.mktemp("guarded")
    with running(home) as hub:
        with Shop(hub, home, made.rows).client() as client:
            publish(client, made)
            keys = {"ada": client.create_key("ada", ["admin"]).secret}
        with Shop(hub, home, made.rows, keys["ada"]).client() as client:
            keys["paul"] = client.create_key("paul", ["publish", "predict"]).secret
            keys["vera"] = client.create_key("vera", ["predict"]).secret
        yield Shop(hub, home, made.rows, keys["ada"]), keys


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Shop]:
    """A hub that has just been started."""
    home = tmp_path_factory.mktemp("empty")
    with running(home, ["na"]) as hub:
        yield Shop(hub, home, {})


@pytest.fixture
def browser_without_scripts(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=WIDE, java_script_enabled=False)
    yield made
    made.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport=WIDE, locale="en-GB", timezone_id="UTC", reduced_motion="reduce")
    made.set_default_timeout(20_000)
    made.grant_permissions(["clipboard-read", "clipboard-write"])
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of which no script fails and that writes no error to the console, but for answers that say no (4xx), which the
    browser reports there, too."""
    opened = context.new_page()
    errors: list[str] = []

    def told(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            errors.append(f"{message.type}: {message.text} at {message.location}")

    opened.on("console", told)
    opened.on("pageerror", lambda error: errors.append(f"script: {error}"))
    yield opened
    opened.close()
    assert errors == []


@pytest.fixture
def shoot(page: Page) -> Callable[..., list[Path]]:
    """Take pictures of the whole page as it is, light and dark, wide and as on a phone."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def take(name: str, **options: Any) -> list[Path]:
        taken = []
        for kind, viewport in (("", WIDE), ("-phone", PHONE)):
            page.set_viewport_size(viewport)  # type: ignore[arg-type]
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                path = PICTURES / f"{name}-{scheme}{kind}.png"
                page.screenshot(path=path, full_page=True, **options)
                taken.append(path)
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")
        return taken

    return take
