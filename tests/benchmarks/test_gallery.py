"""The benchmark of the gallery asks for every page there is."""

from __future__ import annotations

from rtml_plugins.hub.gallery.page import PAGES
from tests.benchmarks.gallery import LEFT_OUT, pages


def test_every_page_that_can_be_looked_at_is_asked_for() -> None:
    asked = pages(["first", "last"])
    assert not [one.address for one in asked if "{" in one.address]
    labels = [one.label for one in asked]
    assert len(labels) == len(set(labels))
    looked_at = {page.path for page in PAGES if "GET" in page.methods} - LEFT_OUT
    assert looked_at <= {label.partition("?")[0] for label in labels}
