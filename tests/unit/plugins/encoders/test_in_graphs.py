"""All fitted operators of this plugin in one graph: fitted, written as JSON, read again, compiled with the gate, scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Graph
from rtml_core import operators as op


def rows(count: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "brand": rng.choice(["VW", "Audi", "Škoda", "BMW", None], count, p=[0.5, 0.2, 0.15, 0.1, 0.05]),
            "city": rng.choice(["Köln", "Berlin", "Kiel", "Ulm"], count),
            "model": rng.choice([f"m{i}" for i in range(30)], count),
            "grade": rng.choice(["low", "mid", "high"], count),
            "spent": np.where(rng.random(count) < 0.2, np.nan, rng.gamma(2, 30, count)),
            "age": rng.integers(18, 90, count).astype(float),
            "visits": rng.poisson(3, count),
            "bought": rng.integers(0, 2, count),
        }
    )


def graph() -> Any:
    schema = {"brand": "string?", "city": "string", "model": "string", "grade": "string", "spent": "float?", "age": "float"}
    return (
        op.Receiver(schema={**schema, "visits": "int"})
        >> op.FillMissing(cols=["brand", "spent"], strategy={"brand": "mode", "spent": "median"})
        >> op.GroupRare(cols="brand", top=3)
        >> op.OneHotEncoder(cols="brand")
        >> op.TargetEncoder(cols="model", label="bought")
        >> op.FrequencyEncoder(cols="city", into="city_share")
        >> op.OrdinalEncoder(cols=["grade", "city"], order={"grade": ["low", "mid", "high"]})
        >> op.QuantileBins(cols="age", bins=5, into="age_group")
        >> op.OneHotEncoder(cols="age_group")
        >> op.Scaler(cols=["spent", "visits"], method="robust")
    )


@pytest.mark.parametrize("model", ["sklearn.linear_model.LogisticRegression", "sklearn.ensemble.GradientBoostingClassifier"])
def test_a_graph_of_all_of_them_learns_travels_as_json_and_compiles_exactly(model: str) -> None:
    features = ["city_share", "grade", "city", "age", "spent", "visits", "model"]
    whole = graph() >> op.ScikitLearn(model=model, features=features, label="bought", outputs={"p": "probability[1]"})
    whole.fit(rows(500, 1))
    again = Graph.from_dsl(whole.to_dsl())
    compiled = again.compile(rows(200, 2).drop(columns="bought"))
    assert compiled.manifest.portable
    strange = {"brand": None, "city": "Atlantis", "model": "", "grade": "none", "spent": None, "age": -3.5, "visits": 10**9}
    expected = whole.run(pd.DataFrame([strange]).astype({"brand": "str", "spent": "float64"}))["p"].iloc[0]
    assert compiled.score(strange)["p"] == pytest.approx(expected, rel=1e-9)


def test_a_missing_value_that_only_the_default_covers_keeps_lookups_apart() -> None:
    """Three columns agree on all their declared values, but not on what a missing one becomes."""
    names = ["p", "q", "r"]
    codes = (
        op.Receiver(schema={name: {"type": "string?", "categories": ["a", "b"]} for name in names})
        >> op.Pandas(import_="map", cols=names, kwargs={"arg": {"a": "x", "b": "y"}}, inplace=True)
        >> op.FillMissing(cols=names, strategy="constant", value="z")
        >> op.OrdinalEncoder(cols=names, order={"p": ["x", "y", "z"], "q": ["x", "y", "w", "z"], "r": ["x", "y", "z"]})
    )
    compiled = codes.compile()
    assert compiled.score({"p": None, "q": None, "r": "b"}) == {"p": 2.0, "q": 3.0, "r": 1.0}
    assert compiled.node_count == 3
    alike = (  # where they agree, one lookup does
        op.Receiver(schema={name: {"type": "string?", "categories": ["a", "b"]} for name in names})
        >> op.FillMissing(cols=names, strategy="constant", value="b")
        >> op.OrdinalEncoder(cols=names, order={name: ["a", "b"] for name in names})
    )
    assert alike.compile().node_count == 1
