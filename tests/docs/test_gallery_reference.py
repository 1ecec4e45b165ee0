"""The reference of the gallery names every path with the scopes that it needs, and the limits and headers that there are."""

from __future__ import annotations

from rtml_plugins.hub import visits
from rtml_plugins.hub.gallery import attempts
from rtml_plugins.hub.gallery.page import LOOK, ROOT, Page
from rtml_plugins.hub.gallery.rendering import HEADERS
from rtml_plugins.hub.gallery.routes import declared
from tests.docs.test_pages import ROOT as REPOSITORY

TEXT = (REPOSITORY / "docs" / "reference" / "gallery.md").read_text()
ROWS = {
    cells[0].strip(" `"): cells[2].strip()
    for line in TEXT.splitlines()
    if line.startswith(f"| `{ROOT}") and len(cells := line.strip("| ").split(" | ")) == 3
}


def _needs(pages: list[Page]) -> str:
    """What the page says of a path: that of GET, then that of POST where it is another."""
    said = []
    for page in sorted(pages, key=lambda page: page.methods):
        scopes = (
            "nothing" if page.public else "look" if set(page.scopes) == set(LOOK) else " or ".join(f"`{s}`" for s in page.scopes)
        )
        said.append(scopes)
    return "; ".join(dict.fromkeys(said))


def test_every_path_is_named_with_what_it_needs() -> None:
    by_path: dict[str, list[Page]] = {}
    for page in declared():
        by_path.setdefault(ROOT + page.path.rstrip("/"), []).append(page)
    assert set(ROWS) == {*by_path, f"{ROOT}/static/..."}
    special = {f"{ROOT}/enter": "a link", f"{ROOT}/services/{{name}}/try": "`predict`"}
    for path, pages in by_path.items():
        assert ROWS[path].startswith(special.get(path) or _needs(pages)), path


def test_limits_and_headers_are_those_that_there_are() -> None:
    assert f"| lasts | {visits.LIFE / 3600:.0f} hours" in TEXT
    assert f"within {visits.LINK_LIFE:.0f} seconds" in TEXT
    assert f"| {visits.MOST} at once" in TEXT.replace("of one key ", "")
    assert f"| failures | {attempts.MOST} a minute" in TEXT
    assert f" a minute with one key, {attempts.MOST_OF_ADDRESS} with any" in TEXT
    assert attempts.WINDOW == 60
    for name, value in HEADERS.items():
        assert f"`{name}`" in TEXT
        assert f"`{value}`" in TEXT
