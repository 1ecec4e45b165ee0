"""The documented nodes of the clickstream: mapped, split, trained by a ScikitLearn node, served without a source node."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from rtml_plugins.up.embedded import Embedded

from .notebook import run
from .scores import Variables, largest, scored, scored_alone

FEATURES = ["browser", "device", "login_page", "product_page", "search_page"]


def rows() -> pd.DataFrame:
    """Visits as the edge gets them: browsers and devices that the model does not know, and everything missing somewhere."""
    random = np.random.default_rng(23)
    visits = pd.DataFrame(
        {
            "browser": random.choice(np.array(["chrome", "firefox", "lynx", "Chrome", "", None], dtype=object), 600),
            "device": random.choice(np.array(["Desktop", "Mobile", "Watch", None], dtype=object), 600),
            **{page: random.integers(0, 40, 600).astype(float) for page in FEATURES[2:]},
        }
    )
    return visits.mask(random.random(visits.shape) < 0.08)


def prepared(visits: pd.DataFrame) -> pd.DataFrame:
    """What pandas makes of visits, as the comments of the documents say it."""
    frame = visits.copy()
    frame["device"] = frame["device"].map({"Desktop": 1, "Mobile": 0})
    frame["browser"] = frame["browser"].map({"chrome": 1, "firefox": 0})
    return frame[FEATURES].astype("float64").fillna(0)


@pytest.fixture(scope="module")
def ran(machine: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Variables:
    return run("clickstream.ipynb", tmp_path_factory.mktemp("clickstream"), machine.hub)


@pytest.fixture(scope="module")
def trained(ran: Variables) -> Any:
    """scikit-learn by itself, on the rows that Split gave to train on."""
    train = ran["df"].loc[ran["msg5"].data.xs("train").index]
    return LogisticRegression(solver="lbfgs").fit(prepared(train), train["payment_confirm"])


def test_each_score_is_that_of_scikit_learn(ran: Variables, trained: Any) -> None:
    for found, asked in ((scored(ran, rows()), rows()), (scored_alone(ran, rows().head(250)), rows().head(250))):
        assert largest(found, trained.predict_proba(prepared(asked))) < 1e-5
        assert found["label"].tolist() == trained.predict(prepared(asked)).tolist()


def test_the_nodes_prepared_the_training_rows_as_pandas_does(ran: Variables) -> None:
    pd.testing.assert_frame_equal(ran["msg4"].data[FEATURES].astype("float64"), prepared(ran["df"]))
    parts = ran["msg5"].data
    assert (len(parts.xs("train")), len(parts.xs("test"))) == (1400, 600)
    assert sorted([*parts.xs("train").index, *parts.xs("test").index]) == list(range(2000))


def test_what_the_training_node_answers_is_what_the_service_answers(ran: Variables) -> None:
    answered = ran["msg6"].data.xs("test")
    visits = ran["df"].loc[answered.index, FEATURES]
    assert largest(scored(ran, visits), answered[["probability_0", "probability_1"]]) < 1e-5


def test_the_graph_has_no_source_and_a_request_has_its_columns(ran: Variables) -> None:
    document = json.loads(ran["dsl"])["edge"]["applicationDsl"]
    assert [node["operator"] for node in document["nodes"]] == ["Pandas", "Pandas", "Pandas", "ONNXNode"]
    url, payload, output = ran["scored_output"]
    assert url == ran["edge_location"]
    assert list(payload) == FEATURES
    assert len(output) == 1
