"""Who sees what, and who may change what, on every page that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.hub import tables
from rtml_plugins.hub.gallery import known, samples
from rtml_plugins.hub.gallery.page import Page
from rtml_plugins.serving.measures import Measures, VersionCounted, Window
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus
from tests.unit.hub.gallery import site, walk
from tests.unit.hub.gallery.site import Site, Visitor, tree, words
from tests.unit.hub.packages import package

#: the service that a limited key is not for, and whatever is said of it
HIDDEN = ("hidden-plan", "hidden owner", "hidden words", "hidden message", "hidden reason", "hidden_problem", "hidden_stat")


def shared(at: Site) -> Site:
    """A hub with two services on the same edges, busy both, of which one is hidden from the key "limited"."""
    hub = at.hub
    hidden = {"description": "hidden words", "owner": "hidden owner", "message": "hidden message", "regions": ["na"]}
    hub.publish("hidden-plan", package(1.0), actor="zoe", **hidden)  # type: ignore[arg-type]
    hub.publish("hidden-plan", package(2.0), actor="zoe", message="hidden message")
    hub.rollback("hidden-plan", actor="zoe")
    hub.deprecate("hidden-plan", actor="zoe", reason="hidden reason")
    stats: dict[str, Any] = {
        "services": {"churn": {"rows": 3}, "hidden-plan": {"hidden_stat": 3}},
        "shadow": {"hidden-plan": [{"shadow": 1, "version": 2, "rows": 3}]},
        "hidden_stat": {"hidden-plan": 1},
    }
    statuses = (ServiceStatus("churn", (2, 1), "ready", ""), ServiceStatus("hidden-plan", (1, 2), "failed", "hidden_problem"))
    for edge, region in (("na-1", "na"), ("emea-1", "emea")):
        report = EdgeReport(region, "http://127.0.0.1:9", True, 1, 1, "0.1.0", "2026-11-21T10:15:00.000Z", statuses, stats=stats)
        hub.report_edge(edge, report)
    now = hub.database.clock()
    counts = []
    for name in ("churn", "hidden-plan"):
        service = hub.get(name)
        number = service.traffic.champion
        found = next(version.package for version in service.versions if version.version == number)
        counts.append(VersionCounted(name, number, found, site.counted(hub.manifest(found))))
    hub.record_measures("na-1", Measures("run", "na", [Window(1, now - 20, now - 10, counts)]))
    return at


@pytest.fixture(scope="module")
def both(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Such a hub with keys: no test here changes anything."""
    with site.site(site.copied(filled, tmp_path_factory.mktemp("both"))) as running:
        yield site.with_keys(shared(running))


@pytest.fixture(scope="module")
def unlocked(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """An open hub, in which no test here changes anything either."""
    with site.site(site.copied(filled, tmp_path_factory.mktemp("unlocked"))) as running:
        yield running


def contents(at: Site) -> dict[str, list[Any]]:
    """Everything in the database but who is signed in."""
    with at.hub.database.read() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(table.select()).fetchall()))
            for table in tables.metadata.sorted_tables
            if table.name != "sessions"
        }


def test_a_key_for_one_service_learns_nothing_of_another(both: Site) -> None:
    visitor = both.visitor("limited")
    answers = walk.walk(visitor, name="churn")
    assert len(answers) >= len(walk.pages())
    for where, answer in answers.items():
        text = answer.content.decode("utf-8", "replace")
        for hidden in (*HIDDEN, "zoe"):
            assert hidden not in text, (where, hidden)
        assert (
            answer.status_code < 400 or "services/churn" not in where.partition("?")[0] or answer.status_code in (403, 404, 410)
        )
    seen = " ".join(answer.text for answer in walk.walk(both.visitor("admin"), name="hidden-plan").values())
    for hidden in ("hidden-plan", "hidden owner", "hidden words", "hidden message", "hidden_problem"):
        assert hidden in seen  # so it would have been found


@pytest.mark.parametrize("declared", [page for page in walk.pages() if "{name}" in page.path], ids=lambda page: page.path)
def test_pages_of_another_service_are_refused_in_words(both: Site, declared: Page) -> None:
    visitor = both.visitor("limited")
    for name in ("hidden-plan", "no-such-service"):  # nobody learns which there are
        answer = visitor.get(walk.address(declared, name=name))
        assert answer.status_code == 403, answer.text
        assert f"The key 'limited' is not for '{name}' but for churn" in words(tree(answer))


def _without(visitor: Visitor, where: str, field: str, value: str) -> str:
    """A page that was asked for something, without the word itself and without how long ago things were."""
    text = visitor.get(where, params={field: value}, headers={"X-Request-Id": "same"}).text
    return _then(text.replace(value, "?"))


def _then(text: str) -> str:
    return re.sub(r"just now|\d+ \w+ ago", "then", text)


def test_what_is_looked_for_does_not_tell_what_is_hidden(both: Site) -> None:
    visitor = both.visitor("limited")
    for page in walk.pages():
        if "{" in page.path or page.public:
            continue
        for field in ("q", "service", "owner", "region", "operator", "plugin", "state"):
            for again in range(5):  # figures and what is installed may change between two looks; what tells, tells each time
                there, away = (_without(visitor, walk.address(page), field, value) for value in ("hidden-plan", "hidden-plum"))
                if there == away:
                    break
                assert again < 4, (page.path, field, set(there.splitlines()) ^ set(away.splitlines()))


@pytest.mark.parametrize("declared", walk.pages("POST"), ids=lambda page: page.path)
def test_nothing_is_changed_without_a_token_of_the_session(both: Site, declared: Page) -> None:
    visitor, other = both.visitor("admin"), both.visitor("admin")
    before, where = contents(both), walk.address(declared, name="churn")
    form = {"champion": "1", "to": "1", "version": "1", "share": "0.5", "confirmed": "yes", "key": both.secrets["admin"]}
    for token in ("", "x", "\u00fc", other.csrf(), both.visitor().csrf(), visitor.csrf().upper()):
        answer = visitor.post(where, form, csrf=token)
        assert (answer.status_code, "not from this session" in words(tree(answer))) == (403, True), token
    crossed = visitor.post(where, form, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 403
    as_json = visitor.client.post(where, json={"csrf": visitor.csrf()})
    assert as_json.status_code == 415
    assert contents(both) == before
    assert visitor.get("/gallery").status_code == 200  # nor is anybody signed out


@pytest.mark.parametrize(
    "declared",
    [page for page in walk.pages("POST") if not page.public and "predict" not in page.scopes],
    ids=lambda page: page.path,
)
def test_whoever_only_looks_changes_nothing(both: Site, declared: Page) -> None:
    before, where = contents(both), walk.address(declared, name="churn")
    for name in ("viewer", "limited"):
        answer = both.visitor(name).post(where, {"champion": "1", "to": "1"})
        assert answer.status_code == 403
        said = words(tree(answer))
        assert f"The key '{name}' lacks the scope {declared.scopes[0]}; it has " in said
        assert "rtml keys create with --scope" in said
    assert both.visitor().post(where, {"champion": "1"}).headers["location"] == "/gallery/sign-in?next=%2Fgallery"
    assert contents(both) == before


@pytest.mark.parametrize("declared", walk.pages("POST"), ids=lambda page: page.path)
def test_pages_of_others_change_nothing_at_an_open_hub(unlocked: Site, declared: Page) -> None:
    visitor = unlocked.visitor()
    before, where = contents(unlocked), walk.address(declared, name="churn")
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        answer = visitor.post(where, {"champion": "1", "to": "1"}, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "may not change anything at a hub that asks for no keys" in words(tree(answer))
    rebound = visitor.get(where, headers={"Host": "evil.example"})
    assert rebound.status_code == 421
    assert tree(rebound).find(".//h1") is not None
    assert contents(unlocked) == before


@pytest.mark.parametrize("declared", [page for page in walk.pages() if not page.public], ids=lambda page: page.path)
def test_nobody_looks_without_signing_in(both: Site, declared: Page) -> None:
    answer = both.visitor().get(walk.address(declared, name="churn"))
    assert (answer.status_code, answer.content) == (303, b"")
    assert answer.headers["location"].startswith("/gallery/sign-in?next=%2Fgallery")


def _controls(visitor: Visitor) -> Iterator[tuple[str, str]]:
    """(page, where a form of it sends) of all forms that are sent."""
    for where, answer in walk.walk(visitor, name="churn").items():
        if walk.is_page(answer):
            for form in tree(answer).iter("form"):
                if form.get("method") == "post":
                    yield where, form.get("action", "").partition("?")[0]
            for element in tree(answer).iter():
                if "hx-post" in element.attrib:
                    yield where, element.get("hx-post", "").partition("?")[0]


def test_viewers_are_offered_nothing_that_they_may_not(both: Site) -> None:
    allowed = {"/gallery/sign-out", "/gallery/sign-in", "/gallery/services/churn/try"}
    assert {action for _, action in _controls(both.visitor("limited"))} <= allowed
    offered = {action for _, action in _controls(both.visitor("publisher"))}
    steering = {walk.address(page, name="churn") for page in walk.pages("POST") if "publish" in page.scopes}
    assert steering <= offered | {"/gallery/services/churn/rollback"}
    assert offered - allowed


def test_every_form_that_is_sent_carries_the_token(both: Site) -> None:
    visitor = both.visitor("admin")
    found = 0
    for where, answer in walk.walk(visitor, name="churn").items():
        for form in tree(answer).iter("form") if walk.is_page(answer) else ():
            if form.get("method", "get").lower() == "post":
                tokens = [field.get("value") for field in form.iter("input") if field.get("name") == "csrf"]
                assert tokens == [visitor.csrf()], (where, form.attrib)
                found += 1
            else:
                assert "csrf" not in [field.get("name") for field in form.iter("input")], where
    assert found >= len(walk.pages())


def test_rows_of_a_package_are_for_who_may_have_it(both: Site) -> None:
    number = both.hub.get("churn").versions[0]
    there = known.manifest(both.app.state.context, number.package)
    rows = samples.rows(both.app.state.context, number.package, there)
    viewer, publisher = both.visitor("viewer"), both.visitor("publisher")
    assert publisher.get("/gallery/services/churn?row=1").text != publisher.get("/gallery/services/churn?row=2").text
    first, second = (viewer.get(f"/gallery/services/churn?row={row}", headers={"X-Request-Id": "same"}).text for row in (1, 2))
    assert _then(first).replace('name="next_row" value="2"', 'name="next_row" value="3"') == _then(second)
    for where, answer in walk.walk(viewer, name="churn").items():
        assert "Another row" not in answer.text
        for row in rows:  # moments that no baseline rounds to
            assert str(row["seen_at"]) not in answer.text, where
