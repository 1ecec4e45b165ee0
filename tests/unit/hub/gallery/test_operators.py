"""Operators and plugins: what they do, where they are installed, why a broken one is broken; with real ones, broken ones too."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import Element

import pytest

from rtml_core import inventory
from rtml_core.inventory import Examples, InstalledPlugin
from rtml_plugins.hub.gallery import installed
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import EdgeReport
from tests.unit.edge.test_installed import put
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.site import Site

GEO = {"name": "geo2", "distribution": "rtml-geo2", "api": 1, "operators": ["Haversine2"], "custom_ops": ["geo2:far 1"]}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which distributions are installed for the process that looks; what was found before is forgotten."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH")))))
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(installed, "_looks", {})
    return folder


def report(at: Site, edge: str, *plugins: dict[str, Any], workers: int = 1) -> None:
    """An edge says what is installed there."""
    said = EdgeReport("emea", f"http://{edge}:1", True, 1, workers, "0.1.0", "2026-01-01T00:00:00.000Z", plugins=plugins)
    at.hub.report_edge(edge, said)


def page(at: Site, path: str, status: int = 200) -> Element:
    answer = at.client.get(f"/gallery{path}")
    assert answer.status_code == status, answer.text
    return site.tree(answer)


def rows(tree: Element, label: str) -> dict[str, str]:
    """The rows of a table by their heads."""
    table = next(element for element in tree.iter("div") if element.get("aria-label") == label)
    heads = [row.find("th") for row in table.findall(".//tbody/tr")]
    return {
        site.words(head): site.words(row)
        for head, row in zip(heads, table.findall(".//tbody/tr"), strict=True)
        if head is not None
    }


def test_all_operators_are_listed_with_plugin_role_and_the_services_that_use_them(gallery: Site) -> None:
    found = rows(page(gallery, "/operators"), "List of operators")
    assert {"Pandas", "Receiver", "OneHotEncoder", "ModelUpload"} <= found.keys()
    assert "changes columns ONNX pandas hub 1" in found["Pandas"]  # "churn" uses it
    assert "while authoring only nothing onnx hub -" in found["ModelUpload"]
    plugins = rows(page(gallery, "/operators"), "List of plugins")
    assert "ok" in plugins["hub"] and "1 command" in plugins["hub"]  # noqa: PT018


def test_they_are_found_by_words_and_by_plugin(gallery: Site) -> None:
    def names(query: str) -> list[str]:
        return list(rows(page(gallery, f"/operators?{query}"), "List of operators"))

    assert names("plugin=pandas") == ["Pandas"]
    assert "FillMissing" in names("q=missing+VALUES")
    assert names("q=onehot")[0] == "OneHotEncoder"  # others say that word, too
    assert "Pandas" not in names("q=onehot")
    empty = page(gallery, "/operators?q=nothing-is-like-this")
    assert "No operator is like that" in site.words(empty)
    part = gallery.client.get("/gallery/operators?plugin=flow", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert "Receiver" in part
    assert "OneHotEncoder" not in part


def test_an_operator_is_documented(gallery: Site) -> None:
    tree = page(gallery, "/operators/Pandas")
    said = site.words(tree)
    assert "Any method of a pandas DataFrame or Series" in said
    parameters = rows(tree, "Parameters")
    assert "required" in parameters["import"]
    assert parameters["inplace"].startswith("inplace true, false or the name of a new column false")
    assert "the package is portable. Its plugin also brings Python operators, so some of what it does may need them" in said
    assert "also brings" not in site.words(page(gallery, "/operators/OneHotEncoder"))
    assert "rtml.pandas:title 1" in said
    assert [link.text for link in tree.iter("a") if link.get("href") == "/gallery/services/churn"] == ["churn"]
    assert "this hub ok" in rows(tree, "Where it is installed")["this hub"]


def test_its_examples_are_made_when_they_are_asked_for(gallery: Site) -> None:
    asked = next(link for link in page(gallery, "/operators/TextJoin").iter("a") if link.text == "Show an example")
    tree = site.tree(gallery.client.get(asked.get("href", "").partition("#")[0]))
    document, python = (site.words(listing) for listing in tree.findall(".//pre")[:2])
    assert '"operator": "TextJoin"' in document
    assert python.startswith("op.TextJoin(params={'cols': ['title', 'brand']")
    part = gallery.client.get(asked.get("hx-get", ""), headers={"HX-Request": "true"})
    assert "op.TextJoin" in site.words(site.tree(part))
    assert "Its plugin gives none" in site.words(page(gallery, "/operators/ModelUpload?example=1"))


def test_a_broken_plugin_comes_first_with_its_reason_and_what_to_do(gallery: Site, places: Path) -> None:
    put(places, "cracked", "import a_module_that_is_not_there")
    put(places, "evil", "raise ValueError('<script>alert(1)</script>\\u202e`x`')")
    tree = page(gallery, "/operators")
    notices = [site.words(section) for section in tree.iter("section") if "broken" in section.get("class", "")]
    assert [notice.split()[0] for notice in notices] == ["cracked", "evil"]
    assert "At this hub: ModuleNotFoundError: No module named 'a_module_that_is_not_there'" in notices[0]
    assert "Install what it misses there, or take it away with pip uninstall rtml-cracked" in notices[0]
    assert "ValueError: <script>alert(1)</script>\ufffd`x`" in notices[1]
    assert "rtml plugins check evil" in notices[1]
    assert list(rows(tree, "List of plugins"))[:2] == ["cracked", "evil"]
    alone = page(gallery, "/plugins/evil")
    assert not alone.findall(".//main//script")
    assert "None as long as it is broken" in site.words(alone)


def test_releases_that_differ_stand_out(gallery: Site, places: Path) -> None:
    put(places, "geo2", "from rtml_core import hookimpl\n@hookimpl\ndef rtml_operators(): return []")
    report(gallery, "emea-1", {**GEO, "version": "0.4", "trusted": True})
    report(gallery, "emea-2", {**GEO, "version": "0.4", "state": "broken", "reason": "it is", "operators": []})
    report(gallery, "gone", {**GEO, "version": "9.9"}, workers=0)
    tree = page(gallery, "/operators")
    assert "differs 0.3 at this hub; 0.4 at emea-1, emea-2" in rows(tree, "List of plugins")["geo2"]
    assert "hub, emea-1; not at emea-2" in rows(tree, "List of plugins")["geo2"]
    assert "not at emea-1, emea-2" in rows(tree, "List of plugins")["pandas"]
    assert "not installed at this hub" in rows(tree, "List of operators")["Haversine2"]
    where = rows(page(gallery, "/plugins/geo2"), "Where it is installed")
    assert "yes, it is trusted" in where["emea-1 in emea"]
    assert "no: it is not trusted there" in where["emea-2 in emea"]
    operator = site.words(page(gallery, "/operators/Haversine2"))
    assert "Install one release at all places" in operator
    assert "At emea-2: it is" in operator
    assert "geo2:far 1" in operator


def test_edges_of_other_releases_and_nonsense_are_no_reason_to_fail(gallery: Site) -> None:
    report(gallery, "old", {"name": "rtml-lang", "version": None})
    report(gallery, "odd", {"name": 3, "distribution": ["x"]}, {"distribution": "x", "operators": "no"})
    report(gallery, "fresh")
    text = site.words(page(gallery, "/operators"))
    assert "Not told yet by fresh, odd, old" in text
    hostile = {
        "name": "<script>'\"&",
        "distribution": "</td><script>",
        "version": "`<b>`",
        "operators": ["<img>"],
        "state": "<i>",
    }
    report(gallery, "odd", hostile)
    for path in ("/operators", f"/plugins/{quote(hostile['name'], safe='')}", "/operators/%3Cimg%3E"):
        tree = page(gallery, path)
        assert not tree.findall(".//main//script") + tree.findall(".//main//img") + tree.findall(".//main//b")


def test_plugins_that_end_the_process_that_looks_are_told_as_far_as_they_are_known(gallery: Site, places: Path) -> None:
    put(places, "deadly", "os._exit(7)")
    text = site.words(page(gallery, "/operators"))
    assert "The plugins could not be loaded where this hub runs" in text
    assert "exit status 7" in text
    assert "not loaded" in rows(page(gallery, "/operators"), "List of plugins")["deadly"]
    assert "rtml plugins list, run there, shows which plugin it is" in text


@pytest.mark.parametrize("path", ["/operators/Pandaz", "/plugins/pandaz", "/operators/Pandaz/example?example=1"])
def test_what_is_nowhere_is_said_with_what_is_near(gallery: Site, path: str) -> None:
    assert "is installed nowhere" in site.words(page(gallery, path, 404))


def test_of_services_only_those_of_the_key_are_told(locked: Site) -> None:
    key = locked.keys.create("elsewhere", ["predict"], services=["other"])
    locked.secrets = {**locked.secrets, "elsewhere": key.secret}
    for name, seen in (("elsewhere", False), ("viewer", True)):
        for path in ("/gallery/operators/Pandas", "/gallery/plugins/pandas"):
            assert ("/gallery/services/churn" in locked.visitor(name).get(path).text) is seen


def test_states_of_plugins_are_words() -> None:
    hub = installed.Place("this hub", None, True, {})
    cures = {}
    for state in ("broken", "missing", "unknown", "blocked"):
        plugin = InstalledPlugin("x", "rtml-x", state=state, reason="why")
        one = installed.Spread("x", [installed.Held(hub, plugin)], [])
        (trouble,) = one.troubles
        cures[state] = trouble.cure
        assert one.where == "nowhere"
        assert one.bad is (state != "blocked")
    assert len(set(cures.values())) == 4


def test_examples_are_made_once_and_few_wait_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    go_on = threading.Event()

    def slow(operator: str) -> Examples:
        asked.append(operator)
        assert go_on.wait(20)
        return Examples(problem="it fails" if operator == "Bad" else "")

    monkeypatch.setattr(inventory, "looked_examples", slow)
    kept = installed._Examples()
    with ThreadPoolExecutor(installed.WAITING) as threads:
        waiting = [threads.submit(kept.get, name) for name in ("Good", "Good", "Bad", "Bad")]
        while kept._waiting._value:  # type: ignore[attr-defined]
            time.sleep(0.005)
        with pytest.raises(Problem) as refused:
            kept.get("Other")
        go_on.set()
        assert [one.result(20).problem for one in waiting] == ["", "", "it fails", "it fails"]
    assert refused.value.status == 503
    assert sorted(asked) == ["Bad", "Good"]
    monkeypatch.setattr(installed, "AGAIN", 0.0)
    assert kept.get("Bad").problem == "it fails"
    assert kept.get("Good").problem == ""
    assert sorted(asked) == ["Bad", "Bad", "Good"]  # what fails is tried again after a while
