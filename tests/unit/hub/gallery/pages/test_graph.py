"""The page of a graph, and the panel of a node."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from rtml_core import Graph
from rtml_core import operators as op
from rtml_plugins.hub.gallery import steps
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.drawn import said
from tests.unit.hub.gallery.site import Site

GRAPH = "/gallery/services/churn/graph"


def test_the_page_shows_the_picture_and_every_node_in_a_table(gallery: Site) -> None:
    page = site.tree(gallery.client.get(GRAPH))
    assert said(page.find(".//h2")) == "Version 2"  # type: ignore[arg-type]
    nodes = [link.get("href") for link in page.iter("a") if link.get("data-part")]
    assert len(nodes) == 6
    assert nodes[1] == f"{GRAPH}?version=2&node=pandas#node"
    table = next(one for one in page.iter("table"))
    assert [said(row).split()[1] for row in table.findall("./tbody/tr")] == [
        "receiver",
        "pandas",
        "pandas_2",
        "pandas_3",
        "one_hot_encoder",
        "scikit_learn",
    ]
    panel = next(one for one in page.iter("section") if one.get("id") == "node")
    assert panel.get("aria-live") == "polite"
    assert "Choose a node" in said(panel)


def test_a_node_can_be_looked_at_without_javascript(gallery: Site) -> None:
    page = site.tree(gallery.client.get(GRAPH, params={"node": "pandas_2", "version": "1"}))
    panel = said(next(one for one in page.iter("section") if one.get("id") == "node"))
    assert "3. Pandas fillna" in panel
    assert "value: 40.0" in panel
    assert "float, may be missing, of the request float64" in panel
    assert said(page.find(".//h2")) == "Version 1"  # type: ignore[arg-type]
    looked_at = [link.get("aria-label", "") for link in page.iter("a") if "selected" in link.get("class", "")]
    assert [label.split(",")[0] for label in looked_at] == ["Node 3"]


def test_the_panel_alone_is_what_the_page_has(gallery: Site) -> None:
    part = gallery.client.get(f"{GRAPH}/node", params={"node": "scikit_learn"}, headers={"hx-request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    text = said(site.tree(part))
    for expected in ("LogisticRegression", "max_iter 500", "propensity", "Learned", "ONNX node", "After 5. OneHotEncoder"):
        assert expected in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("version=7", "'churn' has no version '7'. It has: 1, 2"),
        ("version=x", "'churn' has no version 'x'. It has: 1, 2"),
        ("version=" + "9" * 5000, "has no version"),
        ("node=pandsa", "ersion 2 has no node 'pandsa'. It has: receiver, pandas, pandas_2"),
    ],
)
@pytest.mark.parametrize("path", [GRAPH, f"{GRAPH}/node"])
def test_what_there_is_not_is_said_in_words(gallery: Site, path: str, query: str, expected: str) -> None:
    answer = gallery.client.get(f"{path}?{query}")
    assert answer.status_code == 404
    assert expected in said(site.tree(answer))


def test_a_graph_inside_a_node_is_listed_and_can_be_looked_at(gallery: Site) -> None:
    inner = op.FillMissing(cols="x", strategy="mean", id="fill") >> op.FieldOps(ops=[{"set": "y", "to": "x * 2"}], id="double")
    outer = op.Receiver(schema={"age": "float?"}) >> op.Processor(graph=inner, inputs={"x": "age"}, outputs=["y"], id="part")
    publish(gallery, outer.fit(site.frame()))
    page = said(site.tree(gallery.client.get("/gallery/services/other/graph", params={"node": "part"})))
    assert "2 nodes inside" in page
    assert "Inside 2. FillMissing part/fill 2. FieldOps part/double" in page
    panel = said(site.tree(gallery.client.get("/gallery/services/other/graph/node", params={"node": "part/double"})))
    assert "set: y, to: x * 2" in panel


def test_ids_that_are_markup_stay_text(gallery: Site) -> None:
    evil = '"><script>alert(1)</script>&node=2'
    graph = op.Receiver(schema={"age": "float?"}) >> op.Pandas(import_="fillna", cols="age", kwargs={"value": 1.0}, id=evil)
    publish(gallery, graph)
    for query in ({}, {"node": evil}):
        answer = gallery.client.get("/gallery/services/other/graph", params=query)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        links = {link.get("href") for link in site.tree(answer).iter("a")}
        assert f"/gallery/services/other/graph?version=1&node={quote(evil, safe='')}#node" in links


def test_a_graph_too_large_to_draw_is_said_to_be(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MOST_NODES", 3)
    monkeypatch.setattr(steps, "_GRAPHS", steps.Kept())
    page = site.tree(gallery.client.get(GRAPH))
    assert "There is no picture of this graph" in said(page)
    assert "has 6 nodes; up to 3 are shown" in said(page)


def test_one_version_has_none_to_choose_or_compare(gallery: Site) -> None:
    publish(gallery, op.Receiver(schema={"age": "float"}) >> op.Pandas(import_="abs", cols="age"))
    page = site.tree(gallery.client.get("/gallery/services/other/graph"))
    assert page.find(".//select") is None
    assert "What changed in it" not in said(page)


def test_a_key_sees_its_own_services_only(locked: Site) -> None:
    limited = locked.visitor("limited")
    assert limited.get(GRAPH).status_code == 200
    publish(locked, op.Receiver(schema={"age": "float"}) >> op.Pandas(import_="abs", cols="age"))
    assert limited.get("/gallery/services/other/graph").status_code == 403
    assert limited.get("/gallery/services/other/graph/node?node=pandas").status_code == 403
    assert limited.get("/gallery/services/other/versions").status_code == 403
    assert locked.visitor().get(GRAPH).status_code == 303


def publish(gallery: Site, graph: Graph) -> None:
    gallery.hub.publish("other", graph.compile().data, actor="ada", regions=["na"])
