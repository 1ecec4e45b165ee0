"""A node shows its parameters as a form, and what it has learned."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rtml_core import Graph, Operator, Params, doc
from rtml_core import operators as op
from rtml_core.display import html
from tests.unit.core.display.reading import lines, shown, with_class, words
from tests.unit.core.operators_for_tests import Mean, Scale


class Discount(Operator):
    """Takes something off a price.

    Never more than all of it.
    """

    class Params(Params):
        price: Annotated[str, doc("The column with the price.", "a column name")]
        share: Annotated[float, doc("How much is taken off.")] = 0.1
        floor: float | None = None
        table: Any = None

    def columns(self) -> list[str]:
        return [self.params.price]

    def compute(self, xp: Any, price: Any) -> dict[str, Any]:
        return {self.params.price: price * (1 - self.params.share)}


def test_each_parameter_has_its_value_what_it_must_be_and_what_it_means() -> None:
    page = shown(Discount(price="quote", share=0.25, id="sale"))
    assert words(page).startswith("Discount of no plugin transform node sale Takes something off a price. parameter")
    assert lines(page) == [
        ["parameter", "value", "must be", "meaning"],
        ["price", "quote", "a column name", "The column with the price."],
        ["share", "0.25", "a number", "How much is taken off."],
        ["floor", "none", "a number or null", ""],
        ["table", "none", "a value", ""],
    ]
    assert [words(cell) for cell in with_class(page, "default")] == ["none", "none"]


def test_a_class_shows_what_it_takes() -> None:
    page = shown(Discount)
    assert lines(page)[:3] == [
        ["parameter", "default", "must be", "meaning"],
        ["price", "required", "a column name", "The column with the price."],
        ["share", "0.1", "a number", "How much is taken off."],
    ]


def test_an_operator_without_parameters_says_so() -> None:
    class Plain(Scale):
        """Has none."""

        class Params(Params):
            pass

    assert "It has no parameters." in words(shown(Plain()))
    assert "It has no parameters." in words(shown(Plain))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((3, 2)), "ndarray of 3 x 2"),
        (pd.DataFrame({"a": [1]}), "DataFrame of 1 x 1"),
        (LogisticRegression, "the class LogisticRegression"),
        (len, "the function len"),
        (b"abc", "3 bytes"),
        ({1, 2}, "1, 2"),
        (10**2000, "a very large whole number"),
        (float("nan"), "nan"),
        ("<b>", "<b>"),
        ([], "an empty list"),
    ],
)
def test_a_value_of_any_kind_is_told_in_words(value: Any, text: str) -> None:
    assert lines(shown(Discount(price="a", table=value)))[4][1] == text


def test_a_long_value_is_folded() -> None:
    page = shown(Discount(price="a", table=[f"value {number}" for number in range(5000)]))
    (details,) = page.iter("details")
    assert "value 0, value 1" in words(details)
    assert "… and 4,940 more" in words(details)
    assert len(html(Discount(price="a", table={"deep": [list(range(100))] * 100_000}))) < 60_000


def test_a_model_is_told_by_its_class_with_its_parameters_inside() -> None:
    page = shown(op.ScikitLearn(model=make_pipeline(StandardScaler(), LogisticRegression(C=7.5)), label="y"))
    said = next(line for line in lines(page) if line[0] == "model")
    assert said[1].startswith("Pipeline sklearn.pipeline.Pipeline")
    assert "C 7.5" in said[1]


def test_a_python_function_is_told_as_python() -> None:
    def total(price, count):  # type: ignore[no-untyped-def]
        return price * count

    page = shown(op.Function(function=total, into="sum"))
    (code,) = with_class(page, "code")
    assert code.text == "def total(price, count):\n    return price * count"


def test_what_was_learned_is_told() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "y": [0, 1, 0, 1]})
    mean = Mean(col="a").fit(frame)
    assert "not fitted" in words(shown(Mean(col="a")))
    assert "It has learned: mean 2.5" in words(shown(mean))
    model = op.ScikitLearn(model="sklearn.linear_model.LogisticRegression", label="y").fit(frame)
    said = words(shown(model))
    assert "estimator LogisticRegression" in said
    assert "features a" in said


def test_a_large_model_is_not_written_out() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(400), "b": rng.random(400), "y": rng.integers(0, 2, 400)})
    model = op.ScikitLearn(model=RandomForestClassifier(60), label="y").fit(frame)
    text = html(model) + html(Graph.start(model))
    assert len(text) < 80_000
    assert "RandomForestClassifier" in text


def test_a_source_shows_its_fields_as_a_table() -> None:
    schema = {
        "age": {"type": "float?", "min": 0, "max": 120, "doc": "in years"},
        "brand": {"type": "string", "categories": ["VW", "Kia"], "default": "VW"},
    }
    page = shown(op.Receiver(schema=schema))
    assert lines(page)[-3:] == [
        ["field", "type", "may be null", "when left out", "range or values", "meaning"],
        ["age", "float", "yes", "required", "0 to 120", "in years"],
        ["brand", "string", "no", "VW", "VW, Kia", ""],
    ]
    wide = shown(op.Receiver(schema={f"f{number}": "float" for number in range(50)}))
    assert "It declares 50 fields" in [words(one) for one in wide.iter("summary")]


def test_a_graph_inside_is_drawn() -> None:
    page = shown(op.Processor(graph=Graph.start(Scale(col="a")) >> op.Scaler(cols="a")))
    assert len(with_class(page, "node")) == 2
    assert lines(page)[1][:2] == ["graph", "a graph of 2 nodes"]
