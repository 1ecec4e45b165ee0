"""Signing in and out, links that open a session, and when a session ends."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from rtml_plugins.hub import tables
from rtml_plugins.hub.gallery import attempts, sessions
from rtml_plugins.hub.gallery.attempts import Attempts
from rtml_plugins.hub.visits import LIFE, LINK_LIFE, Visits
from rtml_plugins.serving.keys import new_secret
from rtml_plugins.serving.problems import Problem
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.site import Site, Visitor, tree, words


def said(answer: httpx.Response) -> str:
    main = tree(answer).find(".//main")
    assert main is not None
    return words(main)


def cookie(answer: httpx.Response) -> str:
    found: str = answer.headers["set-cookie"]
    return found


def link(locked: Site, key: str = "viewer") -> str:
    """The address of a link, below the hub's."""
    answer = locked.client.post("/v1/gallery/links", headers={"Authorization": f"Bearer {locked.secrets[key]}"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"]).removeprefix("http://127.0.0.1:8000")


def follow(visitor: Visitor, address: str) -> httpx.Response:
    """Open a link, and press its button when it has one: what that leads to, or the page that says why not."""
    page = visitor.get(address)
    if page.status_code != 200:
        return page
    form = tree(page).find(".//main//form")
    assert form is not None, page.text
    fields = {field.get("name", ""): field.get("value", "") for field in form.iter("input")}
    return visitor.client.post(form.get("action", ""), data=fields)


def later(at: Site, seconds: float) -> None:
    """Let time pass for the hub."""
    now = at.hub.database.clock()
    at.hub.database.clock = lambda: now + seconds


def test_an_open_hub_asks_nobody_until_its_first_key(gallery: Site) -> None:
    visitor = gallery.visitor()
    assert visitor.get("/gallery").status_code == 200
    assert "Nothing to sign in to" in said(visitor.get("/gallery/sign-in"))
    for answer in (
        visitor.get("/gallery/enter?token=x"),
        visitor.post("/gallery/enter"),
        visitor.sign_in("rtml_x"),
        visitor.post("/gallery/sign-out"),
    ):
        assert (answer.status_code, answer.headers["location"]) == (303, "/gallery")
    site.with_keys(gallery)
    asked = visitor.get("/gallery/services/churn?a=1&b=%C3%BC")
    assert (asked.status_code, asked.headers["location"]) == (
        303,
        "/gallery/sign-in?next=%2Fgallery%2Fservices%2Fchurn%3Fa%3D1%26b%3D%25C3%25BC",
    )
    form = visitor.get(asked.headers["location"])
    assert "API key" in said(form)
    assert "Services" not in form.text.partition("<main")[0]  # there is nowhere to go to yet
    signed = visitor.sign_in(gallery.secrets["viewer"], next="/gallery/services/churn?a=1&b=%C3%BC")
    assert (signed.status_code, signed.headers["location"]) == (303, "/gallery/services/churn?a=1&b=%C3%BC")
    assert visitor.get("/gallery").status_code == 200


def test_who_is_signed_in_and_what_they_may_stands_in_the_header(locked: Site) -> None:
    for name, may in (
        ("admin", "may do everything"),
        ("publisher", "may look, try, look inside and steer"),
        ("viewer", "may look and try"),
        ("limited", "may look, try and look inside: churn"),
    ):
        page = tree(locked.visitor(name).get("/gallery"))
        who = page.find(".//div[@class='who']")
        assert who is not None
        assert words(who) == f"{name} {may} Sign out"
        out = who.find(".//form")
        assert out is not None
        assert (out.get("method"), out.get("action")) == ("post", "/gallery/sign-out")


def test_a_session_is_a_random_secret_of_which_the_hub_keeps_the_digest(locked: Site) -> None:
    visitor = locked.visitor()
    before = cookie(visitor.get("/gallery/sign-in"))
    answer = visitor.sign_in(locked.secrets["viewer"])
    name, _, rest = cookie(answer).partition("=")
    secret, *attributes = rest.split("; ")
    assert name == f"rtml_gallery_{locked.hub.id[:8]}"
    assert {attribute.lower() for attribute in attributes} == {"httponly", "path=/gallery", "samesite=lax"}
    assert len(secret) == 43
    assert secret not in before  # what somebody planted before is worth nothing after
    with locked.hub.database.read() as connection:
        (row,) = connection.execute(select(tables.sessions)).fetchall()
    assert secret not in str(row)
    assert locked.secrets["viewer"] not in str(row)
    again = visitor.sign_in(locked.secrets["viewer"])
    assert secret not in cookie(again)
    with locked.hub.database.read() as connection:
        (other,) = connection.execute(select(tables.sessions)).fetchall()
    assert other.id != row.id


def test_over_tls_the_cookie_is_sent_over_tls_only(locked: Site) -> None:
    for options, headers in (({"url": "https://127.0.0.1:8000"}, {}), ({}, {"X-Forwarded-Proto": "https"})):
        visitor = locked.visitor(**options)
        form = visitor.get("/gallery/sign-in", headers=headers)
        token = tree(form).find(".//input[@name='csrf']")
        assert token is not None
        name, _, rest = cookie(form).partition("=")
        planted = {"Cookie": f"{name}={rest.partition(';')[0]}"}
        fields = {"key": locked.secrets["viewer"], "csrf": token.get("value", "")}
        answer = visitor.client.post("/gallery/sign-in", data=fields, headers={**headers, **planted})
        assert answer.status_code == 303
        assert cookie(answer).startswith(f"__Secure-rtml_gallery_{locked.hub.id[:8]}=")
        assert "Secure" in cookie(answer).split("; ")


def test_a_wrong_key_is_said_at_its_field_and_never_repeated(locked: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    visitor = locked.visitor()
    revoked = locked.key("predict", name="gone")
    locked.keys.revoke(revoked.key.id)
    answers = []
    for secret in ("", "nonsense", "rtml_000000000000_" + "a" * 52, locked.secrets["viewer"][:-1] + "!", revoked.secret):
        answer = visitor.sign_in(secret)
        page = tree(answer)
        field = page.find(".//input[@id='key']")
        assert field is not None
        assert (answer.status_code, field.get("aria-invalid"), field.get("value")) == (401, "true", None)
        assert field.get("aria-describedby", "").split()[0] == "wrong"
        assert not secret or secret not in answer.text
        answers.append(words(page))
    assert len(set(answers)) == 1  # nobody learns which keys there were
    assert sum("sign-in failed" in record.getMessage() for record in caplog.records) == 5
    visitor.sign_in(f"  {locked.secrets['viewer']}\n")
    assert visitor.get("/gallery").status_code == 200
    for secret in (revoked.secret, *locked.secrets.values()):
        assert secret not in caplog.text
        assert secret.rpartition("_")[2] not in caplog.text


def test_a_key_that_can_not_look_is_told_so(locked: Site) -> None:
    edge = locked.key("edge", name="edge-1")
    answer = locked.visitor().sign_in(edge.secret)
    assert answer.status_code == 403
    assert "The key 'edge-1' has the scope edge; the pages need predict, publish or debug" in said(answer)


def guess(of: str) -> str:
    """A secret that is none, of the key that a secret is of."""
    return f"{of[:18]}{'a' * 52}"


def test_whoever_fails_too_often_with_a_key_waits(locked: Site) -> None:
    visitor, secret = locked.visitor(), locked.secrets["viewer"]
    for _ in range(attempts.MOST):
        assert visitor.sign_in(guess(secret)).status_code == 401
    answer = visitor.sign_in(secret)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= attempts.WINDOW
    assert "try again in" in said(answer)
    assert answer.headers["content-type"].startswith("text/html")


def test_failures_of_others_at_an_address_keep_nobody_out(locked: Site) -> None:
    for number in range(3 * attempts.MOST):  # of keys that there are not, each its own, and texts that are no keys at all
        assert locked.visitor().sign_in(f"rtml_{number:012x}_{'a' * 52}").status_code == 401
        assert locked.visitor().sign_in(f"password {number}").status_code == 401
        assert locked.visitor().get(f"/gallery/enter?token={number:043d}").status_code == 410
    assert locked.visitor().sign_in(locked.secrets["viewer"]).status_code == 303
    assert follow(locked.visitor(), link(locked)).status_code == 303


def test_an_address_that_does_nothing_but_fail_waits(locked: Site) -> None:
    counted: Attempts = locked.app.state.attempts
    visitor, address = locked.visitor(), link(locked)
    visitor.sign_in(f"rtml_{0:012x}_{'a' * 52}")
    (here,) = {network for network, _ in counted._failed}
    for number in range(1, attempts.MOST_OF_ADDRESS):
        counted.failed(here, f"{number:012x}")
    posted = visitor.post("/gallery/enter", {"token": "a" * 43})
    for answer in (visitor.sign_in(locked.secrets["viewer"]), visitor.get(address), posted):
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= attempts.WINDOW
    assert visitor.sign_in("what is no key").status_code == 401


def test_failures_are_forgotten_and_counted_by_network() -> None:
    now = [0.0]
    counted = Attempts(lambda: now[0])
    for number in range(attempts.MOST):
        counted.failed(f"2001:db8:1:2::{number}", "a")
    counted.check("2001:db8:1:3::1", "a")
    counted.check("2001:db8:1:2::1", "b")
    counted.check("2001:db8:1:2::1")
    counted.check("10.0.0.1", "a")
    with pytest.raises(Problem, match="try again in 60 s") as caught:
        counted.check("2001:db8:1:2:ffff::1", "a")
    assert (caught.value.status, caught.value.headers) == (429, [("Retry-After", "60")])
    for number in range(attempts.MOST, attempts.MOST_OF_ADDRESS):
        counted.failed("2001:db8:1:2::1", f"{number}")
    for key in ("b", None):
        with pytest.raises(Problem, match=f"{attempts.MOST_OF_ADDRESS} keys or links that are none"):
            counted.check("2001:db8:1:2::1", key)
    now[0] = attempts.WINDOW
    counted.check("2001:db8:1:2:ffff::1", "a")
    for number in range(20_000):
        counted.failed(f"10.{number >> 8}.{number & 255}.1", "a")
    assert len(counted._failed) <= 10_000


@given(st.lists(st.floats(0.0, 200.0), max_size=40))
def test_nobody_is_checked_more_often_than_is_allowed(pauses: list[float]) -> None:
    now = [0.0]
    counted = Attempts(lambda: now[0])
    tried: list[float] = []
    for pause in pauses:
        now[0] += pause
        try:
            counted.check("10.0.0.1", "a")
        except Problem as problem:
            now[0] += float(dict(problem.headers)["Retry-After"])
            counted.check("10.0.0.1", "a")
        tried.append(now[0])
        counted.failed("10.0.0.1", "a")
    for at in tried:
        assert sum(at - attempts.WINDOW < other <= at for other in tried) <= attempts.MOST


def test_what_looks_like_a_key_is_what_keys_look_like() -> None:
    identity, secret = new_secret()
    assert attempts.key_of(secret) == identity
    for other in ("", secret[:-1], secret + "a", secret.upper(), f" {secret}", secret.replace("_", "-"), f"{secret}\n"):
        assert attempts.key_of(other) is None, other


def test_signing_out_ends_the_session_everywhere(locked: Site) -> None:
    visitor = locked.visitor("viewer")
    copied = httpx.Cookies(visitor.client._client.cookies)
    answer = visitor.post("/gallery/sign-out")
    assert (answer.status_code, answer.headers["location"]) == (303, "/gallery/sign-in?said=signed-out")
    assert "rtml_gallery_" in cookie(answer)
    assert "Max-Age=0" in cookie(answer)
    assert "You are signed out." in said(visitor.get(answer.headers["location"]))
    thief = locked.visitor()
    thief.client._client.cookies.update(copied)
    assert thief.get("/gallery").status_code == 303
    assert visitor.get("/gallery").status_code == 303


def test_a_session_ends_with_its_key(locked: Site) -> None:
    for how in ("revoked", "rotated", "expired"):
        key = locked.key("predict", name=how, expires="1h")
        visitor = locked.visitor()
        visitor.sign_in(key.secret)
        assert visitor.get("/gallery").status_code == 200
        if how == "revoked":
            locked.keys.revoke(key.key.id)
        elif how == "rotated":
            locked.keys.rotate(key.key.id, overlap=0)
        else:
            later(locked, 3601)
        assert visitor.get("/gallery").status_code == 303, how


def test_a_session_lasts_a_working_day(locked: Site) -> None:
    visitor = locked.visitor("viewer")
    later(locked, LIFE - 60)
    assert visitor.get("/gallery").status_code == 200
    later(locked, 61)
    assert visitor.get("/gallery").status_code == 303
    visitor.sign_in(locked.secrets["viewer"])
    with locked.hub.database.read() as connection:
        assert len(connection.execute(select(tables.sessions)).fetchall()) == 1  # the old one is gone


def test_two_hubs_on_a_database_know_the_same_sessions(locked: Site, hub_home: Path) -> None:
    with site.site(hub_home) as second:
        here = locked.visitor("publisher")
        there = second.visitor()
        there.client._client.cookies = here.client._client.cookies
        assert there.get("/gallery").status_code == 200
        assert there.post("/gallery/sign-out").status_code == 303
        assert here.get("/gallery").status_code == 303


def test_a_link_opens_a_session_once(locked: Site) -> None:
    address = link(locked)
    visitor, late = locked.visitor(), locked.visitor()
    opened = follow(visitor, address)
    assert (opened.status_code, opened.headers["location"]) == (303, "/gallery")
    assert "viewer may look and try" in words(tree(visitor.get("/gallery")))
    token = address.rpartition("=")[2]
    for used in (late.get(address), late.post("/gallery/enter", {"token": token})):
        assert used.status_code == 410
        assert "run rtml gallery open again" in said(used)
        assert token not in used.text
    assert late.get("/gallery").status_code == 303


def test_looking_at_a_link_uses_nothing_up(locked: Site) -> None:
    address = link(locked)
    for _ in range(2):
        assert locked.visitor().client.request("HEAD", address).status_code == 200
        looked = locked.visitor()
        page = looked.get(address)
        assert page.status_code == 200
        assert "Go in as viewer" in said(page)
        assert "may look and try" in said(page)
        assert looked.get("/gallery").status_code == 303
    foreign = looked.post("/gallery/enter", {"token": address.rpartition("=")[2]}, csrf="x")
    assert foreign.status_code == 403
    assert follow(looked, address).status_code == 303
    assert looked.get("/gallery").status_code == 200


def test_following_the_link_of_a_stranger_changes_nothing(locked: Site) -> None:
    visitor = locked.visitor("publisher")
    page = visitor.get(link(locked, "limited"))
    assert "You are signed in as publisher; that session ends when you go in." in said(page)
    assert "set-cookie" not in page.headers
    assert "publisher may look" in words(tree(visitor.get("/gallery")))
    assert follow(visitor, link(locked, "limited")).status_code == 303
    assert "limited may look" in words(tree(visitor.get("/gallery")))


def test_a_link_is_no_session_and_a_session_no_link(locked: Site) -> None:
    visits = Visits(locked.hub.database)
    token = link(locked).rpartition("=")[2]
    assert visits.find(token) is None
    session = visits.sign_in(locked.keys.authenticate(locked.secrets["viewer"]).key or "")
    assert visits.redeem(session.secret) is None
    assert visits.find(session.secret) is not None
    assert visits.redeem(token) is not None


def test_old_links_and_those_of_ended_keys_open_nothing(locked: Site) -> None:
    old = link(locked)
    later(locked, LINK_LIFE + 1)
    assert locked.visitor().get(old).status_code == 410
    key = locked.key("predict", name="gone")
    locked.secrets = {**locked.secrets, "gone": key.secret}
    of_ended = link(locked, "gone")
    locked.keys.revoke(key.key.id)
    assert locked.visitor().get(of_ended).status_code == 410
    for token in ("", "x", "%00", "a" * 43, "a" * 5000):
        assert locked.visitor().get(f"/gallery/enter?token={token}").status_code in (400, 410, 429)


def test_a_link_of_an_open_hub_is_the_address_alone(gallery: Site) -> None:
    answer = gallery.client.post("/v1/gallery/links")
    assert (answer.status_code, answer.json()) == (201, {"url": "http://127.0.0.1:8000/gallery", "expires": None})
    with gallery.hub.database.read() as connection:
        assert not connection.execute(select(tables.sessions)).fetchall()


def test_links_name_the_address_that_the_hub_was_asked_at(locked: Site) -> None:
    headers = {"Authorization": f"Bearer {locked.secrets['viewer']}", "Host": "hub.example", "X-Forwarded-Proto": "https"}
    answer = locked.client.post("/v1/gallery/links", headers=headers).json()
    assert answer["url"].startswith("https://hub.example/gallery/enter?token=")
    assert answer["expires"] is not None


def test_htmx_is_sent_to_the_form_as_a_whole(locked: Site) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1:8000/gallery/services/churn?a=1"}
    answer = locked.visitor().get("/gallery", headers=headers)
    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["hx-redirect"] == "/gallery/sign-in?next=%2Fgallery%2Fservices%2Fchurn%3Fa%3D1"
    for url in ("http://[", "http://[::1/gallery", "//[x]/", "x", ""):
        answer = locked.visitor().get("/gallery", headers={**headers, "HX-Current-URL": url})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/gallery/sign-in?next=%2Fgallery"), url


ELSEWHERE = (
    *("//evil.example", "https://evil.example/gallery", "/\\evil.example", "\\\\evil.example", "/gallery\\..\\..\\evil"),
    *("/galleryevil", "/gallery.evil.example", "/gallery@evil.example", "javascript:alert(1)", "/v1/keys", "", "gallery"),
    *("/gallery/../v1/keys", "/gallery/%2e%2e/v1", "/gallery/%2E./v1", "/gallery/%5c%5cevil", "/gallery\r\nSet-Cookie: a=b"),
    *("/gallery/%0d%0aSet-Cookie:a", "/gallery/\t/evil", " /gallery/services", "/gallery/%zz", "/gallery#x"),
    *("/gallery/" + "a" * 2000, "/gallery/sign-in", "/gallery/sign-out", "/gallery/enter?token=x", "/gallery/ü"),
)


def test_nobody_is_sent_elsewhere_after_signing_in(locked: Site) -> None:
    visitor = locked.visitor()
    for address in ELSEWHERE:
        assert visitor.sign_in(locked.secrets["viewer"], next=address).headers["location"] == "/gallery", address


def test_pages_of_the_gallery_are_gone_back_to() -> None:
    for address in (
        "/gallery",
        "/gallery/",
        "/gallery?q=a+b",
        "/gallery/services/churn/versions?left=1&right=2",
        "/gallery/%C3%BC",
    ):
        assert sessions.own(address) == address


@given(st.text())
def test_where_one_goes_back_to_is_always_of_this_gallery(address: str) -> None:
    for prefix in ("", "/gallery", "/gallery/", "/gallery?"):
        found = httpx.URL("http://127.0.0.1:8000").join(sessions.own(prefix + address))
        assert (found.host, found.port) == ("127.0.0.1", 8000)
        assert found.path == "/gallery" or found.path.startswith("/gallery/")


def test_each_kind_of_cookie_is_taken(locked: Site) -> None:
    name = f"rtml_gallery_{locked.hub.id[:8]}"
    good = locked.visitor("viewer")
    secret = good.client._client.cookies[name]
    for value in ("", "x", secret[:-1], secret + "a", secret.upper(), "a" * 43, '"' + secret, "\xff" * 43, "%00" * 15):
        headers = {"Cookie": f"{name}={value}".encode("latin-1")}
        answer = Visitor(locked).client.get("/gallery", headers=headers)
        assert answer.status_code == 303, value
    assert good.get("/gallery").status_code == 200
    started = time.monotonic()
    assert Visitor(locked).client.get("/gallery", headers={"Cookie": "; ".join(["a=b"] * 5000)}).status_code == 303
    assert time.monotonic() - started < 30
