"""The page of a service without a real edge: what it shows, and what it says when no edge answers as one should."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import msgspec
import pytest
from sqlalchemy import update

from rtml_core import operators as op
from rtml_core.package import Manifest
from rtml_plugins.hub import tables
from rtml_plugins.hub.gallery import asking, known, samples
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.site import Site, Visitor, tree, words
from tests.unit.hub.packages import package
from tests.unit.hub.served import opened

PAGE = "/gallery/services/churn"
Answer = tuple[int, bytes]


def edge(at: Site, url: str, identity: str = "na-1", region: str = "na", versions: tuple[int, ...] = (1, 2)) -> None:
    """An edge reports that it is ready for the service."""
    status = (ServiceStatus("churn", versions, "ready"),)
    at.hub.report_edge(identity, EdgeReport(region, url, True, 1, 1, "0.1.0", "2026-11-21T10:15:00.000Z", status))


@contextmanager
def server(
    answer: Callable[[str, dict[str, str], bytes], Answer], tls: ssl.SSLContext | None = None, kind: type[HTTPServer] = HTTPServer
) -> Iterator[str]:
    """A real HTTP server that answers each POST by a function of its path, headers and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = self.rfile.read(int(self.headers["Content-Length"]))
            status, body = answer(self.path, dict(self.headers), given)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with kind(("127.0.0.1", 0), Handler) as running:
        if tls is not None:
            running.socket = tls.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def document(**more: Any) -> bytes:
    return json.dumps(
        {"service": "churn", "version": 2, "predictions": [{"propensity": 0.5}], "request_id": "r1", **more}
    ).encode()


def problem(status: int, kind: str, **more: Any) -> Answer:
    return status, json.dumps(
        {"type": f"/problems/{kind}", "title": "t", "status": status, "detail": "so it is", **more}
    ).encode()


def by_id(page: Element, identity: str) -> Element:
    return next(one for one in page.iter() if one.get("id") == identity)


def tried(at: Site, form: dict[str, str] | None = None, **options: Any) -> tuple[int, Element]:
    answer = at.visitor().post(f"{PAGE}/try", {"v0": "3", "v1": "4", **(form or {})}, **options)
    return answer.status_code, tree(answer)


# ---- the page ---------------------------------------------------------------------------------------------------------------


def test_the_page_says_what_the_service_is(gallery: Site) -> None:
    edge(gallery, "http://127.0.0.1:9")
    page = tree(gallery.client.get(PAGE))
    text = words(page)
    for said in ("propensity (number)", "Owner ada", "na: ready", "emea: no edge", "rows compared, 0 differences", "portable",
                 "6 fields, 1 output", "by ada", "older people"):  # fmt: skip
        assert said in text.replace("Ownerada", "Owner ada"), said
    labels = {words(label): label.get("for") for label in page.iter("label")}
    fields = [one for one in page.iter() if one.tag in ("input", "select", "textarea") and one.get("type") != "hidden"]
    assert {one.get("id") for one in fields if not one.get("aria-label")} == set(labels.values())
    assert labels["age number"] == "v0"
    assert "no output depends on" in words(by_id(page, "unused"))


def test_the_part_for_htmx_is_the_form_alone(gallery: Site) -> None:
    answer = gallery.client.get(PAGE, headers={"HX-Request": "true"})
    page = tree(answer)
    assert page.find(".//h1") is None
    assert by_id(page, "try-form").get("action") == f"{PAGE}/try"


@pytest.mark.parametrize("row", ["1", "2", "9", "25", "999999999", "-1", "x", "9" * 30])
def test_rows_of_the_package_come_round_and_round(gallery: Site, row: str) -> None:
    answer = gallery.client.get(f"{PAGE}?row={row}")
    assert answer.status_code == 200
    shown = by_id(tree(answer), "v1").get("value", "")
    version = gallery.hub.get("churn").versions[0]
    at = gallery.app.state.context
    rows = samples.rows(at, version.package, known.manifest(at, version.package))
    assert len(rows) == 8  # those of the author's sample, not what the parity gate made up
    valid = row.isdecimal() and len(row) < 10
    assert shown == (str(rows[(int(row) - 1) % 8]["visits"]) if valid else "4")


def test_a_package_that_is_not_portable_says_what_it_needs(gallery: Site) -> None:
    version = gallery.hub.get("churn").versions[0]
    foreign = msgspec.json.decode(msgspec.json.encode(gallery.hub.manifest(version.package)), type=dict[str, Any])
    foreign |= {"portable": False}
    brought = {"distribution": "rtml-geo", "version": "1.4", "custom": "geo", "op_version": 2}
    foreign["ops"] = [{"domain": "d", "op": "haversine", "kind": "python", "count": 1, **brought}]
    with gallery.hub.database.write("test") as change:
        text = msgspec.json.encode(msgspec.convert(foreign, Manifest)).decode()
        change.execute(
            update(tables.packages).where(tables.packages.c.id == version.package).values(manifest=text, portable=False)
        )
    known._manifests.put({version.package: msgspec.convert(foreign, Manifest)})
    try:
        page = gallery.client.get(PAGE)
        assert "not portable: needs the python operator geo:haversine 2 from rtml-geo 1.4" in words(tree(page))
        assert "model.onnx" not in page.text
        answer = gallery.client.get(f"{PAGE}/versions/2/model.onnx")
        assert answer.status_code == 409
        assert "Download the package" in words(tree(answer))
    finally:
        known._manifests.put({version.package: msgspec.convert(foreign | {"portable": True, "ops": []}, Manifest)})


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Site]:
    """A hub with a service whose package was made without a sample, and one of 40 fields."""
    hub, _ = opened(tmp_path)
    fields = {f"page {at}": "float?" for at in range(40)}
    graph = op.Receiver(schema=fields) >> op.Pandas(import_="fillna", cols="page 0", kwargs={"value": 0.0}, inplace=True)
    graph.outputs = {"first": "page 0"}
    try:
        hub.publish("churn", package(1.0), actor="ada", regions=["na"])
        hub.publish("wide", graph.compile().data, actor="ada", regions=["na"])
    finally:
        hub.close()
    with site.site(tmp_path) as running:
        yield running


def test_a_package_without_a_baseline_can_be_tried(plain: Site) -> None:
    page = tree(plain.client.get(PAGE))
    assert by_id(page, "v1").get("value")
    with server(
        lambda *_: (200, json.dumps({"version": 1, "predictions": [{"age": None, "visits": 3}], "columns": [[]]}).encode())
    ) as url:
        edge(plain, url, versions=(1,))
        status, page = tried(plain)
    assert status == 200
    assert "visits3" in words(by_id(page, "answer-part")).replace(" ", "")


def test_a_wide_signature_can_be_filtered(plain: Site) -> None:
    page = tree(plain.client.get("/gallery/services/wide"))
    assert by_id(page, "filter") is not None
    assert sum(one.get("data-name", "").startswith("page ") for one in page.iter("div")) == 40
    assert "follows" in next(one.get("class", "") for one in page.iter("div") if "actions" in one.get("class", ""))
    assert words(by_id(page, "unused")).startswith("39 fields that no output depends on")


def test_a_form_of_very_many_fields_is_taken(gallery: Site) -> None:
    with server(lambda *_: (200, document())) as url:
        edge(gallery, url)
        status, _ = tried(gallery, {f"v{at}": "1" for at in range(6, 5000)})
    assert status == 200


@pytest.mark.parametrize("text", ["1e999", "-1e400", "9" * 400, "9" * 300, "1e-999", "1" * 5000])
def test_a_number_beyond_every_number_is_shown_as_it_was_typed(gallery: Site, text: str) -> None:
    errors = [{"at": "/age", "expected": "a finite number", "got": "another"}]
    with server(lambda *_: problem(422, "invalid-input", errors=errors)) as url:
        edge(gallery, url)
        for form in ({"v0": text}, {"as": "json", "json": f'{{"age": {text}}}'}):
            status, page = tried(gallery, form)
            assert status == 422
            assert "try-wrong" in {one.get("id") for one in page.iter()}


def test_why_a_service_is_deprecated_is_said(gallery: Site) -> None:
    gallery.hub.deprecate("churn", actor="ada", reason="take <churn-2>")
    assert "Deprecated: take <churn-2>" in words(tree(gallery.client.get(PAGE)))


# ---- edges that do not answer as they should --------------------------------------------------------------------------------


def test_without_an_edge_it_says_what_starts_one(gallery: Site) -> None:
    status, page = tried(gallery)
    assert status == 503
    assert "rtml edge --hub" in words(by_id(page, "answer-part"))
    assert by_id(page, "v0").get("value") == "3"  # what was typed is kept


def test_an_edge_that_is_gone_is_told_and_another_is_asked(gallery: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        edge(gallery, f"http://127.0.0.1:{taken.getsockname()[1]}")
        status, page = tried(gallery)
        assert status == 503
        assert "can't be reached" in words(by_id(page, "answer-part"))
        with server(lambda *_: (200, document())) as url:
            edge(gallery, url, "na-2")
            for _ in range(4):  # whichever comes first
                status, page = tried(gallery)
                assert (status, "edge na-2" in words(page)) == (200, True)


def test_an_edge_that_nobody_vouches_for_is_told_with_the_cure(
    gallery: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=edge", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    try:
        made = ["openssl", "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(made, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        if "CI" in os.environ:
            raise
        pytest.skip("openssl is not here: apt-get install openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with server(lambda *_: (200, document()), context) as url:
        edge(gallery, url)
        status, page = tried(gallery)
        assert status == 503
        assert "start the hub with SSL_CERT_FILE" in words(by_id(page, "answer-part"))
        asking.close(gallery.hub)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        status, page = tried(gallery)
        assert status == 200


def test_an_edge_that_takes_too_long_is_told(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        edge(gallery, f"http://127.0.0.1:{silent.getsockname()[1]}")
        status, page = tried(gallery)
    assert status == 503
    assert "did not answer within 0.2 s" in words(by_id(page, "answer-part"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, b"<html>hello"), "is no edge"),
        ((200, b"[]"), "is no edge"),
        ((200, b'{"predictions": []}'), "is no edge"),
        ((200, b'{"predictions": [{}], "version": "2"}'), "is no edge"),
        ((200, b'{"predictions": [{}], "version": 0}'), "is no edge"),
        ((200, b'{"predictions": [{}], "version": 99999999999999999999}'), "is no edge"),
        ((200, document(predictions=[{"propensity": {"a": 1}}])), "is no edge"),
        ((200, document(predictions=[{"propensity": 10**400}])), "is no edge"),
        ((200, document(columns=[5])), "is no edge"),
        ((200, document(columns=[[5]])), "is no edge"),
        ((200, document(columns=[[{"node": "a", "operator": "b", "columns": [1]}]])), "is no edge"),
        ((200, document(columns=[[{"node": "a", "operator": "b", "columns": {"a": 10**400}}]])), "is no edge"),
        ((200, document(columns=[[]], left_out=[1])), "is no edge"),
        ((200, document(columns=[[]], left_out={"node": 1})), "is no edge"),
        ((200, b'{"predictions": [{"propensity": "\xff"}], "version": 2}'), "is no edge"),
        ((200, b'{"predictions": ' + b"[" * 100_000), "is no edge"),
        ((422, b"[" * 100_000), "is no edge"),
        ((302, b""), "is no edge"),
        (problem(302, "busy"), "is no edge"),
        (problem(599, "busy"), "is no edge"),
        (problem(999, "busy"), "is no edge"),
        ((401, b"{}"), "asks for a key and this hub has none"),
        (problem(503, "busy"), "so it is"),
        (problem(404, "not-found", request_id="<b>r7</b>"), "Request <b>r7</b>"),
        (problem(422, "invalid-input", errors=[{"at": "/", "expected": "values that the model takes", "got": "<i>"}]), "got <i>"),
        (problem(422, "invalid-input", errors=[{"at": "/nowhere", "expected": "x", "got": "y"}]), "/nowhere: expected x"),
        (problem(422, "invalid-input", errors=5), "is no edge"),
        (problem(422, "invalid-input", errors=[{"at": 5}]), "is no edge"),
        (problem(422, "invalid-input", errors=["z"]), "is no edge"),
    ],
)
def test_what_an_edge_says_is_told_in_words(gallery: Site, answer: Answer, said: str) -> None:
    with server(lambda *_: answer) as url:
        edge(gallery, url)
        status, page = tried(gallery)
    assert status == 503 if said == "is no edge" else status >= 400
    assert said in words(page)


def test_an_endless_answer_is_not_read_to_its_end(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_MOST", 1000)
    with server(lambda *_: (200, document(columns=[[]], more="x" * 2000))) as url:
        edge(gallery, url)
        status, page = tried(gallery)
    assert status == 503
    assert "answers with more than" in words(page)


@pytest.mark.parametrize(("kind", "said"), [("debug-off", "start it with --debug"), ("not-explained", "So it is.")])
def test_without_features_there_are_predictions_and_the_cure(gallery: Site, kind: str, said: str) -> None:
    asked = []

    def answer(path: str, *_: Any) -> Answer:
        asked.append(path)
        return problem(403, kind) if "explain" in path else (200, document())

    with server(answer) as url:
        edge(gallery, url)
        status, page = tried(gallery, {"version": "2"})
    assert asked == ["/v1/services/churn/versions/2/predict?explain=columns", "/v1/services/churn/versions/2/predict"]
    assert (status, said in words(by_id(page, "way-part"))) == (200, True)
    assert "0.5" in words(by_id(page, "answer-part"))


def test_a_version_that_no_edge_holds_says_how_to_have_it_held(gallery: Site) -> None:
    edge(gallery, "http://127.0.0.1:9", versions=(2,))
    status, page = tried(gallery, {"version": "1"})
    assert status == 503
    assert "no edge of its regions (emea, na) holds version 1 of 'churn' now; there are 2" in words(page)
    options = [option.get("value") for option in by_id(tree(gallery.client.get(PAGE)), "version").iter("option")]
    assert options == ["", "2"]


def test_a_row_can_be_written_as_json_and_is_sent_as_it_was_written(gallery: Site) -> None:
    bodies = []

    def answer(_: str, __: dict[str, str], body: bytes) -> Answer:
        bodies.append(body)
        return 200, document()

    written = '{"age": 1.50e1, "visits": 12345678901234567890, "zip": "<b>"}'
    with server(answer) as url:
        edge(gallery, url)
        status, page = tried(gallery, {"as": "json", "json": f"  {written}\r\n"})
        assert (status, by_id(page, "v0").get("value"), by_id(page, "v1").get("value")) == (200, "15", "12345678901234567890")
        assert bodies == [written.encode()]
        for text in ("{", "[1]", '{"rows": [{"age": 1}]}', '{"age": {"0": 1}}', "[" * 5000, ""):
            status, page = tried(gallery, {"as": "json", "json": text})
            assert status == 422
            assert "row as JSON" in words(by_id(page, "try-wrong"))
            assert "".join(by_id(page, "json").itertext()).strip() == text
            assert by_id(page, "v0").get("value") == "3"
    assert len(bodies) == 1


# ---- keys -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "path", "status"),
    [
        ("viewer", f"{PAGE}/versions/2/package", 403),
        ("viewer", f"{PAGE}/versions/2/model.onnx", 403),
        ("viewer", f"{PAGE}/openapi.json", 200),
        ("limited", f"{PAGE}/versions/2/package", 200),
        ("publisher", f"{PAGE}/versions/2/model.onnx", 200),
        ("publisher", f"{PAGE}/versions/0/model.onnx", 404),
        ("publisher", f"{PAGE}/versions/02/package", 404),
        ("publisher", f"{PAGE}/versions/{'9' * 40}/package", 404),
    ],
)
def test_who_may_download_what(locked: Site, key: str, path: str, status: int) -> None:
    assert locked.visitor(key).get(path).status_code == status


def test_the_rate_of_a_key_holds_for_tries(locked: Site) -> None:
    locked.keys.create("slow", ["predict"], rate=0.01)
    secret = locked.keys.create("slower", ["predict"], rate=0.01).secret
    visitor = Visitor(locked)
    visitor.sign_in(secret)
    with server(lambda *_: (200, document())) as url:
        edge(locked, url)
        statuses = [visitor.post(f"{PAGE}/try").status_code for _ in range(2)]
    assert statuses == [200, 429]
