"""Layered pictures, for any graph."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.display.layout import BESIDE, Box, NotDrawn, Placed, crossings, layers_of, place

SIZE = st.tuples(st.integers(20, 300).map(float), st.integers(20, 150).map(float))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, tuple[float, float]], list[tuple[str, str]]]:
    """Acyclic graphs of up to 24 boxes, in any order."""
    count = draw(st.integers(1, 24))
    names = draw(st.permutations([f"n{number}" for number in range(count)]))
    possible = list(combinations(names, 2))
    edges = draw(st.lists(st.sampled_from(possible), max_size=40)) if possible else []
    order = draw(st.permutations(names))
    return {name: draw(SIZE) for name in order}, edges


def overlap(one: Box, two: Box) -> bool:
    return one.x < two.x + two.width and two.x < one.x + one.width and one.y < two.y + two.height and two.y < one.y + one.height


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_boxes_stand_apart_below_what_feeds_them_and_edges_pass_between_them(
    graph: tuple[dict[str, tuple[float, float]], list[tuple[str, str]]],
) -> None:
    sizes, edges = graph
    placed = place(sizes, edges)
    assert placed == place(sizes, edges)
    assert list(placed.boxes) == list(sizes)
    assert set(placed.routes) == set(edges)
    for name, box in placed.boxes.items():
        assert (box.width, box.height) == sizes[name]
        assert box.x >= 0
        assert box.y >= 0
        assert box.x + box.width <= placed.width
        assert box.y + box.height <= placed.height
    for one, two in combinations(placed.boxes.values(), 2):
        assert not overlap(one, two)
        assert (one.layer < two.layer) <= (one.y + one.height <= two.y)
    for edge, points in placed.routes.items():
        check_edge(placed, edge, list(points))


def check_edge(placed: Placed, edge: tuple[str, str], points: list[tuple[float, float]]) -> None:
    """It leads from its first box down to its second, and through no other one."""
    start, end = (placed.boxes[name] for name in edge)
    assert start.layer < end.layer
    assert points[0] == pytest.approx((start.x + start.width / 2, start.y + start.height))
    assert points[-1] == pytest.approx((end.x + end.width / 2, end.y))
    assert len(points) == 2 * (end.layer - start.layer + 1)
    for (_, above), (_, below) in pairwise(points):
        assert above <= below
    for name, box in placed.boxes.items():
        if name in edge:
            continue
        for (x, above), (other, below) in pairwise(points):
            within = above < box.y + box.height and box.y < below
            # what is level with a box is straight, and beside it; curves are between layers only
            assert not within or (x == other and not box.x < x < box.x + box.width)


def test_a_chain_is_a_straight_line() -> None:
    names = [f"n{number}" for number in range(40)]
    placed = place(dict.fromkeys(names, (248.0, 62.0)), pairwise(names))
    assert {box.x for box in placed.boxes.values()} == {placed.boxes["n0"].x}


def test_a_long_edge_passes_beside_the_boxes_in_one_line() -> None:
    names = [f"n{number}" for number in range(6)]
    placed = place(dict.fromkeys(names, (200.0, 60.0)), [*pairwise(names), ("n0", "n5")])
    bends = {x for x, _ in placed.routes["n0", "n5"][2:-2]}
    assert len(bends) == 1
    assert all(
        abs(bends.copy().pop() - box.x - 100) >= 100 + BESIDE / 2 for name, box in placed.boxes.items() if name in names[1:5]
    )


def test_what_stands_aside_leaves_the_others_in_line() -> None:
    edges = [("a", "b"), ("a", "gone"), ("gone", "c"), ("b", "c")]
    placed = place(dict.fromkeys("abc", (200.0, 60.0)) | {"gone": (200.0, 60.0)}, edges, aside={"gone"})
    middle = placed.boxes["a"].x
    assert abs(placed.boxes["b"].x - middle) < 10
    assert abs(placed.boxes["c"].x - middle) < 10
    assert abs(placed.boxes["gone"].x - middle) > 100


def test_edges_that_need_not_cross_do_not() -> None:
    sizes = dict.fromkeys([*"abcd", *"wxyz"], (100.0, 50.0))
    placed = place(sizes, [("a", "z"), ("b", "y"), ("c", "x"), ("d", "w")])
    above = sorted("abcd", key=lambda name: placed.boxes[name].x)
    below = sorted("wxyz", key=lambda name: placed.boxes[name].x)
    assert [{"a": "z", "b": "y", "c": "x", "d": "w"}[name] for name in above] == below


@given(st.lists(st.lists(st.integers(0, 5), unique=True), min_size=1, max_size=6))
def test_crossings_are_counted_as_by_hand(ends: list[list[int]]) -> None:
    upper = list(range(len(ends)))
    lower = [len(ends) + place for place in range(6)]
    down = [[len(ends) + end for end in one] for one in ends] + [[] for _ in lower]
    edges = [(start, end) for start, one in enumerate(ends) for end in one]
    by_hand = sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(edges, 2))
    assert crossings([upper, lower], down) == by_hand


def test_a_source_stands_near_what_it_feeds() -> None:
    assert layers_of(["a", "b", "c", "late", "d"], [("a", "b"), ("b", "c"), ("late", "d"), ("c", "d")])["late"] == 2


@pytest.mark.parametrize(
    ("edges", "said"),
    [
        ([("a", "b"), ("b", "a")], "the graph has a cycle, through or before node 'a'"),
        ([("a", "a")], "cycle"),
        ([("a", "c")], "leads from 'a' to 'c', and there is no such node"),
    ],
)
def test_what_is_no_graph_is_refused(edges: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(NotDrawn, match=said):
        place({"a": (10, 10), "b": (10, 10)}, edges)


def test_a_graph_that_nobody_could_read_is_refused() -> None:
    names = [f"n{number}" for number in range(150)]
    with pytest.raises(NotDrawn, match="too many long edges"):
        place(dict.fromkeys(names, (10.0, 10.0)), [*pairwise(names), *((names[0], name) for name in names[2:])])


def test_nothing_is_placed_as_nothing() -> None:
    assert place({}, []).boxes == {}
