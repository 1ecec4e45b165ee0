"""Aggregates: the value is the plain definition over all events, whatever the order, and states stay small."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rtml_plugins.profile.aggregates import BUCKETS, Aggregate, AggregateError, State, duration
from rtml_plugins.profile.conditions import Path, values_at
from rtml_plugins.profile.kinds import KINDS, MOST_CHARACTERS, MOST_DISTINCT

HOUR = 3_600_000_000
PRICES = [19.99, 0.1, 0.2, 1e16, -1e16, 1e-300, 3, 2**60 + 1, -0.0, 0.0, 5]
#: every kind, over everything and in a window
SHAPES: list[dict[str, Any]] = [
    {"count": {"type": "buy"}},
    {"recency": {"type": "buy"}},
    {"sum": "order.price", "where": {"type": "buy"}},
    {"mean": "order.price"},
    {"min": "order.price"},
    {"max": "order.price"},
    {"first": "order.price"},
    {"last": "order.price"},
    {"distinct": "order.price"},
]
SHAPES += [{**shape, "window": "1h"} for shape in SHAPES]

events = st.lists(
    st.tuples(
        st.integers(-3 * HOUR, 3 * HOUR),  # its time, before and after now (0)
        st.integers(-2 * HOUR, 0),  # when it was taken
        st.sampled_from(["buy", "view"]),
        st.lists(st.sampled_from(PRICES), max_size=2),
    ),
    max_size=14,
)


def document(event: tuple[int, int, str, list[Any]]) -> dict[str, Any]:
    return {"type": event[2], "order": [{"price": price} for price in event[3]]}


def written(aggregate: Aggregate, taken: list[Any]) -> State | None:
    state = None
    for event in taken:
        state = aggregate.update(state, event[0], document(event), event[1])
    return state


def plain(shape: dict[str, Any], known: list[Any], now: int) -> Any:
    """The definition, over all events."""
    kind = next(iter(shape))
    if "window" in shape:
        width = HOUR // BUCKETS
        known = [event for event in known if now // width - BUCKETS < event[0] // width]
    there = [event for event in known if event[0] <= now]
    if kind in ("count", "recency", "sum"):
        there = [event for event in there if event[2] == "buy"]
    numbers = [(event[0], price) for event in there for price in event[3]]
    prices = [price for _, price in numbers]
    if kind == "count":
        return len(there)
    if kind == "distinct":
        return len(set(prices))
    if kind == "sum":
        return math.fsum(prices)
    if kind == "recency":
        return (now - max(event[0] for event in there)) / 1e6 if there else None
    if not prices:
        return None
    if kind == "mean":
        return float(sum(map(Fraction, prices)) / len(prices))
    if kind in ("min", "max"):
        return float({"min": min, "max": max}[kind](prices))
    pick, index = (min, 0) if kind == "first" else (max, -1)
    moment = pick(at for at, _ in numbers)
    return pick((event[3][index] for event in there if event[0] == moment and event[3]), key=msgspec.json.encode)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@settings(max_examples=40)
@given(events, st.randoms(use_true_random=False), st.integers(0, 2 * HOUR))
@example([(0, 0, "buy", [1.0]), (0, 0, "buy", [1])], __import__("random").Random(0), 0)
def test_the_value_is_the_plain_definition_in_any_order(shape: dict[str, Any], known: list[Any], random: Any, now: int) -> None:
    aggregate = Aggregate.parse(shape)
    expected = plain(shape, known, now)
    random.shuffle(known)
    assert aggregate.value(written(aggregate, known), now) == expected


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@settings(max_examples=40)
@given(events, st.lists(st.integers(0, 3), min_size=14, max_size=14), st.randoms(use_true_random=False))
def test_states_of_several_identities_merge_in_any_grouping(
    shape: dict[str, Any], known: list[Any], who: list[int], random: Any
) -> None:
    aggregate = Aggregate.parse(shape)
    states = [written(aggregate, [event for event, owner in zip(known, who, strict=False) if owner == one]) for one in range(4)]
    states = [msgspec.json.decode(msgspec.json.encode(state)) for state in states]
    random.shuffle(states)
    left = aggregate.merge([aggregate.merge([aggregate.merge(states[:2]), states[2]]), states[3]])
    right = aggregate.merge([states[0], aggregate.merge([states[1], aggregate.merge(states[2:])])])
    assert left == right == aggregate.merge(states)
    expected = plain(shape, known, HOUR)
    assert aggregate.value(left, HOUR) == expected


def test_an_exact_sum_is_not_the_sum_of_rounded_buckets() -> None:
    total = Aggregate.parse({"sum": "x", "window": "1h"})
    state = None
    for minute, x in enumerate([1e16, 1.0, 1.0, -1e16]):
        state = total.update(state, minute * 60_000_000, {"x": x}, HOUR // 2)
    assert total.value(state, HOUR // 2) == 2.0
    assert ((1e16 + 1.0) + 1.0) - 1e16 != 2.0


def test_states_stay_small_and_can_be_written_as_msgpack() -> None:
    for shape in SHAPES:
        aggregate = Aggregate.parse(shape)
        state = None
        for i in range(3000):
            order = {"price": math.ldexp(1.0 + i / 3000, (i * 37) % 400 - 200)}
            state = aggregate.update(state, i * HOUR // 7, {"type": "buy", "order": order}, i * HOUR // 7 - (i % 3) * HOUR)
        assert len(msgspec.msgpack.encode(state)) < 20_000
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(state)) == state


def test_a_state_is_not_changed_and_returned_as_it_is_when_nothing_is_added() -> None:
    views = Aggregate.parse({"count": {"type": "view"}, "window": "1h"})
    state = views.update(None, 0, {"type": "view"}, 0)
    kept = msgspec.json.encode(state)
    assert views.update(state, 1, {"type": "buy"}, 1) is state
    assert views.update(state, 1, {"type": "view"}, 1) is not state
    assert msgspec.json.encode(state) == kept
    assert views.update(None, 1, {}, 1) is None
    assert Aggregate.parse({"sum": "x"}).update(None, 1, {"x": "12"}, 1) is None


def test_an_event_of_the_future_counts_from_its_time_on() -> None:
    for shape in ({"count": {}}, {"count": {}, "window": "1h"}):
        count = Aggregate.parse(shape)
        state = count.update(None, 50, {}, 10)
        assert [count.value(state, now) for now in (10, 49, 50)] == [0, 0, 1]
        later = count.update(state, 60, {}, 60)
        assert count.value(later, 60) == 2
        assert later is not None
        assert later[2] == []


def test_distinct_counts_no_further_than_its_bound() -> None:
    pages = Aggregate.parse({"distinct": "page", "window": "1h"})
    state = None
    for i in range(3 * MOST_DISTINCT):
        state = pages.update(state, i, {"page": f"page {i}"}, i)
    assert pages.value(state, 400) == MOST_DISTINCT
    assert pages.value(state, 2 * HOUR) == 0
    mixed = Aggregate.parse({"distinct": "x"})
    assert mixed.value(mixed.update(None, 0, {"x": [1, 1.0, True, "1"]}, 0), 0) == 3


def test_texts_that_are_too_long_are_no_values() -> None:
    last = Aggregate.parse({"last": "x"})
    state = last.update(None, 0, {"x": "kept"}, 0)
    assert last.value(last.update(state, 1, {"x": "x" * (MOST_CHARACTERS + 1)}, 1), 1) == "kept"
    assert last.value(last.update(state, 1, {"x": {"y": 1}}, 1), 1) == "kept"


def test_a_sum_beyond_the_doubles_is_missing() -> None:
    total = Aggregate.parse({"sum": "x"})
    state = total.update(total.update(None, 0, {"x": 1.7e308}, 0), 1, {"x": 1.7e308}, 1)
    assert total.value(state, 1) is None
    assert total.value(total.update(state, 2, {"x": -1.7e308}, 2), 2) == 1.7e308
    assert total.update(None, 0, {"x": 10**400}, 0) is None


@pytest.mark.parametrize(
    ("condition", "documents"),
    [
        ("mail", [{"x": "mail"}, {"x": ["push", "mail"]}]),
        (["mail", 1], [{"x": "mail"}, {"x": 1.0}]),
        (True, [{"x": True}]),
        ({"min": 3}, [{"x": 3}, {"x": [1, 4]}]),
        ({"min": 3, "max": 3.5}, [{"x": 3.5}]),
        ({"exists": True}, [{"x": False}, {"x": {}}]),
        ({"exists": False}, [{}, {"x": None}, {"x": []}]),
        ({"not": "mail"}, [{}, {"x": "push"}]),
    ],
    ids=str,
)
def test_conditions_hold(condition: Any, documents: list[Any]) -> None:
    count = Aggregate.parse({"count": {"x": condition}})
    assert [count.update(None, 0, found, 0) is not None for found in documents] == [True] * len(documents)


@pytest.mark.parametrize(
    ("condition", "other"),
    [
        ("mail", {}),
        ("mail", {"x": "Mail"}),
        (1, {"x": True}),
        (True, {"x": 1}),
        ({"min": 3}, {"x": "4"}),
        ({"min": 3}, {"x": True}),
        ({"max": 3}, {"x": 4}),
        ({"exists": True}, {"x": None}),
        ({"exists": False}, {"x": 0}),
        ({"not": ["a", "b"]}, {"x": ["c", "b"]}),
    ],
)
def test_conditions_do_not_hold(condition: Any, other: Any) -> None:
    assert Aggregate.parse({"count": {"x": condition}}).update(None, 0, other, 0) is None


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("a.b", [1, 2]),
        ("a[*].b", [1, 2]),
        ("a[0].b", [1]),
        ("a[-1].b", [2]),
        ("a[4].b", []),
        ("a[-5].b", []),
        ("m[*].b", [3, 4]),
        ("m.x~.y.b", [3]),
        ("m.x", []),
        ("a.b.c", []),
        ("list", [5, 6]),
        ("list[2]", [6]),
        ("n", []),
    ],
)
def test_paths(path: str, values: list[Any]) -> None:
    document = {"a": [{"b": 1}, {"c": 0}, 7, {"b": 2}], "m": {"x.y": {"b": 3}, "z": {"b": 4}}, "list": [5, None, 6], "n": None}
    assert values_at(document, Path(path, AggregateError)) == values


def test_a_path_that_is_none() -> None:
    with pytest.raises(AggregateError, match=r"the path 'a\.\.b' can't be read"):
        Aggregate.parse({"sum": "a..b"})


def test_equal_definitions_have_one_id() -> None:
    spelled: list[Any] = [
        {"count": {"b": ["y", "x", "x"], "a": 1}, "window": "24h"},
        {"window": "1d", "count": {"a": [1], "b": ["x", "y"]}},
        {"count": {"a": 1, "b": ["x", "y"]}, "window": "1440m"},
    ]
    assert len({Aggregate.parse(one).id for one in spelled}) == 1
    assert Aggregate.parse(spelled[0]) == Aggregate.parse(spelled[2])
    ids = {Aggregate.parse(shape).id for shape in SHAPES}
    assert len(ids) == len(SHAPES)
    for shape in SHAPES:
        made = Aggregate.parse(shape)
        assert Aggregate.parse(made.to_json()).id == made.id
    assert Aggregate.parse({"count": {"eventType": "commerce.purchases"}, "window": "30d"}).id == "fd1a49e53fc9"


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (3, "must be an object such as"),
        ({}, "exactly one of count, sum"),
        ({"count": {}, "sum": "x"}, "exactly one of count, sum"),
        ({"cuont": {}}, "Did you mean 'count'?"),
        ({"count": "purchases"}, "'count' must have conditions"),
        ({"count": {}, "where": {}}, 'and no "where"'),
        ({"sum": {"x": 1}}, "'sum' must have a path in the event"),
        ({"sum": ""}, "a path must be names with dots"),
        ({"sum": "x", "where": "y"}, "must be conditions"),
        ({"count": {"x": {"min": 3, "max": 1}}}, "the condition on 'x' must be"),
        ({"count": {"x": {"least": 3}}}, "the condition on 'x' must be"),
        ({"count": {"x": []}}, "of texts, numbers, true and false"),
        ({"count": {"x": None}}, "of texts, numbers, true and false"),
        ({"count": {}, "window": "2 hours"}, 'e.g. "24h" or "30d"'),
        ({"count": {}, "window": "30s"}, "at least"),
        ({"count": {}, "window": "999w"}, "at most ten years"),
    ],
    ids=str,
)
def test_definitions_that_are_refused(definition: Any, said: str) -> None:
    with pytest.raises(AggregateError) as refused:
        Aggregate.parse(definition)
    assert said in str(refused.value)


def test_durations() -> None:
    assert [duration(text) for text in ("90s", "30m", "24h", "7d", "2w")] == [
        90_000_000, 1_800_000_000, 24 * HOUR, 168 * HOUR, 336 * HOUR,
    ]  # fmt: skip


def test_every_kind_is_tested_here() -> None:
    assert {next(iter(shape)) for shape in SHAPES} == set(KINDS)
