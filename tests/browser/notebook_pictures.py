"""The pictures of the tutorial of notebooks (docs/tutorial/notebook.md), taken in JupyterLab while the template runs.

    python -m tests.browser.notebook_pictures

puts them into docs/pictures; `make pictures` calls it. It takes a minute, and is no test: the templates are run by
tests/integration/notebook, the launcher by tests/browser.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser.conftest import executable

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
TEMPLATE = "train_and_publish"
#: cells (their ids) of each picture, the first and the last
SHOWN = {
    "graph": ("graph", "graph"),
    "compiled": ("compile", "package"),
    "services": ("services", "services"),
    "service": ("promote", "promote"),
}
WIDTH, HEIGHT = 1280, 900


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder)) as address, sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"]
        browser = playwright.chromium.launch(executable_path=executable(), args=options)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        run_all(page, address)
        for name, (first, last) in SHOWN.items():
            take(page, name, cell(page, first), cell(page, last))
        launcher(page)
        browser.close()


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """`rtml notebook` with the template, everything it keeps in one folder; gives the address of the opened notebook."""
    # all cells are in the page, not only those in sight; no question about news
    settings = {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false"},
    }
    for name, values in settings.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(values))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RTML_", "JUPYTER"))}
    environment |= {
        "HOME": str(folder),
        "RTML_HOME": str(folder / "home"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "COLUMNS": "200",
    }
    (folder / "work").mkdir()
    command = [sys.executable, "-m", "rtml_core.cli", "notebook", TEMPLATE, "--folder", str(folder / "work")]
    process = subprocess.Popen([*command, "--port", "0", "--no-browser"], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.match(r"notebook\s.*(http://\S+)", line):
                yield found[1]
                break
        else:
            raise SystemExit("rtml notebook did not start; what it said stands above")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def run_all(page: Page, address: str) -> None:
    """Open the notebook, run all cells, wait for the last one."""
    page.goto(address)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    cell(page, "delete").locator(".jp-OutputArea-output").wait_for(timeout=120_000)
    page.keyboard.press("Control+b")  # without the folder at the left


def cell(page: Page, ident: str) -> Locator:
    """A cell of the template by its id."""
    source = json.loads((ROOT / "rtml_plugins" / "notebook" / "templates" / f"{TEMPLATE}.ipynb").read_bytes())
    return page.locator(".jp-Notebook .jp-Cell").nth([one["id"] for one in source["cells"]].index(ident))


def take(page: Page, name: str, first: Locator, last: Locator) -> None:
    """From the first cell to the last one, in a window that is just as high."""
    page.set_viewport_size({"width": WIDTH, "height": 3000})
    first.evaluate("cell => cell.scrollIntoView({block: 'start'})")
    top, bottom = first.bounding_box(), last.bounding_box()
    assert top is not None
    assert bottom is not None
    area = {"x": top["x"], "y": top["y"], "width": top["width"], "height": bottom["y"] + bottom["height"] - top["y"]}
    page.screenshot(path=PICTURES / f"notebook-{name}.png", clip=area)
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def launcher(page: Page) -> None:
    """The section of the launcher."""
    page.keyboard.press("Control+Shift+l")
    section = page.locator(".jp-Launcher-section").filter(has_text="Real-time ML")
    section.wait_for()
    box = section.bounding_box()
    assert box is not None
    page.screenshot(path=PICTURES / "notebook-launcher.png", clip={**box, "width": 600})


if __name__ == "__main__":
    main()
