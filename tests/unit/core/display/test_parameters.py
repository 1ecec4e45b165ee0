"""Parameters as rows to read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from rtml_core import operators as op
from rtml_core.display.parameters import LONG, SHORT, Row, leaves, rows_of, text_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def row(value: Any) -> Row:
    return rows_of({"x": value})[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (0.1, "0.1"),
        (1 / 3, "0.333333333"),
        (True, "yes"),
        (None, "none"),
        ("plain", "plain"),
        ("1", '"1"'),
        ("yes", '"yes"'),
        (" a", '" a"'),
        ("", '""'),
        (["a", "b"], "a, b"),
        ([], "an empty list"),
        ({}, "nothing"),
        ([[1, 2], "a"], '[[1, 2], "a"]'),
        ({"column": "as_of"}, "the column as_of"),
        ({"$number": "nan"}, "nan"),
        ({"$timestamp": "2024-01-02T10:15:00"}, "2024-01-02T10:15:00"),
        ({"$timedelta": 86400000000}, "1 d"),
        ({"$timedelta": -5_400_000_000}, "-1 h 30 min"),
        ({"$timedelta": "x"}, "$timedelta: x"),
        ({"$large": [131_073, "ab" * 32]}, "131 kB, too long to be shown (SHA-256 abababababab…)"),
        ({"a": 1, "b": "x"}, "a: 1, b: x"),
        ("a\x00b\u202ec", "a\ufffdb\ufffdc"),
    ],
)
def test_values_in_words(value: Any, text: str) -> None:
    assert row(value) == Row("x", text)


@pytest.mark.parametrize(
    "value", [{"$large": [1]}, {"$large": 3}, {"$timedelta": [1]}, {"$function": {"python": 1, "body": 3}}, {"$": 1}]
)
def test_what_only_looks_like_a_mark_is_shown_as_it_is(value: dict[str, Any]) -> None:
    assert rows_of({"x": value})[0].text
    assert text_of(value) == json.dumps(value)


def test_a_model_is_its_class_and_its_parameters() -> None:
    made = rows_of(op.ScikitLearn(model=LogisticRegression(C=0.5), features=["a"], label="y").to_json())
    model = next(one for one in made if one.name == "model")
    assert model.text == "LogisticRegression"
    assert model.full.startswith("sklearn.linear_model.")
    assert Row("C", "0.5") in model.rows


def test_a_function_is_python() -> None:
    found = rows_of(op.Pandas(import_="map", cols="a", kwargs={"func": lambda v: v + 1}).to_json())
    kwargs = next(one for one in found if one.name == "kwargs")
    assert kwargs.rows == [Row("func", "a Python function", full="lambda v: v + 1", code=True)]


def test_a_long_value_is_short_and_can_be_unfolded() -> None:
    found = row("x" * (LONG + 5))
    assert found.text == "x" * SHORT + "…"
    assert found.full.startswith("x" * LONG + "…")
    assert "5 characters more" in found.full
    assert row([*range(1000)]).full.endswith("999")


def test_many_parameters_end_somewhere() -> None:
    assert rows_of({str(number): number for number in range(1000)})[-1] == Row("…", "and 800 more")


def test_entries_of_objects_are_rows_of_their_own() -> None:
    found = row([{"set": "y", "to": "x * 2"}, {"set": "z", "to": "1"}])
    assert found.text == "2 entries"
    assert [one.text for one in found.rows] == ["set: y, to: x * 2", 'set: z, to: "1"']


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_any_value_is_shown(value: Any) -> None:
    assert text_of(value)
    assert all(isinstance(one.text, str) for one in rows_of({"x": value}))


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=4), JSON, max_size=4), st.dictionaries(st.text(min_size=1, max_size=4), JSON))
def test_objects_that_differ_differ_in_a_leaf(one: dict[str, Any], two: dict[str, Any]) -> None:
    mine, other = (sorted(json.dumps(leaf) for leaf in leaves(values)) for values in (one, two))
    if not any("." in text or "$" in text or "body" in text for text in (json.dumps(one), json.dumps(two))):
        assert (mine == other) == (json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True))
