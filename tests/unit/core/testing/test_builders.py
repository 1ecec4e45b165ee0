"""The builders that ship for operator authors: frames with every edge value, graphs and packages."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.columns import parse_signature
from rtml_core.errors import GraphError, NotFittedError, ParityError, RtmlError
from rtml_core.frames import canonical, schema_of
from rtml_core.parity_rows import EDGE_FLOATS, EDGE_STRINGS
from rtml_core.testing import build_graph, compiled, frame
from tests.unit.core.operators_for_tests import Crooked, Mean, Scale

WORDS = ("float", "int", "bool", "string", "timestamp", "float32", "timedelta")
DTYPE = {"float": "float64", "int": "int64"}


@pytest.mark.parametrize("word", [f"{word}{mark}" for word in WORDS for mark in ("", "?")])
def test_a_column_has_the_dtype_that_was_asked_for_and_is_missing_only_where_it_may(word: str) -> None:
    rows = frame(x=word)
    assert len(rows) == 100
    assert canonical(rows) is rows
    (column,) = schema_of(rows).values()
    base = word.removesuffix("?")
    expected = "float64" if word == "int?" else DTYPE.get(base, base)
    assert column.dtype == expected
    assert rows["x"].isna().any() == word.endswith("?")


def test_every_edge_value_of_a_dtype_is_there() -> None:
    rows = frame(a="float?", s="string?", b="bool?")
    assert set(EDGE_FLOATS) <= set(rows["a"].dropna())
    assert any(math.copysign(1.0, value) < 0 for value in rows["a"] if value == 0)
    assert set(EDGE_STRINGS) <= set(rows["s"].dropna())
    assert set(rows["b"].dropna()) == {True, False}
    assert rows.isna().any().all()


def test_infinities_come_only_when_asked_for() -> None:
    assert np.isfinite(frame(a="float", f="float32")).all().all()
    rows = frame(a="float", f="float32", s="string", infinite=True)
    assert {np.inf, -np.inf, np.finfo(np.float64).max} <= set(rows["a"])
    assert np.isinf(rows["f"]).any()


def test_values_around_those_of_the_author_are_there_in_few_rows_too() -> None:
    rows = frame(age="float", brand="string", rows=3, around={"age": [18.0, 65.0], "brand": ["VW"]})
    assert {18.0, 65.0} <= set(rows["age"])
    assert "VW" in set(rows["brand"])
    many = frame(age="float", brand="string", around={"age": [18.0], "brand": ["VW"]})
    assert {np.nextafter(18.0, 0), np.nextafter(18.0, 99)} <= set(many["age"])
    assert {"vw", " VW", "VW "} <= set(many["brand"])


def test_without_edges_only_what_is_around_those_of_the_author_is_there() -> None:
    rows = frame(a="float", s="string", edges=False, around={"a": [18.0], "s": ["VW"]})
    assert {18.0, np.nextafter(18.0, 0)} <= set(rows["a"])
    assert not {5e-324, 1e30} & set(rows["a"])
    assert {"VW", "vw"} <= set(rows["s"])


def test_values_of_every_dtype_can_be_the_authors() -> None:
    rows = frame(
        t="timestamp",
        d="timedelta?",
        b="bool",
        i="int",
        f="float32",
        rows=4,
        around={
            "t": ["2024-02-29T12:00:00Z", pd.Timestamp("1999-12-31")],
            "d": [timedelta(days=1)],
            "b": [True],
            "i": [7],
            "f": [0.5],
        },
    )
    assert {pd.Timestamp("2024-02-29T12:00:00"), pd.Timestamp("1999-12-31")} <= set(rows["t"])
    assert pd.Timedelta(days=1) in set(rows["d"])
    assert 7 in set(rows["i"])
    assert 0.5 in set(rows["f"])


@given(rows=st.integers(0, 200), seed=st.integers(0, 2**32), edges=st.booleans())
def test_the_same_seed_gives_the_same_frame_of_exactly_so_many_rows(rows: int, seed: int, edges: bool) -> None:
    made = [frame(a="float?", s="string", t="timestamp?", rows=rows, seed=seed, edges=edges) for _ in range(2)]
    assert len(made[0]) == rows
    pd.testing.assert_frame_equal(*made)


def test_columns_are_drawn_apart_from_each_other() -> None:
    rows = frame(a="float", b="float")
    assert not rows["a"].equals(rows["b"])
    pd.testing.assert_series_equal(rows["a"], frame(a="float")["a"])


def test_a_range_and_categories_are_kept() -> None:
    rows = frame({"the age": {"type": "float", "min": 0, "max": 120}}, c={"type": "string?", "categories": ["x", "y"]})
    assert rows["the age"].between(0, 120).all()
    assert set(rows["c"].dropna()) == {"x", "y"}
    assert parse_signature({"c": {"type": "string?", "categories": ["x", "y"]}})[0].nullable


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: frame(a="flaot"), r"column 'a' .*float, int, .*timedelta.*got 'flaot'\. Did you mean 'float'"),
        (lambda: frame(a=3), "field 'a' must|column 'a'"),
        (lambda: frame(), "at least one field"),
        (lambda: frame(a="float", rows=-1), "rows must not be negative; got -1"),
        (lambda: frame(age="float", around={"aeg": [1]}), "around names 'aeg'.*Did you mean 'age'"),
        (
            lambda: frame(age="float", around={"age": ["old"]}),
            "a value of column 'age' must be one of type float; got 'old'",
        ),
        (lambda: frame(t="timedelta", around={"t": [3.5]}), "column 't' must be one of type timedelta; got 3.5"),
        (lambda: frame(age="int?", around={"age": [None]}), "column 'age' must be one of type .*; got None"),
    ],
)
def test_what_is_no_frame_is_refused(make: Any, words: str) -> None:
    with pytest.raises(RtmlError, match=words):
        make()


# ---- graphs and packages -----------------------------------------------------------------------------------------------


def test_a_graph_has_a_receiver_and_the_operators_in_a_row() -> None:
    graph = build_graph([Scale(col="a"), Scale(col="a", into="b")], {"a": "float?"}, outputs=["b"])
    assert [operator.name for operator in graph.nodes.values()] == ["Receiver", "Scale", "Scale"]
    assert graph.run(pd.DataFrame({"a": [1.0, None]}))["b"].tolist()[0] == 4.0


def test_a_frame_says_the_fields_and_which_may_be_missing() -> None:
    graph = build_graph(Scale(col="a"), pd.DataFrame({"a": [1.0, None], "n": [1, 2], "s": ["x", "y"]}))
    assert graph.nodes["receiver"].params.schema == {"a": "float?", "n": "int", "s": "string"}


def test_a_package_of_one_operator_scores() -> None:
    package = compiled(Scale(col="a", into="b"), frame(a="float?"), outputs=["b"])
    assert package.score({"a": 2.0}) == {"b": 4.0}
    assert package.report is not None
    assert package.manifest.portable
    assert compiled(Scale(col="a"), frame(a="float"), schema={"a": "float?"}, portable=True).score({"a": None}) == {"a": None}


def test_a_package_is_proved_before_it_is_given() -> None:
    with pytest.raises(ParityError, match="column 'a'"):
        compiled(Crooked(col="a", limit=2.0), frame(a="float"))
    with pytest.raises(NotFittedError):
        compiled(Mean(col="a"), frame(a="float"))
    with pytest.raises(RtmlError, match=r"compiled takes a pandas DataFrame .*; got \{'a': 1\.0\}"):
        compiled(Scale(col="a"), {"a": 1.0})
    with pytest.raises(RtmlError, match="needs a frame with rows"):
        compiled(Scale(col="a"), frame(a="float", rows=0))


@pytest.mark.parametrize("nothing", [[], 3, [Scale(col="a"), "Scale"]])
def test_a_graph_needs_operators(nothing: Any) -> None:
    with pytest.raises(GraphError, match="build_graph takes an operator, or a list of at least one"):
        build_graph(nothing, {"a": "float"})
