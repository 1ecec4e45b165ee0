"""A bare get_dummies takes its values from the features of the model behind it: scores are those of pandas on all rows."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtml_aep import document
from rtml_aep.compiling import compiled
from rtml_aep.vocabulary import with_vocabularies
from rtml_nodelibs.nodes.standard.ml.scikitlearn import ScikitLearn
from rtml_nodelibs.nodes.standard.preprocessing.json_to_df import JsonToDataframe
from rtml_nodelibs.nodes.standard.preprocessing.pandasnode import Pandas
from rtml_sdk.graph.utils import GraphBuilder

from rtml_core import Graph, Operator
from rtml_core.errors import GraphError, RtmlError

ROWS = pd.DataFrame(
    {
        "brand": ["VW", "Audi", "VW", None, "Lada", "nan", "", "vw"],
        "day": [0, 1, 2, 3, 4, 5, 6, 0],
        "price": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0],
    }
)


def model(*features: str, seed: int = 0) -> Operator:
    """A linear model of these columns, another weight each."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.random((40, len(features))), columns=list(features))
    frame["y"] = frame.to_numpy() @ np.arange(1, len(features) + 1)
    node: Operator = ScikitLearn(
        params={"features": list(features), "label": "y", "model": "sklearn.linear_model.LinearRegression"}
    )
    return node.fit(frame)


def weighed(dummies: pd.DataFrame, features: list[str]) -> np.ndarray[Any, Any]:
    """What the model gives, a column that is not there being 0."""
    return dummies.reindex(columns=features, fill_value=0).to_numpy(dtype="float64") @ np.arange(1, len(features) + 1)


def dummies(**kwargs: Any) -> Operator:
    cols = kwargs.pop("cols", None)
    more = {key: kwargs.pop(key) for key in ("categories",) if key in kwargs}
    node: Operator = Pandas(params={"import": "get_dummies", "kwargs": kwargs, **({"cols": cols} if cols else {}), **more})
    return node


def source(frame: pd.DataFrame = ROWS) -> Operator:
    node: Operator = JsonToDataframe(params={"json_payload": frame.to_json()})
    return node


def dsl_of(*nodes: Operator) -> str:
    """The DSL of nodes in a row; numbers are filled before the model, which takes none that is missing."""
    numbers = [name for name in nodes[-1].params.features if name.endswith("price")]
    filled = [Pandas(params={"import": "fillna", "cols": numbers, "kwargs": {"value": 0}, "inplace": True})] if numbers else []
    chain = [*nodes[:-1], *filled, nodes[-1]]
    return GraphBuilder.generate_dsl(nodes=chain, edges=pairwise(chain))


def graph_of(*nodes: Operator) -> Graph:
    """The graph as it is read where it is published."""
    return document.read(dsl_of(*nodes))[0]


def answers(graph: Graph, frame: pd.DataFrame) -> list[float]:
    """What the compiled graph gives, one request a row."""
    package = compiled(graph)
    rows = [{name: None if pd.isna(value) else value for name, value in row.items()} for row in frame.to_dict("records")]
    return [next(iter(package.score([row])[0].values())) for row in rows]


FEATURES = ["price", "brand_Audi", "brand_VW", "brand_Opel", "brand_nan", "brand_"]


@pytest.mark.parametrize(
    "node",
    [
        dummies(columns=["brand"]),
        dummies(cols="brand"),
        dummies(),
        dummies(columns=["brand"], dtype="int64"),
        dummies(columns=["brand"], drop_first=True),
        dummies(columns=["brand"], prefix="brand", prefix_sep="_"),
    ],
    ids=["columns", "cols", "all texts", "dtype", "drop_first", "prefix"],
)
def test_one_row_gives_what_all_rows_give(node: Operator) -> None:
    frame = ROWS.drop(columns="day")
    expected = weighed(pd.get_dummies(frame, columns=["brand"]), FEATURES)
    assert answers(graph_of(source(frame), node, model(*FEATURES)), frame) == pytest.approx(expected.tolist(), abs=1e-4)


def test_numbers_are_values_by_their_texts_in_training() -> None:
    features = ["brand_VW", "day_0", "day_3", "day_6", "price"]
    expected = weighed(pd.get_dummies(ROWS, columns=["brand", "day"]), features)
    graph = graph_of(source(), dummies(columns=["day", "brand"]), model(*features))
    assert answers(graph, ROWS) == pytest.approx(expected.tolist(), abs=1e-4)
    floats = [name if "day" not in name else f"{name}.0" for name in features]
    graph = graph_of(source(), dummies(columns=["day", "brand"]), model(*floats))
    assert answers(graph, ROWS) == pytest.approx(expected.tolist(), abs=1e-4)


TEXTS = st.text("aB_ .1é", max_size=4)


@settings(max_examples=25)
@given(st.lists(TEXTS, min_size=1, max_size=8), st.sets(TEXTS, min_size=1, max_size=5))
def test_values_that_nobody_takes_change_nothing(values: list[str], known: set[str]) -> None:
    features = [f"brand_{value}" for value in sorted(known)]
    frame = pd.DataFrame({"brand": values})
    graph = with_vocabularies(graph_of(source(frame), dummies(columns=["brand"]), model(*features)))
    made = graph.nodes["get_dummies"].transform(frame)
    expected = pd.get_dummies(frame, columns=["brand"]).reindex(columns=features, fill_value=False)
    pd.testing.assert_frame_equal(made[features].astype(bool), expected.astype(bool))


def test_nodes_between_get_dummies_and_the_model_are_seen() -> None:
    renamed = Pandas(params={"import": "rename", "kwargs": {"columns": {"brand_VW": "brand_wagen"}}})
    dropped = Pandas(params={"import": "drop", "cols": ["brand_Audi"]})
    features = ["price", "brand_wagen", "brand_Lada"]
    frame = ROWS.drop(columns="day")
    expected = weighed(pd.get_dummies(frame, columns=["brand"]).rename(columns={"brand_VW": "brand_wagen"}), features)
    graph = graph_of(source(frame), dummies(columns=["brand"]), renamed, dropped, model(*features))
    assert answers(graph, frame) == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_column_of_the_request_is_no_value() -> None:
    frame = ROWS[["brand", "price"]].rename(columns={"price": "brand_price"})
    features = ["brand_price", "brand_VW"]
    expected = weighed(pd.get_dummies(frame, columns=["brand"]), features)
    graph = graph_of(source(frame), dummies(columns=["brand"]), model(*features))
    assert answers(graph, frame) == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_graph_without_a_source_takes_the_column_itself() -> None:
    nodes = [dummies(columns=["brand", "day"]), model("price", "brand_VW", "day_3")]
    dsl = json.loads(dsl_of(*nodes))["edge"]["applicationDsl"]
    assert dsl["fields"] == {"brand": "string?", "day": "float?", "price": "float?"}
    assert "categories" not in dsl["nodes"][0]["params"]  # another model in the DSL has other values
    frame = ROWS[["brand", "day", "price"]].astype({"day": "float64"})
    expected = weighed(pd.get_dummies(ROWS, columns=["brand", "day"]), ["price", "brand_VW", "day_3"])
    assert answers(graph_of(*nodes), frame) == pytest.approx(expected.tolist(), abs=1e-4)


def test_columns_with_categories_keep_them() -> None:
    frame = ROWS.assign(brand_group=["x", "y"] * 4).drop(columns="day")
    node = dummies(columns=["brand", "brand_group"], categories={"brand_group": ["x", "y"]})
    features = ["brand_VW", "brand_group_x", "price"]
    expected = weighed(pd.get_dummies(frame, columns=["brand", "brand_group"]), features)
    with pytest.raises(GraphError, match=r"'brand_group_x', which node 4 .* takes, may be a value of brand, brand_group: say"):
        graph_of(source(frame), dummies(columns=["brand", "brand_group"]), model(*features))
    other = dummies(columns=["brand", "brand_group"], prefix=["make", "brand_group"])
    made = [name.replace("brand_VW", "make_VW") for name in features]
    assert answers(graph_of(source(frame), other, model(*made)), frame) == pytest.approx(expected.tolist(), abs=1e-4)
    with pytest.raises(GraphError, match="may be a value of brand, brand_group"):
        graph_of(source(frame), node, model(*features))
    both = dummies(columns=["brand", "brand_group"], categories={"brand_group": ["x", "y"], "brand": ["VW"]})
    assert answers(graph_of(source(frame), both, model(*features)), frame) == pytest.approx(expected.tolist(), abs=1e-4)


def test_what_can_not_be_known_is_refused() -> None:
    with pytest.raises(RtmlError, match="the columns of 'brand' come from all rows"):
        compiled(graph_of(source(), dummies(columns=["brand"], dummy_na=True), model("price", "brand_nan")))
    with pytest.raises(GraphError, match="column 'day' has numbers, and 'day_Monday', which is taken behind it, is none"):
        compiled(graph_of(source(), dummies(columns=["day"]), model("price", "day_Monday")))
    with pytest.raises(GraphError, match="column 'flag' has booleans"):
        compiled(graph_of(source(ROWS.assign(flag=True)), dummies(columns=["flag"]), model("price", "flag_True")))
    with pytest.raises(RtmlError, match="Column 'model_x' does not exist"):
        compiled(graph_of(source(), dummies(columns=["brand"]), model("price", "brand_VW", "model_x")))


def test_a_column_that_is_null_in_the_sample_is_what_the_nodes_say() -> None:
    sample = ROWS.head(1).assign(brand=None, seen=None, other=None)
    hour = Pandas(params={"import": "to_datetime", "cols": "seen", "inplace": True})
    graph = graph_of(source(sample), hour, dummies(columns=["brand"]), model("price", "brand_VW"))
    fields = {entry.name: entry for entry in compiled(graph).manifest.fields}
    assert (fields["brand"].type, fields["seen"].type, fields["other"].type) == ("string", "string", "float")
