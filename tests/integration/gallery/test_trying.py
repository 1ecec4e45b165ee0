"""Trying a service in the browser, against real edges: open, and with keys; and its request as code, run for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.client import Client
from rtml_core.package import read_archive
from tests.integration.gallery.visiting import Browser, new_key
from tests.integration.machine import SECONDS, until, up
from tests.unit.hub.gallery.site import package, words

#: texts that mean something to a shell, to HTML, to Python, to JavaScript
HOSTILE = 'it\'s $HOME `id` $(id) \\ "x" </script><b>&amp; %s {x} ${y} \u2028 日本🙂'


def texts(**more: Any) -> bytes:
    """A service that answers what it gets. more: fields before the others."""
    fields = {"text": "string", "__proto__": "int", "big": "int", "<b>": {"type": "float?", "default": 0.5}}
    source = op.Receiver(schema={**more, **fields})
    graph = source >> op.Pandas(import_="fillna", cols="<b>", kwargs={"value": 0.0}, inplace=True)
    graph.outputs = {"text": "text", "proto": "__proto__", "big": "big", "rest": "<b>"}
    return graph.compile().data


@dataclass
class Place:
    hub: str
    home: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A hub without keys and an edge each in two regions."""
    home = tmp_path_factory.mktemp("up")
    with up(home, "--port", "0", "--region", "na,emea") as hub:
        with Client(hub=hub) as client:
            for name, data in (("churn", package(40.0)), ("churn", package(45.0)), ("texts", texts())):
                client.publish(data, name, regions=["na", "emea"], description="Who leaves")
        yield Place(hub, home)


@pytest.fixture
def browser(place: Place) -> Iterator[Browser]:
    with Browser(place.hub) as made:
        yield made


ROW = {"age": "41.5", "visits": "3", "seen_at": "2026-03-01T09:30:00.000001Z"}
SENT = {"age": 41.5, "visits": 3, "member": False, "plan": "plus", "city": "Bonn", "seen_at": "2026-03-01T09:30:00.000001Z"}


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "part"])
def test_a_row_is_tried_and_the_answer_is_that_of_the_package(browser: Browser, htmx: bool) -> None:
    browser.get("/gallery/services/churn")
    browser.send("try-form", ROW, htmx=htmx)
    assert browser.status == 200
    assert (browser.page is not None and browser.page.find(".//html") is not None) is not htmx
    runtime = Runtime.from_bytes(package(45.0))
    expected = runtime.score(SENT)["propensity"]
    assert repr(expected) in browser.text("answer-part")
    assert "Version 2, region" in browser.text("answer-part")
    assert "Higher than for about" in browser.text("answer-part")
    told = {tuple(cells) for cells in _table(browser)}
    explained = runtime.explained(read_archive(package(45.0), explain=True)).columns(
        runtime.json.decode(json.dumps(SENT).encode())
    )[0]
    assert told == {(column, _shown(value)) for step in explained for column, value in step["columns"].items()}
    assert json.loads(browser.code("code-curl").split("--data-raw ")[1].strip("'")) == SENT


def _table(browser: Browser) -> list[list[str]]:
    return [[words(cell) for cell in row.iter("td")] for row in browser.find("way-part").iter("tr") if row.find("td") is not None]


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "missing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("htmx", [False, True], ids=["page", "part"])
def test_wrong_values_are_shown_at_their_fields(browser: Browser, htmx: bool) -> None:
    browser.get("/gallery/services/churn")
    browser.send("try-form", {"age": "abc", "visits": "3.7", "seen_at": "soon"}, htmx=htmx)
    assert browser.status == (200 if htmx else 422)
    for identity, value, said in (("v0", "abc", "from 0 to 120"), ("v1", "3.7", "whole number"), ("v5", "soon", "ISO 8601")):
        field = browser.find(identity)
        assert (field.get("value"), field.get("aria-invalid")) == (value, "true")
        described = [browser.text(one) for one in field.get("aria-describedby", "").split()]
        assert said in described[0]
    assert ("autofocus" in browser.find("v0").attrib) is not htmx
    assert [link.get("href") for link in browser.find("try-wrong").iter("a")] == ["#v0", "#v1", "#v5"]
    assert "Nothing was predicted" in browser.text("answer-part")
    browser.send("try-form", ROW)
    assert browser.status == 200


def test_another_version_another_region_and_rows_of_the_package(browser: Browser, place: Place) -> None:
    browser.get("/gallery/services/churn?version=1&region=emea&row=2")
    assert browser.find("v0").get("value")
    assert browser.find("another").get("href", "").endswith("row=3")
    browser.send("try-form")
    assert "Version 1, region emea" in browser.text("answer-part")
    assert "version=1" in browser.code("code-client")
    browser.get("/gallery/services/churn?version=7")
    assert (browser.status, "has no version '7'. It has: 1, 2" in browser.text()) == (404, True)
    browser.get("/gallery/services/churn?region=mars")
    assert (browser.status, "not served in 'mars'" in browser.text()) == (404, True)
    assert browser.client.get("/gallery/services/churn/try").url.path == "/gallery/services/churn"


def test_a_form_of_a_version_that_was_replaced_keeps_its_meaning(browser: Browser) -> None:
    browser.get("/gallery/services/texts")
    with Client(hub=str(browser.client.base_url).rstrip("/")) as client:
        client.publish(texts(new={"type": "float", "default": 0.0}), "texts")
        try:
            browser.send("try-form", {"text": "kept", "__proto__": "3", "big": "4"})
            assert browser.status == 200, browser.text()
            assert "text kept" in browser.text("answer-part")
            assert "Version 2" in browser.text("answer-part")
        finally:
            client.rollback("texts")


def test_downloads(browser: Browser) -> None:
    client = browser.client
    file = client.get("/gallery/services/churn/versions/1/package")
    assert file.content == package(40.0)
    assert file.headers["content-disposition"] == 'attachment; filename="churn-1.rtml"'
    again = client.get("/gallery/services/churn/versions/1/package", headers={"If-None-Match": file.headers["etag"]})
    assert again.status_code == 304
    model = client.get("/gallery/services/churn/versions/2/model.onnx")
    assert model.content == read_archive(package(45.0)).model
    assert 'filename="churn-2.onnx"' in model.headers["content-disposition"]


def test_the_document_of_a_service_is_what_its_edge_says_of_it(browser: Browser, place: Place) -> None:
    document = browser.client.get("/gallery/services/churn/openapi.json").json()
    with Client(hub=place.hub) as client:
        edges = [edge.url for edge in client.edges()]
    assert sorted(server["url"] for server in document["servers"]) == sorted(edges)
    theirs = httpx.get(f"{edges[0]}/openapi.json").json()
    for path, operations in document["paths"].items():
        assert theirs["paths"][path] == operations
    references = set(_references(document))
    kinds = {reference.split("/")[2] for reference in references}
    assert kinds == {"schemas", "parameters", "responses"}
    for reference in references:
        _, _, kind, name = reference.split("/")
        assert name in document["components"][kind], reference
    assert document["components"]["schemas"]["churn.2.row"] == theirs["components"]["schemas"]["churn.2.row"]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


# ---- the request as code ----------------------------------------------------------------------------------------------------

ANSWER = {"text": HOSTILE, "proto": 2**53 + 1, "big": -(2**62) - 1, "rest": 0.5}
TYPED = {"text": HOSTILE, "__proto__": str(2**53 + 1), "big": str(-(2**62) - 1)}


def node() -> str:
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("node is not there: install Node.js (nodejs)")
        pytest.skip("needs Node.js: apt-get install nodejs")
    return found


def ran(command: Sequence[str], key: str = "") -> str:
    environment = {**os.environ, **({"RTML_API_KEY": key} if key else {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_code_beside_the_form_does_what_the_form_did(browser: Browser) -> None:
    browser.get("/gallery/services/texts?version=1")
    browser.send("try-form", TYPED)
    assert browser.status == 200, browser.text()
    assert "9007199254740993" in browser.text("answer-part")
    assert "<b>&amp;" in browser.code("code-curl")
    assert shutil.which("curl"), "curl is not there: apt-get install curl"
    told = json.loads(ran(["/bin/sh", "-c", browser.code("code-curl")]))
    assert told["predictions"] == [ANSWER]
    assert ran([sys.executable, "-c", browser.code("code-client")]).strip() == repr(ANSWER)
    assert ran([sys.executable, "-c", browser.code("code-httpx")]).strip() == repr([ANSWER])
    shown = ran([node(), "--input-type=module", "-e", browser.code("code-js")])
    assert "rest: 0.5" in shown
    assert "proto: 9007199254740992" in shown  # JavaScript reads the answer so; what it sent was exact


# ---- keys -------------------------------------------------------------------------------------------------------------------


def test_on_a_hub_with_keys_it_asks_with_one_of_its_own(tmp_path: Path) -> None:
    with up(tmp_path, "--port", "0") as hub:
        with Client(hub=hub) as client:
            client.publish(texts(), "texts", regions="na")
        admin = new_key(tmp_path, "me", "admin")
        with Client(hub=hub, key=admin) as client:
            scopes = ("predict", "predict+debug", "publish")
            keys = {scope: client.create_key(scope, scope.split("+")).secret for scope in scopes}
            until(lambda: [edge for edge in client.edges() if edge.state == "ready"])
            with Browser(hub) as browser:
                browser.sign_in(keys["predict"])
                browser.get("/gallery/services/texts")
                browser.send("try-form", TYPED)
                assert browser.status == 200, browser.text()
                assert "rest 0.5" in browser.text("answer-part")
                assert "scope debug" in browser.text("way-part")
                assert browser.client.get("/gallery/services/texts/versions/1/package").status_code == 403
                assert browser.client.get("/gallery/services/texts/openapi.json").json()["security"] == [{"key": []}]
                assert json.loads(ran(["/bin/sh", "-c", browser.code("code-curl")], keys["predict"]))["predictions"] == [ANSWER]
                assert ran([sys.executable, "-c", browser.code("code-client")], keys["predict"]).strip() == repr(ANSWER)
            with Browser(hub) as browser:
                browser.sign_in(keys["predict+debug"])
                browser.get("/gallery/services/texts")
                browser.send("try-form", TYPED)
                assert ["<b>", "0.5"] in _table(browser)
            with Browser(hub) as browser:
                browser.sign_in(keys["publish"])
                browser.get("/gallery/services/texts")
                assert "disabled" in browser.find("try-button").attrib
                browser.send("try-form", TYPED)
                assert (browser.status, "lacks the scope predict" in browser.text()) == (403, True)
            listed = client.keys()
            assert {key.name for key in listed} == {"me", "edges of rtml up", *scopes}  # the hub's own are nobody's to use
            (own,) = [entry for entry in client.audit() if (entry.actor, entry.action) == ("gallery", "key.create")]
            assert (own.details["scopes"], own.details["services"]) == (["predict", "debug"], ["texts"])
            client.revoke_key(own.details["id"])
            with Browser(hub) as browser:  # the next try makes another one
                browser.sign_in(keys["predict"])
                browser.get("/gallery/services/texts")
                browser.send("try-form", TYPED)
                assert browser.status == 200, browser.text()
            (new, _) = [entry for entry in client.audit() if (entry.actor, entry.action) == ("gallery", "key.create")]
            assert new.details["id"] != own.details["id"]
