"""The pages that tests look at are real ones."""

from __future__ import annotations

import pytest

from rtml_core.runtime import Runtime
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.site import Site


def test_the_hub_has_a_service_that_answers(gallery: Site) -> None:
    service = gallery.hub.get("churn")
    assert [version.version for version in service.versions] == [2, 1]
    data = gallery.hub.package(service.versions[0].package)
    assert 0.0 < Runtime.from_bytes(data).score_row(site.ROW)["propensity"] < 1.0
    assert "churn" in site.words(site.tree(gallery.client.get("/gallery")))


def test_pages_are_read_strictly() -> None:
    assert site.words(site.tree("<p>a &lt;b<br>c</p>")) == "a <bc"
    for wrong in ("<p>", "<p></b></p>", "</p>", '<p id="a" id="b"></p>'):
        with pytest.raises(AssertionError):
            site.tree(wrong)
