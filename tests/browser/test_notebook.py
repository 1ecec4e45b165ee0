"""JupyterLab in a browser: the section of its launcher, notebooks that its tiles open, and the kernels that run them."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PICTURES, WIDE
from tests.browser.shop import ROOT
from tests.integration.machine import until
from tests.integration.notebook.jupyter import Started, alive, notebook

#: milliseconds: JupyterLab's page is large, and kernels start while other tests run
PATIENCE = 90_000


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def jupyter(work: Path, chromium: str) -> Iterator[Started]:
    """`rtml notebook`, ended with Ctrl-C at last while kernels run: nothing is left."""
    file = Path("jupyter_app_launcher", "jp_app_launcher_rtml.yaml")
    copy = Path(sys.prefix, "share", "jupyter", file)
    if not copy.exists() or copy.read_bytes() != (ROOT / "rtml_plugins" / "notebook" / "launcher" / file.name).read_bytes():
        pytest.fail("this environment has no copy of the launcher's files, or an old one: pip install -e '.[test]'")
    with notebook(work, "--home", str(work / "home"), "--folder", str(work / "mine"), end=signal.SIGINT) as started:
        yield started
        pids = [*started.pids(), *json.loads((work / "home" / "running.json").read_bytes()).values()]
        assert len(pids) >= 5  # Jupyter, two kernels, hub and edge
    until(lambda: not any(alive(pid) for pid in pids))


@pytest.fixture
def lab(browser: Browser, jupyter: Started) -> Iterator[Page]:
    """JupyterLab as it is opened by `rtml notebook`, once the template is there."""
    context = browser.new_context(viewport=WIDE, locale="en-GB", timezone_id="UTC", reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    context.set_default_navigation_timeout(PATIENCE)
    page = context.new_page()
    page.goto(jupyter.notebook)
    opened(page, "train_and_publish.ipynb")  # until then it would come to the front, whatever is opened meanwhile
    yield page
    context.close()


def shoot(page: Page, name: str) -> None:
    folder = PICTURES / "notebook"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


def section(page: Page) -> Locator:
    """The section of a new launcher."""
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_text("New Launcher", exact=True).click()
    title = page.locator(".jp-Launcher-sectionTitle", has_text="Real-time ML")
    found = page.locator(".jp-Launcher-section").filter(has=title)
    found.wait_for()
    return found


def opened(page: Page, file: str) -> Locator:
    """The notebook of a file, in front, when its kernel waits for something to do."""
    page.locator(".lm-TabBar-tab.lm-mod-current", has_text=file).wait_for()
    panel = page.locator(".jp-NotebookPanel:visible")
    panel.locator(".jp-CodeCell").first.wait_for()
    page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for()
    return panel


def run(page: Page, panel: Locator, number: int) -> None:
    """Run the code cell of this number."""
    panel.locator(".jp-CodeCell").nth(number).locator(".jp-InputPrompt").click()
    page.keyboard.press("Shift+Enter")


def output(panel: Locator, number: int) -> Locator:
    """What the cell of this number gave."""
    return panel.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output")


def test_the_template_is_open_and_the_launcher_opens_more(lab: Page, jupyter: Started, work: Path) -> None:
    expect(lab.get_by_role("heading", name="Train a model and put it to work")).to_be_visible(timeout=PATIENCE)
    shoot(lab, "template")

    tiles = section(lab)
    names = ["Train and publish", "Your own ONNX", "Your own operator", "Blank with rtml", "Gallery"]
    expect(tiles.locator(".jp-LauncherCard")).to_have_text(names)
    tiles.scroll_into_view_if_needed()
    shoot(lab, "launcher")

    with lab.context.expect_page() as there:
        tiles.get_by_text("Gallery").click()
    there.value.wait_for_url(f"{jupyter.hub}/gallery")
    expect(there.value.get_by_role("heading", name="Services")).to_be_visible()
    there.value.close()

    tiles.get_by_text("Train and publish").click()
    panel = opened(lab, "Train and publish.ipynb")
    for number in range(2):  # imports and %load_ext rtml, then the data
        run(lab, panel, number)
    expect(output(panel, 1)).to_contain_text("dollars", timeout=PATIENCE)
    expect(output(panel, 1)).to_contain_text("1997-01-01")
    expect(output(panel, 0)).to_have_count(0)
    shoot(lab, "first-cells")


def test_a_blank_notebook_is_connected_to_the_hub_that_was_started(lab: Page, jupyter: Started) -> None:
    section(lab).get_by_text("Blank with rtml").click()
    panel = opened(lab, "Blank with rtml.ipynb")
    run(lab, panel, 0)
    panel.locator(".jp-CodeCell").nth(1).get_by_role("textbox").click()
    lab.keyboard.type("client.hub, [edge.region for edge in client.edges()]")
    lab.keyboard.press("Shift+Enter")
    expect(output(panel, 1)).to_have_text(re.compile(re.escape(f"('{jupyter.hub}', ['na'])")), timeout=PATIENCE)
    expect(output(panel, 0)).to_have_count(0)  # it found the hub, and says nothing about it
    shoot(lab, "blank")
