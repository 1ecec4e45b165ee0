"""Graphs that branch and join: stacks of models, a champion under rules, several named outputs, diamonds, conflicts."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from rtml_core import Graph, Runtime
from rtml_core import operators as op
from rtml_core.errors import ColumnError, CompileError, GraphError

FIELDS = {"age": "float?", "spent": "float", "visits": "int", "country": "string?"}


def rows(count: int = 400) -> pd.DataFrame:
    """Visitors with a label that depends on all of them."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(count) < 0.1, np.nan, rng.integers(14, 90, count).astype(float)),
            "spent": np.round(rng.gamma(2.0, 80.0, count), 2),
            "visits": rng.integers(0, 40, count),
            "country": rng.choice(["DE", "FR", "US", None], count, p=[0.5, 0.2, 0.2, 0.1]),
        }
    )
    score = frame["spent"] / 200 + frame["visits"] / 20 + (frame["country"] == "DE") - frame["age"].fillna(40) / 50
    frame["buys"] = (score + rng.normal(0, 0.4, count) > 1.0).astype(int)
    frame["basket"] = np.round(frame["spent"] * 0.3 + frame["visits"], 1)
    return frame


def compiled_and_authored(graph: Graph, frame: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
    """Through the document, the gate and a runtime; what the authored graph says beside it."""
    again = Graph.from_dsl(json.dumps(graph.to_dsl()))
    compiled = again.compile(frame[list(FIELDS)])
    answers = Runtime.from_bytes(compiled.data).score(json.loads(frame[list(FIELDS)].to_json(orient="records")))
    authored = graph.run(frame[list(FIELDS)])
    found = pd.DataFrame(answers)
    for name in authored.columns:
        if authored[name].dtype.kind == "f":
            np.testing.assert_allclose(found[name].astype(float), authored[name], rtol=1e-9, atol=1e-9)
        else:
            assert (
                found[name].where(found[name].notna(), None).tolist()
                == authored[name].where(authored[name].notna(), None).tolist()
            )
    return compiled, authored


def prepared() -> Graph:
    """The source and what all models share."""
    return (
        op.Receiver(schema=FIELDS, id="request")
        >> op.FillMissing(cols=["age"], strategy="median", id="fill")
        >> op.OneHotEncoder(cols="country", categories=["DE", "FR", "US"], handle_unknown="ignore", id="hot")
    )


FEATURES = ["age", "spent", "visits"]


def test_a_stack_of_two_models_feeds_a_third() -> None:
    train = rows()
    trees = op.ScikitLearn(
        model=RandomForestClassifier(n_estimators=8, max_depth=4, random_state=0),
        features=FEATURES, label="buys", outputs={"by_trees": "probability[1]"}, id="trees",
    )  # fmt: skip
    line = op.ScikitLearn(
        model=LogisticRegression(), features=["spent", "visits"], label="buys", outputs={"by_line": "probability[1]"}, id="line"
    )
    last = op.ScikitLearn(
        model=LogisticRegression(),
        features=["by_trees", "by_line", "visits"], label="buys", outputs={"buys": "probability[1]"}, id="last",
    )  # fmt: skip
    graph = prepared() >> [trees, line] >> last
    graph.connect("hot", "last")  # the label when learning, and a feature that the models do not pass on
    graph.fit(train)
    compiled, authored = compiled_and_authored(graph, train)
    assert list(authored.columns) == ["buys"]
    assert [entry.name for entry in compiled.manifest.outputs] == ["buys"]
    kinds = [operator.name for operator in graph.nodes.values()]
    assert kinds.count("ScikitLearn") == 3
    assert authored["buys"].corr(train["buys"]) > 0.5


def test_a_champion_whose_answer_a_rule_overrides() -> None:
    train = rows()
    champion = op.ScikitLearn(
        model=GradientBoostingClassifier(n_estimators=10, random_state=0),
        features=FEATURES, label="buys", outputs={"score": "probability[1]"}, id="champion",
    )  # fmt: skip
    rule = op.FieldOps(
        ops=[
            {
                "set": "offer",
                "cases": [
                    {"if": "age < 18", "then": "none"},
                    {"if": {"all": ["score > 0.7", {"field": "country", "in": ["DE", "FR"]}]}, "then": "discount"},
                    {"if": "score > 0.7", "then": "banner"},
                ],
                "else": "none",
            },
            {"set": "score", "if": "offer == 'none'", "then": 0.0},
        ],
        id="rule",
    )
    graph = op.Receiver(schema=FIELDS, id="request") >> op.FillMissing(cols="age", strategy="median", id="fill")
    graph = graph >> champion >> rule
    graph.connect("fill", "rule")
    graph.outputs = {"offer": "offer", "score": "score"}
    graph.fit(train)
    _, authored = compiled_and_authored(graph, train)
    minors = train["age"] < 18
    assert set(authored["offer"][minors]) == {"none"}
    assert (authored["score"][minors] == 0.0).all()
    assert {"discount", "none"} <= set(authored["offer"])


def test_three_models_answer_under_names_of_the_authors() -> None:
    train = rows()
    graph = prepared() >> [
        op.ScikitLearn(model=LogisticRegression(), features=FEATURES, label="buys", outputs={"p": "probability[1]"}, id="buy"),
        op.ScikitLearn(model=Ridge(), features=["spent", "visits"], label="basket", outputs={"b": "value"}, id="worth"),
    ]
    graph.add(op.FieldOps(ops=[{"set": "home", "flag": {"field": "country", "in": ["DE"]}}]), "rule")
    graph.connect("fill", "rule")
    graph.outputs = {"propensity": "p", "expected basket": "b", "is_home": "home"}
    graph.fit(train)
    compiled, authored = compiled_and_authored(graph, train)
    assert [entry.name for entry in compiled.manifest.outputs] == ["propensity", "expected basket", "is_home"]
    assert authored["is_home"].tolist() == (train["country"] == "DE").tolist()
    assert authored["expected basket"].corr(train["basket"]) > 0.9


def test_a_diamond_keeps_what_one_side_changed() -> None:
    sides = [
        op.FieldOps(ops=[{"set": "spent", "to": "spent * 2"}], id="left"),
        op.FieldOps(ops=[{"set": "loud", "flag": "visits > 10"}], id="right"),
    ]
    graph = op.Receiver(schema=FIELDS) >> sides >> op.FieldOps(ops=[{"set": "sum", "to": "spent + visits"}])
    frame = rows(50)
    _, authored = compiled_and_authored(graph, frame)
    assert authored["spent"].tolist() == (frame["spent"] * 2).tolist()
    assert authored["sum"].tolist() == (frame["spent"] * 2 + frame["visits"]).tolist()
    assert list(authored.columns) == [*FIELDS, "loud", "sum"]


def test_a_diamond_of_diamonds_inside_a_processor() -> None:
    inner = (
        op.FieldOps(ops=[{"set": "a", "to": "x + 1"}])
        >> [op.FieldOps(ops=[{"set": "b", "to": "a * 2"}]), op.FieldOps(ops=[{"set": "c", "to": "a * 3"}])]
        >> op.FieldOps(ops=[{"set": "d", "to": "b + c"}])
        >> [op.FieldOps(ops=[{"set": "e", "to": "d - x"}]), op.FieldTrans(drop=["a"])]
    )
    graph = op.Receiver(schema=FIELDS) >> op.Processor(graph=inner, inputs={"x": "spent"}, outputs={"five": "e", "four": "d"})
    frame = rows(50)
    _, authored = compiled_and_authored(graph, frame)
    twice, thrice = (frame["spent"] + 1) * 2, (frame["spent"] + 1) * 3
    assert authored["four"].tolist() == (twice + thrice).tolist()
    assert authored["five"].tolist() == (twice + thrice - frame["spent"]).tolist()


def test_branches_that_change_one_column_differently_are_refused_by_both() -> None:
    graph = op.Receiver(schema=FIELDS) >> [
        op.FieldOps(ops=[{"set": "spent", "to": "spent * 2"}], id="double"),
        op.FieldOps(ops=[{"set": "spent", "to": "spent * 3"}], id="triple"),
    ]
    joined = graph >> op.FieldOps(ops=[{"set": "x", "to": "spent + 1"}])
    frame = rows(20)[list(FIELDS)]
    words = "Column 'spent' comes changed from two inputs, 'double' and 'triple'; rename one of them"
    with pytest.raises(ColumnError, match=words):
        joined.run(frame)
    with pytest.raises(CompileError, match=words):
        joined.compile(frame)


def test_the_same_change_on_both_sides_is_no_conflict() -> None:
    graph = op.Receiver(schema=FIELDS) >> [
        op.FieldOps(ops=[{"set": "spent", "to": "spent * 2"}], id="one"),
        op.FieldOps(ops=[{"set": "spent", "to": "spent * 2"}, {"set": "y", "to": "visits + 1"}], id="two"),
    ] >> op.FieldOps(ops=[{"set": "x", "to": "spent + y"}])  # fmt: skip
    compiled_and_authored(graph, rows(30))


def test_an_output_that_is_not_there_is_named_with_the_nearest() -> None:
    graph = op.Receiver(schema=FIELDS) >> op.FieldOps(ops=[{"set": "total", "to": "spent + visits"}])
    graph.outputs = {"sum": "totl"}
    with pytest.raises(GraphError, match=r"output 'sum'.*totl.*Did you mean 'total'"):
        graph.compile(rows(20)[list(FIELDS)])


def test_a_field_under_two_names_is_one_output_of_the_model() -> None:
    graph = op.Receiver(schema={"b": "float", "f": "bool?", "g": "bool"})
    graph = graph >> op.Pandas(import_="eval", kwargs={"expr": "twin = b"})
    graph = graph >> op.FieldOps(ops=[{"set": "f", "if": "f", "then": {"field": "g"}}])
    compiled = graph.compile()
    assert compiled.score({"b": 1.5, "f": None, "g": True}) == {"b": 1.5, "f": None, "g": True, "twin": 1.5}
    assert len({output.tensor for output in compiled.manifest.outputs if output.name in ("b", "twin")}) == 1
