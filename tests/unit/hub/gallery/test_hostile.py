"""Nothing that somebody names becomes a part of a page: not a tag, not an attribute, not an address."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from rtml_plugins.hub.gallery.page import Page
from tests.unit.hub.gallery import hostile, site, walk
from tests.unit.hub.gallery.hostile import EVIL, NAME
from tests.unit.hub.gallery.site import Site, Visitor, tree


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Whoever looks at a hub full of hostile names, with a hostile key."""
    with site.site(hostile.filled(tmp_path_factory.mktemp("hostile"))) as running, hostile.with_key(running) as secret:
        visitor = Visitor(running)
        assert visitor.sign_in(secret).status_code == 303
        yield visitor


def test_no_page_holds_what_it_should_only_show(evil: Visitor) -> None:
    answers = walk.walk(evil, name=NAME, edge=f"0{NAME}")
    looked = 0
    for where, answer in answers.items():
        assert answer.status_code < 500, (where, answer.text)
        assert "\r" not in str(answer.headers)
        if walk.is_page(answer):
            hostile.check(tree(answer), answer.text)
            looked += 1
    assert looked >= len(walk.pages()) // 2
    shown = sum("&lt;script&gt;alert(1)" in answer.text for answer in answers.values() if walk.is_page(answer))
    assert shown >= looked // 2  # the names are there, as text


@pytest.mark.parametrize("declared", walk.pages(), ids=lambda page: page.path)
def test_a_page_and_its_part(evil: Visitor, declared: Page) -> None:
    where = walk.address(declared, name=NAME, edge=f"0{NAME}", operator=NAME, plugin=NAME)
    given = {"q": EVIL, "said": EVIL, "node": f"fill {NAME}", "region": NAME, "service": NAME, "version": EVIL, "span": EVIL}
    part = {"HX-Request": "true", "HX-Current-URL": EVIL, "X-Request-Id": EVIL}
    for query in ({}, given):
        for headers in ({}, part):
            answer = evil.get(where, params=query, headers=headers)
            assert answer.status_code < 500, answer.text
            if walk.is_page(answer):
                hostile.check(tree(answer), answer.text)


def test_what_is_sent_does_not_come_back_as_markup(evil: Visitor) -> None:
    fields = ("key", "next", "champion", "to", "share", "version", "canary", "sticky", "reason", "seen_at", f"age {NAME}", EVIL)
    form = dict.fromkeys(fields, EVIL)
    for declared in walk.pages("POST"):
        if declared.path == "/sign-out":
            continue
        answer = evil.post(walk.address(declared, name=NAME, edge=f"0{NAME}"), form)
        assert answer.status_code < 500, (declared.path, answer.text)
        if walk.is_page(answer):
            hostile.check(tree(answer), answer.text)
    for path, name in (("", EVIL), ("/services", EVIL.replace("/", "")), ("/edges/x", NAME)):
        where = f"/gallery{path}/{quote(name)}"
        answer = evil.get(where)
        assert answer.status_code in (404, 422), where
        hostile.check(tree(answer), answer.text)


def test_the_check_finds_what_is_wrong(gallery: Site) -> None:
    good = gallery.client.get("/gallery")
    hostile.check(tree(good), good.text)
    for wrong in (
        "<script>alert(1)</script>",
        "<script src='/gallery/static/0/other.js'></script>",
        "<script src='https://evil.example/htmx.min.js'></script>",
        "<p style='color: red'></p>",
        "<style>p {}</style>",
        "<p onclick='x'></p>",
        "<a href='javascript:alert(1)'></a>",
        "<a href='java&#10;script:alert(1)'></a>",
        "<a href='data:text/html,x'></a>",
        "<form action='//evil.example'></form>",
        "<xss></xss>",
        "<p hx-on:click='x'></p>",
        "<p hx-vals='js:{a: 1}'></p>",
        "<p hx-trigger='every 1s [x()]'></p>",
    ):
        with pytest.raises((AssertionError, ValueError)):
            hostile.check(tree(wrong), wrong)
