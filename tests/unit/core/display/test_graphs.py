"""A graph draws itself, whatever state it is in."""

from __future__ import annotations

import re
import warnings
from typing import Any
from xml.etree.ElementTree import fromstring

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import Graph, Operator, Params
from rtml_core import operators as op
from rtml_core.display import html, svg
from rtml_core.display.layout import NotDrawn
from rtml_core.display.picture import MOST_NODES
from rtml_core.operator import DataMsg
from rtml_core.plugins import registry
from tests.unit.core.display.reading import nodes, shown, with_class, words
from tests.unit.core.operators_for_tests import Mean, Scale, Source

EVIL = "</title></svg></style><script>alert(1)</script>\"'`<xss onxss=1>&amp;]]>\x00\u202e"


def car() -> Graph:
    return (
        op.Receiver(schema={"age": "float?", "brand": "string?", "seen_at": "timestamp"})
        >> op.Pandas(import_="fillna", cols="age", kwargs={"value": 41.0}, inplace=True)
        >> op.Pandas(import_="dt.hour", cols="seen_at", into="hour")
        >> op.OneHotEncoder(cols="brand", categories={"brand": ["VW", "Kia"]})
        >> op.ScikitLearn(model="sklearn.linear_model.LogisticRegression", label="bought", outputs={"p": "probability[1]"})
    )


def train() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, 60).astype(float),
            "brand": rng.choice(["VW", "Kia"], 60),
            "seen_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 86_400, 60), unit="s"),
            "bought": [0, 1] * 30,
        }
    )


def test_each_node_says_what_it_is_and_what_it_takes_and_gives() -> None:
    page = shown(car())
    assert nodes(page) == [
        "Node 1, Receiver (receiver); gives age (float64, may be missing), brand (string, may be missing), seen_at (timestamp);"
        " plugin flow",
        "Node 2, Pandas fillna (pandas); takes age; gives age (float64); plugin pandas",
        "Node 3, Pandas dt.hour (pandas_2); takes seen_at; gives hour (int64); plugin pandas",
        "Node 4, OneHotEncoder (one_hot_encoder); takes brand; gives brand_VW (float64), brand_Kia (float64); plugin encoders",
        "Node 5, ScikitLearn (scikit_learn); LogisticRegression; gives p; plugin sklearn; not fitted",
    ]
    drawn = [words(one) for one in with_class(page, "node")]
    assert drawn[1].endswith("2. Pandas fillna age")
    assert drawn[2].endswith("3. Pandas dt.hour seen_at → hour")
    assert drawn[4].endswith("5. ScikitLearn → p LogisticRegression ○ not fitted")
    assert len(with_class(page, "edge")) == 5


def test_a_fitted_graph_says_what_has_learned() -> None:
    page = shown(car().fit(train()))
    assert nodes(page)[-1].startswith(
        "Node 5, ScikitLearn (scikit_learn); LogisticRegression; takes age, hour, brand_VW, brand_Kia"
    )
    assert nodes(page)[-1].endswith("learned")
    assert "graph.fit" not in words(page)
    (answer,) = with_class(page, "end")
    assert words(answer).endswith("1 output p")


def test_parameters_stand_in_the_tooltip() -> None:
    title = with_class(shown(car()), "node")[1].find("title")
    assert title is not None
    assert (title.text or "").splitlines()[1:] == ["import: fillna", "kwargs: value: 41.0", "cols: age", "inplace: yes"]


def test_it_has_a_name_a_legend_and_can_be_scrolled_with_keys() -> None:
    page = shown(car())
    (region,) = with_class(page, "picture")
    assert (region.get("role"), region.get("tabindex"), region.get("aria-label")) == ("group", "0", "Graph of 5 nodes, scrolls")
    (picture,) = with_class(page, "graph")
    assert (picture.get("role"), picture.get("aria-label")) == ("group", "Graph of 5 nodes")
    assert {one.get("role") for one in with_class(page, "node")} == {"img"}
    (caption,) = page.iter("figcaption")
    assert words(caption) == "5 nodes, 1 node not fitted: graph.fit(frame) encoders flow pandas sklearn"


def test_branches_and_graphs_inside_of_nodes() -> None:
    inner = Graph.start(Scale(col="b")) >> op.Scaler(cols="b")
    branches = [op.Processor(graph=inner), Scale(col="a", into="c")]
    page = shown(Source(schema={"a": "float", "b": "float?"}) >> branches >> Scale(col="c"))
    assert len(with_class(page, "edge")) == 4
    assert "Node 2, Processor (processor); 2 nodes inside; plugin flow; not fitted" in nodes(page)
    (details,) = page.iter("details")
    said = words(details)
    assert said.startswith("Inside node 2 (Processor, processor): 2 nodes")
    assert "processor/scale Scale b" in said
    assert "processor/scaler Scaler b encoders not fitted" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: g.connect("scale_2", "source"), "The graph has a cycle"),
        (lambda g: g.connect("scale", "scale"), "The graph has a cycle: scale -> scale. Remove one of these edges"),
        (lambda g: g.connect("scale_2", "scale"), "The graph has a cycle"),
        (lambda g: g.add(Scale(col="a"), "alone"), "Not connected to the rest of the graph: alone. Connect or remove them"),
        (lambda g: g.edges.append(("scale", "gone")), "An edge leads to or from 'gone', and there is no such node"),
        (lambda g: g.nodes.update(odd=3), "Node 4 (int): a node must be an operator; this one is a int"),
    ],
)
def test_a_graph_that_is_none_is_drawn_with_what_is_wrong(change: Any, said: str) -> None:
    graph = Source(schema={"a": "float"}) >> Scale(col="a") >> Scale(col="a")
    change(graph)
    page = shown(graph)
    assert len(nodes(page)) == len(graph.nodes)
    assert said in " ".join(words(note) for note in page.iter("li"))


def test_the_node_with_a_mistake_is_marked_and_the_mistake_told() -> None:
    graph = Source(schema={"age": "float"}) >> Scale(col="aeg") >> Scale(col="age")
    page = shown(graph)
    assert [words(one) for one in page.iter("li")][-1] == (
        "Node 2 (Scale): Column 'aeg' does not exist. It has: age. Did you mean 'age'?"
    )
    assert "bad" in (with_class(page, "node")[1].get("class") or "")
    assert "bad" not in (with_class(page, "node")[2].get("class") or "")


def test_an_empty_graph_says_how_to_begin() -> None:
    assert words(shown(Graph())) == "An empty graph: add operators, or begin with one: a >> b"


class Unruly(Operator):
    """Raises wherever it can."""

    learns = True

    class Params(Params):
        col: str = "a"

    @property
    def fitted(self) -> bool:
        raise RuntimeError("fitted")

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        raise AssertionError("a display runs nothing")

    def schema(self, columns: Any) -> Any:
        raise RuntimeError("schema")

    def source_fields(self) -> Any:
        raise RuntimeError("source_fields")

    def subgraph(self) -> Any:
        raise RuntimeError("subgraph")

    def columns(self) -> Any:
        raise RuntimeError("columns")

    def compute(self, xp: Any, *columns: Any) -> Any:
        raise RuntimeError("compute")


class UnrulySource(Unruly):
    """The same, as a source."""

    role = "source"


@pytest.mark.parametrize("cls", [Unruly, UnrulySource])
def test_an_operator_that_raises_is_drawn_and_nothing_is_run(cls: type[Operator]) -> None:
    page = shown(Graph.start(cls()) >> Scale(col="a"))
    assert len(nodes(page)) == 2
    assert shown(cls()) is not None


def test_an_operator_that_warns_does_not_warn_here() -> None:
    class Noisy(Scale):
        """Warns when it is lowered."""

        def schema(self, columns: Any) -> Any:
            warnings.warn("noisy", stacklevel=1)
            return columns

    assert len(nodes(shown(Source(schema={"a": "float"}) >> Noisy(col="a")))) == 2


def test_a_graph_without_declared_fields_shows_what_parameters_name() -> None:
    page = shown(Scale(col="a", into="b") >> Mean(col="b"))
    assert nodes(page)[0] == "Node 1, Scale (scale); takes a; gives b; of no plugin"
    assert nodes(page)[1] == "Node 2, Mean (mean); takes b; of no plugin; not fitted"


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_whatever_it_is_called_it_is_text(node: str, column: str, value: str) -> None:
    graph = Graph(outputs={column: column})
    graph.add(Scale(col=column, into=value or "b"), node)
    graph.add(op.Pandas(import_="fillna", cols=column, kwargs={"value": value}, into=column + value), node + "2")
    graph.connect(node, node + "2")
    assert len(nodes(shown(graph))) == 2
    fromstring(svg(graph))


def test_no_text_gets_out_of_its_place() -> None:
    graph = Graph(outputs={EVIL: "x"})
    graph.add(Source(schema={"a": {"type": "float", "doc": EVIL}, "<b>&'": "float"}), EVIL)
    graph.add(op.Pandas(import_="fillna", cols="<b>&'", kwargs={"value": EVIL}, into=EVIL), "2" + EVIL)
    graph.connect(EVIL, "2" + EVIL)
    text = html(graph) + svg(graph)
    assert "<script" not in text
    assert "<xss" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    shown(graph)
    for node in graph.nodes.values():
        shown(node)


def test_several_in_one_notebook_do_not_disturb_each_other_or_the_page() -> None:
    text = html(car()) + html(Graph.start(Scale(col="a")))
    assert not re.search(r"""\bid=|url\(|@import|href|src=|<script""", text)
    styles = fromstring(html(car())).find("style")
    assert styles is not None
    scope = fromstring(html(car())).get("class") or ""
    assert re.fullmatch(r"rtml-[0-9a-f]{8}", scope)
    rules = re.sub(r"@media[^{]*\{((?:[^{}]*\{[^{}]*\})*)\}", r"\1", styles.text or "")
    for selectors in re.findall(r"([^{}]+)\{", rules):
        assert all(f".{scope}.{scope}" in selector for selector in selectors.split(",")), selectors


def test_the_picture_as_a_file_holds_its_styles() -> None:
    page = fromstring(svg(car()))
    assert page.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme" in (page.findtext("{http://www.w3.org/2000/svg}style") or "")
    assert len(list(page.iter("{http://www.w3.org/2000/svg}title"))) == 6


def test_where_styles_are_taken_out_there_is_a_list_in_words() -> None:
    (plain,) = with_class(fromstring(html(car())), "plain")
    assert (plain.text or "").splitlines()[:3] == [
        "  1. Receiver  age, brand, seen_at",
        "  2. Pandas fillna <- 1  age",
        "  3. Pandas dt.hour <- 2  seen_at → hour",
    ]


def test_a_graph_too_large_for_a_picture_is_a_table() -> None:
    graph = Graph.start(Source(schema={"a": "float"}))
    for _ in range(MOST_NODES):
        graph = graph >> Scale(col="a")
    page = shown(graph)
    assert nodes(page) == []
    assert f"The graph has {MOST_NODES + 1} nodes; up to {MOST_NODES} are drawn; its nodes:" in words(page)
    assert "scale_200 Scale a" in words(page)
    with pytest.raises(NotDrawn, match="are drawn"):
        svg(graph)


def test_a_display_changes_nothing() -> None:
    graph = car().fit(train())
    before = graph.to_dsl()
    html(graph)
    assert graph.to_dsl() == before


def test_every_operator_with_examples_shows_itself() -> None:
    known = registry()
    for name in known:
        cls = known.entry(name).cls
        assert words(shown(cls)).startswith(name)
        for example in cls.examples():
            operator = example[0] if isinstance(example, tuple) else example
            assert name in words(shown(operator))
            assert len(nodes(shown(Graph.start(operator)))) == 1
            fresh = cls(operator.to_json())  # one that learns has not learned
            assert len(nodes(shown(Graph.start(fresh)))) == 1
            assert name in words(shown(fresh))
