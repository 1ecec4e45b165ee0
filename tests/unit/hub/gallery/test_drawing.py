"""The picture of a graph."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.package import ExplainEntry, FieldEntry, NodeEntry, OutputEntry
from rtml_plugins.hub.gallery.drawing import ANSWER, DIFFERS, REQUEST, draw, series_of
from rtml_plugins.hub.gallery.steps import Drawn
from tests.unit.hub.gallery.drawn import graph, manifest, node
from tests.unit.hub.gallery.site import tree, words

TAGS = {"root", "figure", "div", "svg", "path", "g", "title", "rect", "text", "tspan", "a", "figcaption", "span", "ul", "li"}
ATTRIBUTES = {"class", "tabindex", "role", "aria-label", "aria-hidden", "href", "data-part"} | {
    *("width", "height", "viewbox", "d", "x", "y", "rx")
}
EVIL = '<script>alert("1")</script>&\'"\x00\u202e]]>'


def picture(drawn: Drawn, **options: object) -> Element:
    return tree(str(draw(drawn, service="churn", version=3, **options)))  # type: ignore[arg-type]


def links(page: Element) -> list[Element]:
    return page.findall(".//a")


def three() -> Drawn:
    explain = ExplainEntry(
        (
            NodeEntry("a", "Pandas div", "pandas", "core", 3),
            NodeEntry("b", "TitleCase", "lang", "python", 1),
            NodeEntry("c", "Scaler"),
        )
    )
    return graph(
        [node("a", import_="div", cols="age"), node("b", "TitleCase"), node("c", "Scaler", plugin="encoders")],
        about=manifest(explain),
    )


def test_every_node_is_a_link_in_the_order_of_execution() -> None:
    found = links(picture(three()))
    assert [link.get("href") for link in found] == [f"/gallery/services/churn/graph?version=3&node={key}#node" for key in "abc"]
    assert found[0].get("data-part") == "/gallery/services/churn/graph/node?version=3&node=a"
    assert found[0].get("aria-label") == "Node 1, Pandas div (a); takes age; pandas · core · 3 ONNX nodes"
    assert "not portable" in (found[1].get("aria-label") or "")
    assert "Python code" in words(found[1])


def test_it_begins_with_the_request_and_ends_with_the_answer() -> None:
    page = picture(three())
    ends = [end.get("aria-label") for end in page.iter("g") if end.get("class") == "end"]
    assert ends == ["Request with 1 field: age", "Answer with 1 output: p (float64)"]
    assert len([edge for edge in page.iter("path") if (edge.get("class") or "").startswith("edge")]) == 4


def test_the_picture_can_be_scrolled_and_has_a_name() -> None:
    page = picture(three())
    region = next(one for one in page.iter("div") if one.get("role") == "region")
    assert region.get("tabindex") == "0"
    assert region.get("aria-label") == "Graph of churn version 3: 3 nodes, scrolls"
    svg = region.find("svg")
    assert svg is not None
    assert svg.get("role") == "group"
    assert svg.get("aria-label")


def test_values_of_a_row_stand_on_the_nodes() -> None:
    values = {
        REQUEST: {"age": None},
        "a": {"ratio": 0.123456789, "plan": "basic", "ok": True, "more": 4, "most": 5},
        "b": {"title": float("nan")},
        ANSWER: {"p": 0.25},
    }
    page = picture(three(), values=values)
    a, b, c = links(page)
    assert "ratio 0.123457" in words(a)
    assert "ok true" in words(a)
    assert "+2 more" in words(a)
    assert "most is 5" in (a.get("aria-label") or "")
    assert "title missing" in words(b)
    assert words(c) == words(links(picture(three()))[2])
    ends = [words(end) for end in page.iter("g")]
    assert [end.get("aria-label") for end in page.iter("g")] == [
        "Request with 1 field: age; age is missing",
        "Answer with 1 output: p (float64); p is 0.25",
    ]
    assert ends[0].endswith("age missing")
    assert ends[1].endswith("p 0.25")


def test_the_node_looked_at_is_marked() -> None:
    a, b, _ = links(picture(three(), selected="b"))
    assert (a.get("aria-current"), b.get("aria-current")) == (None, "true")
    assert "selected" in (b.get("class") or "")


def test_differences_are_marked_in_words_and_removed_nodes_lead_to_where_they_were() -> None:
    differs = {"a": "added", "b": "removed", "c": "changed"}
    page = picture(three(), differs=differs, before=2)
    a, b, c = links(page)
    for link, kind in ((a, "added"), (b, "removed"), (c, "changed")):
        mark, word = DIFFERS[kind]
        assert f"{mark} {word}" in words(link)
        assert kind in (link.get("class") or "").split()
        assert word in (link.get("aria-label") or "")
    assert "version=2&node=b" in (b.get("href") or "")
    assert "version=3&node=a" in (a.get("href") or "")
    dashed = [edge for edge in page.iter("path") if edge.get("class") == "edge removed"]
    assert len(dashed) == 2
    edges = [edge.get("class") for edge in page.iter("path") if (edge.get("class") or "").startswith("edge")]
    assert edges[:2] == ["edge removed"] * 2  # below the others


def test_colours_are_named_and_the_same_in_every_picture() -> None:
    one = graph([node("a", plugin="pandas"), node("b", plugin="geo"), node("c", plugin="lang")])
    other = graph([node("a", plugin="pandas")])
    assert series_of(one)["pandas"] == series_of(other)["pandas"]
    assert len(set(series_of(one).values())) == 3
    legend = next(part for part in picture(one).iter("ul") if part.get("class") == "graph-legend")
    assert [words(item) for item in legend] == ["geo", "lang", "pandas"]
    many = graph([node(str(number), plugin=f"p{number}") for number in range(20)])
    assert set(series_of(many).values()) == set(range(1, 9))


def test_whatever_a_package_says_is_text() -> None:
    fields = [FieldEntry(EVIL, "float")]
    about = manifest(fields=fields, outputs=(OutputEntry(EVIL, EVIL, "t"),))
    drawn = graph([node(EVIL, EVIL, plugin=EVIL, import_=EVIL, cols=EVIL, into=EVIL)], about=about)
    text = str(draw(drawn, service=EVIL, version=1, values={EVIL: {EVIL: EVIL}, REQUEST: {EVIL: EVIL}}))
    assert "<script" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    page = tree(text)
    assert {one.tag for one in page.iter()} <= TAGS
    assert {name for one in page.iter() for name in one.attrib} <= ATTRIBUTES
    (link,) = links(page)
    assert (link.get("href") or "").startswith("/gallery/services/%3Cscript%3E")
    assert (link.get("href") or "").endswith("#node")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_makes_a_page(name: str, value: str) -> None:
    drawn = graph([node("a", name or "x", cols=name)])
    page = tree(str(draw(drawn, service="s", version=1, values={"a": {name: value}})))
    assert len(links(page)) == 1
