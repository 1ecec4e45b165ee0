"""What is different between two graphs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_plugins.hub.gallery.differences import Differences, compare, match, summary
from rtml_plugins.hub.gallery.drawing import draw
from rtml_plugins.hub.gallery.steps import Drawn
from tests.unit.hub.gallery.drawn import graph, node

OPERATORS = ("fillna", "clip", "div")


def chain(*named: tuple[str, dict[str, Any]]) -> Drawn:
    return graph([node(id, **params) for id, params in named])


def told(found: Differences) -> list[tuple[str, str, list[str]]]:
    return [(change.kind, change.step.id, list(change.texts)) for change in found.changes]


FILL: dict[str, Any] = {"import_": "fillna", "cols": "age", "kwargs": {"value": 0.0}}
CLIP: dict[str, Any] = {"import_": "clip", "cols": ["age", "km"], "kwargs": {"upper": 10.0}}
MODEL: dict[str, Any] = {"operator": "ScikitLearn", "features": ["age", "km"], "plugin": "sklearn"}


def test_a_graph_is_as_itself() -> None:
    one = chain(("a", FILL), ("b", CLIP), ("c", MODEL))
    found = compare(one, one)
    assert not found
    assert (found.same, found.differs, summary(found)) == (3, {}, "The graphs are the same: 3 nodes.")


def test_other_ids_make_no_difference() -> None:
    assert not compare(chain(("a", FILL), ("b", CLIP)), chain(("x", FILL), ("y", CLIP)))


def test_a_node_put_in_shifts_the_numbers_of_the_others_only() -> None:
    before = chain(("pandas", FILL), ("pandas_2", CLIP), ("scikit_learn", MODEL))
    after = chain(("pandas", {**FILL, "cols": "km"}), ("pandas_2", FILL), ("pandas_3", CLIP), ("scikit_learn", MODEL))
    found = compare(before, after)
    assert told(found) == [("added", "pandas", [])]
    assert found.texts == []
    assert summary(found) == "3 nodes as before, 1 added."


def test_a_node_taken_out_is_no_difference_of_its_neighbours() -> None:
    found = compare(chain(("a", FILL), ("b", CLIP), ("c", MODEL)), chain(("a", FILL), ("c", MODEL)))
    assert told(found) == [("removed", "b", [])]
    assert found.texts == []
    (gone,) = (key for key, kind in found.differs.items() if kind == "removed")
    assert list(found.merged.steps) == ["a", gone, "c"]
    assert set(found.merged.edges) == {("a", "c"), ("a", gone), (gone, "c")}


def test_changed_parameters_are_told_one_by_one() -> None:
    other = {"import_": "clip", "cols": ["km", "price"], "kwargs": {"upper": 10.0, "lower": 1.0}, "inplace": True}
    found = compare(chain(("a", FILL), ("b", CLIP)), chain(("a", {**FILL, "kwargs": {"value": 5.0}}), ("b", other)))
    assert told(found) == [
        ("changed", "a", ["kwargs.value: was 0.0, is 5.0"]),
        ("changed", "b", ["cols: without age and with price", "kwargs.lower is 1.0, was not set", "inplace is yes, was not set"]),
    ]


def test_an_order_is_a_difference() -> None:
    found = compare(chain(("b", CLIP)), chain(("b", {**CLIP, "cols": ["km", "age"]})))
    assert told(found) == [("changed", "b", ["cols: in another order"])]


def test_numbers_that_look_alike_are_told_apart() -> None:
    found = compare(
        chain(("a", {**FILL, "kwargs": {"value": 1 / 3}})), chain(("a", {**FILL, "kwargs": {"value": 1 / 3 + 1e-14}}))
    )
    (text,) = found.changes[0].texts
    assert "0.3333333333333333," in text


def test_what_was_learned_anew_is_told() -> None:
    before = graph([node("a", "FillMissing", state={"values": {"age": 31.5}}, cols="age")])
    after = graph([node("a", "FillMissing", state={"values": {"age": 30.0}}, cols="age")])
    assert told(compare(before, after)) == [("learned", "a", ["learned values.age: was 31.5, is 30.0"])]
    large = [graph([node("a", "ScikitLearn", state={"trees": [float(seed)] * 50_000})]) for seed in (1, 2)]
    assert told(compare(*large)) == [("learned", "a", ["learned anew"])]


def test_another_operator_under_the_same_id_is_another_node() -> None:
    found = compare(chain(("a", FILL)), chain(("a", {"operator": "FillMissing", "cols": "age"})))
    assert sorted((kind, id) for kind, id, _ in told(found)) == [("added", "a"), ("removed", "a")]
    assert len(found.merged.steps) == 2


def test_edges_that_come_and_go_are_told() -> None:
    nodes = [node("a", **FILL), node("b", **CLIP), node("c", **MODEL)]
    before, after = graph(nodes, [("a", "b"), ("b", "c")]), graph(nodes, [("a", "b"), ("a", "c")])
    found = compare(before, after)
    assert found.texts == [
        "2. Pandas clip does not feed 3. ScikitLearn any more",
        "1. Pandas fillna feeds 3. ScikitLearn, which it did not",
    ]
    assert found.edges_differ == {("b", "c"): "removed", ("a", "c"): "added"}


def test_nodes_that_changed_places_make_no_cycle() -> None:
    nodes = [node("a", **FILL), node("b", **CLIP)]
    found = compare(graph(nodes, [("a", "b")]), graph(nodes, [("b", "a")]))
    assert len(found.texts) == 2
    assert draw(found.merged, service="s", version=2, differs=found.differs, edges_differ=found.edges_differ, before=1)


def test_the_order_of_inputs_and_the_columns_of_outputs_count() -> None:
    nodes = [node("a", **FILL), node("b", **CLIP), node("c", **MODEL)]
    before = graph(nodes, [("a", "c"), ("b", "c")], outputs={"p": "x"})
    after = graph(nodes, [("b", "c"), ("a", "c")], outputs={"p": "y"})
    found = compare(before, after)
    assert told(found) == [("changed", "c", ["its inputs come in another order"])]
    assert found.texts == ["the output p was the column x, is the column y"]


@st.composite
def graphs(draw: st.DrawFn) -> Drawn:
    count = draw(st.integers(1, 9))
    nodes = [
        node(f"n{number}", import_=draw(st.sampled_from(OPERATORS)), cols=draw(st.sampled_from("abc")), plugin="pandas")
        for number in draw(st.permutations(range(count)))
    ]
    ids = [one["id"] for one in nodes]
    extra = [(ids[a], ids[b]) for a in range(count) for b in range(a + 1, count)]
    more = draw(st.lists(st.sampled_from(extra), max_size=8)) if extra else []
    return graph(nodes, [*pairwise(ids), *more])


@settings(max_examples=50, deadline=None)
@given(graphs(), graphs())
def test_any_two_graphs_can_be_compared_and_drawn_as_one(before: Drawn, after: Drawn) -> None:
    pairs = match(before, after)
    assert len(set(pairs.values())) == len(pairs)
    assert all(before.steps[a].operator == after.steps[b].operator for a, b in pairs.items())
    found = compare(before, after)
    assert len(found.merged.steps) == len(after.steps) + len(before.steps) - len(pairs)
    assert found.same + len(found.changes) == len(found.merged.steps)
    assert set(after.edges) <= set(found.merged.edges)
    assert draw(found.merged, service="s", version=2, differs=found.differs, edges_differ=found.edges_differ, before=1)
    assert not compare(before, before)
