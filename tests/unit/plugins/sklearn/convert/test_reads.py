"""Models read behind tables: fewer nodes, the same numbers."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.assemble import assemble
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.onehot import Encoding, one_hot
from rtml_core.lowering.symbolic import Symbolic, lookup, unpack
from rtml_core.testing import run_model
from rtml_plugins.sklearn_ops.convert.reads import read_columns
from tests.unit.plugins.sklearn.checks import numbers, texts, two

WORDS = np.array([["a", "x"], ["b", "y"], ["c", "\ufdd0"], ["?", "x"], ["\ufdd0", "?"]], dtype=object)


def columns(b: Builder) -> tuple[list[Symbolic], list[Any]]:
    """Looked-up and plain columns, and what each must hold for WORDS, [5] each."""
    one, two_ = unpack(b.input("string", "string", 2), "string", nullable=True)
    number = b.input("float64", "float64", 2)
    hot = [*one_hot(b, [Encoding(one, ("a", "b", "c")), Encoding(two_, ("x", "y"), skip=1)])[0]]
    weight = lookup(b, one, {"a": 0.5, "b": np.nan, "c": 0.5}, -1.0, "float64", nullable=True)
    rank = lookup(b, two_, {"x": 7, "\ufdd0": 7}, 3, "int64", nullable=False)
    wanted = [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0.5, np.nan, 0.5, -1, -1], [7, 3, 7, 7, 3], list(range(5))]
    return [*hot, weight, rank, Symbolic("float64", number, 1)], wanted


def test_what_tables_say_is_read_from_the_columns_behind_them() -> None:
    b = Builder()
    asked, wanted = columns(b)
    matrix, slots = read_columns(b, asked)
    made = assemble(b, {"m": matrix})
    feed = {"string": WORDS, "float64": np.stack([np.zeros(5), np.arange(5.0)], axis=1)}
    found = run_model(made.model, feed)["m"]
    assert np.array_equal(found[:, slots].T, np.array(wanted, dtype=float), equal_nan=True)
    assert made.ops == {("", "Concat"): 1, ("ai.onnx.ml", "LabelEncoder"): 1, ("ai.onnx.ml", "TreeEnsemble"): 1}


def test_extra_slots_are_left_out_when_asked() -> None:
    b = Builder()
    asked, _ = columns(b)
    matrix, slots = read_columns(b, asked, extras=False)
    assert sorted(slots) == list(range(len(asked)))
    assert matrix.shape is not None
    assert matrix.shape[1] == len(asked)


def test_one_map_is_read_as_it_is() -> None:
    b = Builder()
    (source,) = unpack(b.input("string", "string", 1), "string")
    read_columns(b, [lookup(b, source, {"a": 1.0}, 0.0, "float64", nullable=False)])
    assert [node.op_type for node in b.nodes] == ["LabelEncoder"]


def graph(model: Any) -> Graph:
    made = (
        op.Receiver(schema={"a": "float", "b": "int", "g": "string?", "brand": "string?", "ü": "string?"})
        >> op.Pandas(import_="map", cols="g", kwargs={"func": {"m": "man", "f": "woman"}}, inplace=True)
        >> op.Pandas(import_="fillna", cols=["g", "brand"], kwargs={"value": "?"}, inplace=True)
        >> op.Pandas(import_="map", cols="ü", kwargs={"func": {"ß": 1.5, "é": -2.0, "": 0.0}}, into="u")
        >> op.Pandas(import_="fillna", cols="u", kwargs={"value": 9.0}, inplace=True)
        >> op.OneHotEncoder(cols=["g", "brand"], categories={"g": ["man", "woman", "?"], "brand": list("ABCDEFG?")})
        >> op.Pandas(import_="drop", kwargs={"columns": ["ü"]})
        >> op.ScikitLearn(model=model, label="y", outputs={"p": "probability[1]"})
    )
    return made


def test_a_graph_of_encoders_becomes_a_few_nodes() -> None:
    frame = pd.concat([numbers()[["a", "b"]], texts(missing=True)], axis=1)
    y = two(numbers()) ^ frame["brand"].isin(["A", "D"]).to_numpy()
    for model, most in ((GradientBoostingClassifier(n_estimators=5, random_state=0), 6), (LogisticRegression(), 6)):
        authored = graph(model)
        authored.fit(frame.assign(y=y.astype(int)))
        compiled = authored.compile(sample=frame)
        assert compiled.node_count <= most
        assert compiled.report is not None
        assert compiled.report.rows > 500
