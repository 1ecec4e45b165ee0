"""On real data: the customers of CDNOW, features written on the recorded frame, a model behind them, raw rows scored."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import rtml
from rtml_core import operators as op

DEMO = Path(__file__).parents[4] / "docs" / "examples" / "demo_cdnow.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_cdnow_for_recording", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def features(t: Any) -> Any:
    """As one writes it in a notebook."""
    for name in ("first_order", "last_order", "previous_order"):
        t[name.replace("_order", "_days")] = (t["as_of"] - t[name]).dt.days
    t["one_time"] = t["previous_order"].isna()
    t["gap"] = (t["previous_days"] - t["last_days"]).fillna(999)
    t["spent"] = t["spent"].fillna(t["spent"].median()).clip(upper=1000)
    t["per_order"] = np.log1p(t["spent"] / t["orders"].clip(lower=1)).fillna(0)
    t["size"] = pd.cut(t["orders"], [0, 1, 3, 1000], labels=["one", "few", "many"])
    t = pd.get_dummies(t, columns=["size"])
    return t.drop(columns=["as_of", "first_order", "last_order", "previous_order", "previous_days", "largest_order"])


def test_customers_of_cdnow(demo: ModuleType) -> None:
    purchases = demo.read_purchases()
    purchases = purchases[purchases["customer"] < "05000"]
    train, later = demo.customers(purchases, demo.LEARN_ON), demo.customers(purchases, demo.TRY_ON)

    with rtml.record(train, label="again") as t:
        t = features(t)
    pd.testing.assert_frame_equal(t.frame, features(train), check_dtype=False)

    model = LogisticRegression(max_iter=3000)
    graph = t.graph >> op.ScikitLearn(model=model, label="again", outputs={"again": "probability[1]"})
    graph.outputs = {"again": "again"}
    graph.fit(train)
    package = graph.compile(sample=later.head(100))
    raw = demo.requests(later.head(50))

    scored = [package.score(row)["again"] for row in raw]

    native = LogisticRegression(max_iter=3000).fit(t.frame.drop(columns="again"), t.frame["again"])
    # what the training frame said (the median of spent) is a constant; the other rows are new
    again = later.head(50).assign(spent=lambda rows: rows["spent"].fillna(train["spent"].median()))
    expected = native.predict_proba(
        features(again).drop(columns="again").reindex(columns=t.frame.columns.drop("again"), fill_value=False)
    )
    assert scored == pytest.approx(expected[:, 1].tolist(), abs=1e-7)
