"""What several datasets say becomes one answer, per attribute, by time or by dataset."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.profile.merging import (
    DEEPEST,
    DEFAULT,
    MergeError,
    Policy,
    chosen,
    merged,
    newest,
    plain,
    read_policy,
    tree_of,
    value_at,
)

FIRST_WEB = Policy(id="web-first", attributes="dataSetPrecedence", order=("web", "crm"))


def test_what_was_taken_in_last_stands_per_attribute() -> None:
    crm = tree_of({"_id": "1", "person": {"name": {"first": "Ann", "last": "Lee"}}, "tags": ["a", "b"], "score": 1}, 10)
    web = tree_of({"person": {"name": {"first": "Anna"}, "born": None}, "tags": ["c"], "score": 2}, 20)
    late = tree_of({"score": 3, "identityMap": {"ECID": []}}, 15)
    for order in ([crm, web, late], [late, web, crm], [web, crm, late]):
        whole: dict[str, Any] = {}
        for tree in copy.deepcopy(order):
            whole = newest(whole, tree)
        assert plain(whole) == {"person": {"name": {"first": "Anna", "last": "Lee"}}, "tags": ["c"], "score": 2}


def test_maps_merge_by_key_and_arrays_are_replaced() -> None:
    old = {"segmentMembership": {"ups": {"a.b": {"status": "realized"}}}, "list": [1, 2, 3]}
    new = {"segmentMembership": {"ups": {"c": {"status": "exited"}}, "other": {"d": {"status": "realized"}}}, "list": []}
    document = plain(newest(tree_of(old, 1), tree_of(new, 2)))
    assert document == {
        "segmentMembership": {
            "ups": {"a.b": {"status": "realized"}, "c": {"status": "exited"}},
            "other": {"d": {"status": "realized"}},
        },
        "list": [],
    }


def test_nothing_is_said_by_null_and_by_empty_objects() -> None:
    assert tree_of({"a": None, "b": {}, "c": {"d": {"e": None}}, "f": [], "g": "", "h": 0, "i": False}, 1) == {
        "f": [[], 1],
        "g": ["", 1],
        "h": [0, 1],
        "i": [False, 1],
    }


def test_an_object_and_a_scalar_of_one_name() -> None:
    assert plain(newest(tree_of({"a": 1}, 5), tree_of({"a": {"b": 2}}, 6))) == {"a": {"b": 2}}
    assert plain(newest(tree_of({"a": {"b": 2}}, 6), tree_of({"a": 1}, 5))) == {"a": {"b": 2}}
    assert plain(newest(tree_of({"a": {"b": 2}}, 5), tree_of({"a": 1}, 6))) == {"a": 1}
    mixed = newest(tree_of({"a": {"b": 2}}, 5), tree_of({"a": {"c": 3}}, 7))
    assert plain(newest(mixed, tree_of({"a": 1}, 6))) == {"a": {"c": 3}}
    # of one moment, what comes second in the merge stands
    assert plain(newest(tree_of({"a": 1}, 5), tree_of({"a": {"b": 2}}, 5))) == {"a": {"b": 2}}
    assert plain(newest(tree_of({"a": {"b": 2}}, 5), tree_of({"a": 1}, 5))) == {"a": 1}


def test_a_record_that_is_nested_without_end_is_refused() -> None:
    document: dict[str, Any] = {"x": 1}
    for _ in range(DEEPEST - 1):
        document = {"a": document}
    tree_of(document, 1)
    with pytest.raises(MergeError, match="levels deep"):
        tree_of({"a": document}, 1)


DOCUMENTS = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
STATEMENTS = st.lists(st.dictionaries(st.sampled_from("abc"), DOCUMENTS, max_size=3), max_size=6)


@given(STATEMENTS, st.randoms(use_true_random=False))
def test_the_order_of_applying_says_nothing_where_times_differ(documents: list[dict[str, Any]], chance: random.Random) -> None:
    trees = [tree_of(document, at) for at, document in enumerate(documents)]
    expected: dict[str, Any] = {}
    for document in documents:
        expected = _said(expected, document)
    shuffled = copy.deepcopy(trees)
    chance.shuffle(shuffled)
    whole: dict[str, Any] = {}
    for tree in shuffled:
        whole = newest(whole, tree)
    assert plain(whole) == expected


def _said(known: Any, document: Any) -> Any:
    """The plain definition: statements one after the other, in the order of their times."""
    if not isinstance(document, dict):
        return document
    made = dict(known) if isinstance(known, dict) else {}
    for name, value in document.items():
        said = _said(made.get(name), value)
        if said != {}:
            made[name] = said
    return made if made or not isinstance(known, dict) else known


def test_precedence_of_datasets() -> None:
    def fragments() -> list[Any]:
        return [
            ("crm", "email:a", tree_of({"name": {"first": "Ann", "last": "Lee"}, "city": "Oslo"}, 30)),
            ("web", "ecid:1", tree_of({"name": {"first": "annie"}, "device": "pc"}, 10)),
            ("web", "ecid:2", tree_of({"device": "tablet"}, 20)),
            ("bought", "email:a", tree_of({"city": "Rome", "income": 5}, 99)),
        ]

    assert merged(fragments(), FIRST_WEB) == {"name": {"first": "annie", "last": "Lee"}, "city": "Oslo", "device": "tablet"}
    by_time = {"name": {"first": "Ann", "last": "Lee"}, "city": "Rome", "device": "tablet", "income": 5}
    assert merged(fragments(), DEFAULT) == by_time
    assert merged(reversed(fragments()), DEFAULT) == by_time
    assert merged(reversed(fragments()), FIRST_WEB) == merged(fragments(), FIRST_WEB)


def test_statements_of_one_moment_are_merged_in_one_way() -> None:
    fragments = [("a", "k", {"x": [1, 5]}), ("b", "k", {"x": [2, 5]})]
    assert merged(fragments, DEFAULT) == merged(fragments[::-1], DEFAULT) == {"x": 2}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"id": ""}, "short name"),
        ({"id": "a/b"}, "short name"),
        ({"id": "x", "attributes": "dataSetPrecedence"}, "names none"),
        ({"id": "x", "order": ["a"]}, "goes by time"),
        ({"id": "x", "attributes": "dataSetPrecedence", "order": ["a", "a"]}, "twice"),
        ({"id": "x", "attributes": "timestampordered"}, "Did you mean 'timestampOrdered'"),
        ({"id": "x", "graph": "all"}, "merge policy is"),
        ({"id": "x", "unknown": 1}, "unknown"),
        ("x", "merge policy is"),
    ],
)
def test_a_policy_that_is_none(given: Any, says: str) -> None:
    with pytest.raises(MergeError, match=says):
        read_policy(given)


def test_values_and_parts_of_documents() -> None:
    document = {"a": {"b": [{"c": 1}, {"c": 2}], "d": None}, "e": 5}
    assert value_at(document, ["a", "b", -1, "c"]) == 2
    for path in (["a", "d"], ["a", "x", "y"], ["e", "f"], ["a", "b", 9], ["a", "b", "c"], ["a", 0], ["a", "b", -3]):
        assert value_at(document, path) is None
    assert chosen(document, [["a", "b", 0, "c"], ["e"], ["no", "where"]]) == {"a": {"b": [{"c": 1}, {"c": 2}]}, "e": 5}
