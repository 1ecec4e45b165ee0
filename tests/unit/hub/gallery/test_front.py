"""What every answer of the gallery has, and that nothing that can be sent makes it fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from rtml_plugins.hub.gallery import static
from rtml_plugins.hub.gallery.page import Page, View, endpoint
from tests.unit.hub.gallery import site, walk
from tests.unit.hub.gallery.site import Site, Visitor, tree, words

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
BARE = "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture(scope="module")
def running(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with keys, in which no test here changes anything."""
    with site.site(site.copied(filled, tmp_path_factory.mktemp("front"))) as made:
        yield site.with_keys(made)


@pytest.fixture(scope="module")
def changed(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """A publisher at a hub that the tests may change."""
    with site.site(site.copied(filled, tmp_path_factory.mktemp("changed"))) as made:
        yield site.with_keys(made).visitor("publisher")


def _broken(view: View) -> Any:
    raise KeyError("nobody expected this, and a secret is in it")


def test_every_page_has_the_same_headers(running: Site) -> None:
    for key in ("admin", None):
        visitor = running.visitor(key)
        answers = [
            *walk.walk(visitor, name="churn").values(),
            visitor.get("/gallery/nowhere"),
            visitor.get("/gallery/services/no"),
        ]
        answers += [visitor.post(walk.address(page, name="churn"), csrf="x") for page in walk.pages("POST")]
        assert {answer.status_code for answer in answers} >= {200, 404, 403} if key else {200, 303, 404, 403}
        for answer in answers:
            headers = answer.headers
            policies = headers.get_list("content-security-policy")
            assert policies == ([CSP] if walk.is_page(answer) else [BARE]), answer.url
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["referrer-policy"] in ("same-origin", "no-referrer")
            assert headers["cache-control"] in ("no-store", "private, no-cache", "private, max-age=31536000, immutable"), (
                answer.url
            )
            assert "access-control-allow-origin" not in headers
            if walk.is_page(answer):
                assert headers["cache-control"] == "no-store"
                assert headers["cross-origin-opener-policy"] == "same-origin"
                assert headers["content-type"] == "text/html; charset=utf-8"


def test_what_pages_load_is_kept_by_browsers_and_found_by_its_content(running: Site) -> None:
    page = tree(running.client.get("/gallery/sign-in"))
    loaded = [element.get("src") or element.get("href") for element in page.iter() if element.tag in ("script", "link", "img")]
    assert len(loaded) >= 4
    for address in map(str, loaded):
        answer = running.client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-security-policy"] == BARE
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.content) < 100_000
    assert static.address("gallery.css") in map(str, loaded)
    for wrong in ("/gallery/static/0/gallery.css", f"{static.address('gallery.css')}/x", "/gallery/static/x/..%2f..%2fpage.py"):
        assert running.client.get(wrong).status_code == 404
    own = Path(static.__file__).parent / "static"
    assert len((own / "gallery.js").read_bytes()) < 8000


def test_no_site_reads_pages_whatever_the_api_allows(hub_home: Path) -> None:
    for origin in ("*", "https://shop.example"):
        with site.site(hub_home, cors=(origin,)) as open_hub:
            sent = {"Origin": "https://shop.example"}
            assert "access-control-allow-origin" in open_hub.client.get("/v1/services", headers=sent).headers
            answer = open_hub.client.get("/gallery", headers=sent)
            asked = open_hub.client.options("/gallery", headers={**sent, "Access-Control-Request-Method": "POST"})
            assert asked.status_code == 405
            for one in (answer, asked):
                assert not [name for name in one.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("declared", walk.pages(), ids=lambda page: page.path)
def test_methods(running: Site, declared: Page) -> None:
    visitor, where = running.visitor("admin"), walk.address(declared, name="churn")
    get, head = visitor.get(where), visitor.client.head(where)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type" if get.content else "location"]
    known = {method for page in walk.pages() + walk.pages("POST") if page.path == declared.path for method in page.methods}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "FOO", *(["POST"] if "POST" not in known else [])):
        answer = visitor.client.request(method, where)
        assert (answer.status_code, answer.headers["allow"]) == (405, ", ".join(sorted(known))), method
        assert "go back and load it again" in words(tree(answer))


def test_addresses_that_there_are_not(running: Site) -> None:
    visitor = running.visitor("viewer")
    for where in (
        "/gallery/nowhere",
        "/gallery/services",
        "/gallery/services/churn/nothing",
        "/gallery/../gallery/x",
        "/gallery/a/b",
    ):
        for answer in (visitor.get(where), visitor.post(where), running.client.get(where)):
            assert answer.status_code == 404
            assert "There is no page /gallery/" in words(tree(answer))
    missing = visitor.get("/gallery/services/chrun")
    assert missing.status_code == 404
    assert "Did you mean 'churn'?" in words(tree(missing))
    for where in ("/gallery/", "/gallery/services/churn/", "/gallery//evil.example//"):
        answer = visitor.get(where)
        assert (answer.status_code, answer.headers["location"]) == (308, where.rstrip("/").replace("//", "/"))


def test_a_fault_is_a_page_with_the_id_under_which_the_log_has_it(running: Site, caplog: pytest.LogCaptureFixture) -> None:
    broken = endpoint(Page("/broken", _broken, ("GET",)), running.app.state.context)
    running.app.router.routes.insert(0, Route("/gallery/broken", broken))
    try:
        visitor = running.visitor("viewer")
        answer = visitor.get("/gallery/broken", headers={"X-Request-Id": "abc-1"})
        part = visitor.get("/gallery/broken", headers={"HX-Request": "true"})
    finally:
        del running.app.router.routes[0]
    assert answer.status_code == part.status_code == 500
    said = words(tree(answer))
    assert "The hub failed" in said
    assert "Request abc-1" in said
    for hidden in ("KeyError", "Traceback", "secret", "test_front"):
        assert hidden not in answer.text + part.text
    assert answer.headers["content-security-policy"] == CSP
    assert "<html" in answer.text
    assert "<html" not in part.text
    (record, _) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "page failed" in record.getMessage()
    assert record.exc_info is not None


def test_without_a_database_there_is_a_page_that_says_so(hub_home: Path, tmp_path: Path) -> None:
    with site.site(hub_home) as hub:
        site.with_keys(hub)
        visitor = hub.visitor("viewer")
        hub.hub.database.engine.dispose()
        for name in ("hub.db", "hub.db-wal", "hub.db-shm"):
            (hub_home / name).unlink(missing_ok=True)
        (hub_home / "hub.db").write_bytes(b"no database at all " * 1000)
        for answer in (visitor.get("/gallery"), visitor.get("/gallery/sign-in"), visitor.client.post("/gallery/sign-out")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert "can't reach its database" in words(tree(answer))
            assert answer.headers["content-security-policy"] == CSP
            assert str(hub_home) not in answer.text
    other = tmp_path / "open"
    other.mkdir()
    with site.site(other) as hub:
        hub.hub.database.engine.dispose()
        (other / "hub.db").write_bytes(b"no database at all " * 1000)
        answer = hub.client.get("/gallery")
        assert answer.status_code == 503
        assert "can't reach its database" in words(tree(answer))


def test_bodies_that_are_no_forms(running: Site) -> None:
    visitor = running.visitor("publisher")
    where, token = "/gallery/services/churn/rollback", visitor.csrf()
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def said(content: bytes, headers: Mapping[str, str] = form) -> tuple[int, str]:
        answer = visitor.client.post(where, content=content, headers=headers)
        return answer.status_code, words(tree(answer))

    assert said(b"csrf=%00")[0] == 400
    assert said(b"csrf=%ff")[0] == 400
    assert said(b"csrf=\xff")[0] == 400
    assert said(b"&".join(b"a%d=b" % number for number in range(10_001)))[0] == 400
    assert said(b"a" * (1 << 20 | 1))[0] == 413
    status, text = said(b"{}", {"Content-Type": "application/json"})
    assert status == 415
    assert "A form comes as application/x-www-form-urlencoded; got 'application/json'" in text
    assert said(b"--x\r\n", {"Content-Type": "multipart/form-data; boundary=x"})[0] == 415
    assert said(b"", {"X-CSRF-Token": token[:-1]})[0] == 403
    too_long = visitor.client.post(where, content=b"a=" + b"b" * (2 << 20), headers=form)
    assert "<h1>" in too_long.text


TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["\0", "\ud800", "..", "/", "//", "\r\n", "%00", "%", "ü", "\U0001f600"]
)
BYTES = st.binary(max_size=30) | st.sampled_from([b"%00", b"%ff", b"\xff", b"a=%", b"&&==", b"version=\xff", b"q=%F0%9F%98%80"])


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "GET", "POST", "HEAD", "PUT"]),
    parts=st.lists(
        st.sampled_from(["services", "churn", "edges", "operators", "audit", "enter", "sign-in", "static"]) | TEXTS, max_size=4
    ),
    declared=st.sampled_from([page.path for page in walk.pages()]) | st.none(),
    name=TEXTS,
    query=BYTES
    | st.sampled_from([b"token=" + b"a" * 43, b"next=%2F%2Fevil", b"span=-1&region=%00", b"version=99999999999999999999"]),
    cookie=BYTES,
    header=BYTES,
    body=BYTES,
    signed=st.booleans(),
)
def test_whatever_is_sent_is_answered(running: Site, signed: bool, **sent: Any) -> None:
    path = "/gallery/" + "/".join(sent["parts"])
    if sent["declared"] is not None:
        path = "/gallery" + sent["declared"].replace("{name}", sent["name"]).replace("{number}", sent["name"])
    cookie = sent["cookie"]
    if signed:
        visitor = running.visitor("admin")
        cookie = "; ".join(f"{name}={value}" for name, value in visitor.client._client.cookies.items()).encode() + b"; " + cookie
    headers = [
        *((b"host", b"127.0.0.1:8000"), (b"cookie", cookie), (b"content-type", b"application/x-www-form-urlencoded")),
        *((b"hx-current-url", sent["header"]), (b"x-csrf-token", sent["header"]), (b"accept", sent["header"])),
        *(
            (b"x-forwarded-proto", sent["header"]),
            (b"x-request-id", sent["header"]),
            (b"content-length", b"%d" % len(sent["body"])),
        ),
    ]
    if len(sent["body"]) % 2:
        headers.append((b"hx-request", b"true"))
    status, answered = running.portal.call(
        partial(_asgi, running.app, sent["method"], path, sent["query"], headers, sent["body"])
    )
    assert 200 <= status < 500, (status, path, sent)
    for name, value in answered:
        assert b"\r" not in name + value
        assert b"\n" not in name + value


def test_a_query_of_raw_bytes_is_no_fault_of_the_api_either(running: Site) -> None:
    headers = [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {running.secrets['admin']}".encode())]
    for method, path, expected in (("GET", "/v1/nowhere", 404), ("PUT", "/v1/hub", 405), ("POST", "/v1/gallery/links", 422)):
        status, _ = running.portal.call(partial(_asgi, running.app, method, path, b"\x80", headers, b""))
        assert status == expected, path


SENT = st.sampled_from(
    ["1", "2", "0", "-1", "0.5", "50", "1e309", "nan", "yes", "na", "", " ", "9" * 40, "true", "[]", '{"age": 1}']
)
ACTIONS = st.sampled_from(["canary", "split", "shadow", "promote", "champion", "rollback", "end", "deprecate", "restore"]) | SENT
NAMES = [
    "champion",
    "canary",
    "share",
    "version",
    "to",
    "shadow",
    "sticky",
    "seen",
    "confirm",
    "region",
    "as",
    "json",
    "package",
    "what",
]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from([page.path for page in walk.pages("POST") if not page.public]),
    known=st.fixed_dictionaries({"action": ACTIONS}, optional=dict.fromkeys(NAMES, SENT | TEXTS)),
    more=st.dictionaries(st.sampled_from(["share-1", "share1", "v0", "v1", "h0", "v5", "row", "next_row"]) | TEXTS, SENT | TEXTS),
)
def test_whatever_a_form_holds_is_answered(changed: Visitor, path: str, known: dict[str, str], more: dict[str, str]) -> None:
    sent = {name: value.encode("utf-8", "replace").decode() for name, value in (known | more).items() if name.isprintable()}
    answer = changed.post("/gallery" + path.replace("{name}", "churn"), sent)
    assert answer.status_code < 500 or (answer.status_code == 503 and "edge" in answer.text), answer.text


async def _asgi(
    app: Any, method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Ask as a server would, whatever it lets through."""
    fixed = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "", "server": None}
    given = {"method": method, "path": path, "raw_path": b"/", "query_string": query, "headers": headers, "client": ("::1", 5)}
    scope = {**fixed, **given}
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])
    answered: list[Any] = []

    async def receive() -> Any:
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        answered.append(message)

    await app(scope, receive, send)
    start = answered[0]
    return start["status"], list(start["headers"])
