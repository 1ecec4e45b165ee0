"""The documented tutorial of the iris data: a classifier of one's own, from ONNX file to service."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_plugins.up.embedded import Embedded

from .notebook import run
from .scores import Variables, largest, scored, scored_alone

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def rows() -> pd.DataFrame:
    """The data itself, flowers that nobody saw, and rows in which something is missing."""
    from sklearn.datasets import load_iris

    random = np.random.default_rng(5)
    known = pd.DataFrame(load_iris().data, columns=FEATURES)
    unseen = pd.DataFrame(random.uniform(-2, 12, (250, 4)), columns=FEATURES)
    missing = unseen.mask(random.random(unseen.shape) < 0.3)
    return pd.concat([known, unseen, missing, pd.DataFrame([[None] * 4], columns=FEATURES, dtype=float)], ignore_index=True)


@pytest.fixture(scope="module")
def ran(machine: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Variables:
    """The notebook, run whole; before it deletes its service, many rows are scored."""

    def more(variables: Variables) -> None:
        variables["together"] = scored(variables, rows())
        variables["alone"] = scored_alone(variables, rows().tail(300))

    return run("iris.ipynb", tmp_path_factory.mktemp("iris"), machine.hub, before="delete_from_edge", then=more)


def test_each_score_is_that_of_scikit_learn(ran: Variables) -> None:
    for found, asked in ((ran["together"], rows()), (ran["alone"], rows().tail(300))):
        filled = asked.fillna(0)
        assert largest(found, ran["classifier"].predict_proba(filled)) < 1e-5
        assert found["output_label"].tolist() == ran["classifier"].predict(filled).tolist()


def test_the_row_of_the_tutorial_is_answered_with_url_and_payload(ran: Variables) -> None:
    url, payload, output = ran["scored_output"]
    assert url == ran["edge_location"]
    assert payload == {name: {"0": value[0]} for name, value in ran["data"].items()}
    assert largest(pd.DataFrame(output), ran["classifier"].predict_proba(pd.DataFrame(ran["data"]))) < 1e-5
    assert len(ran["everything"].scored_output) == 150


def test_an_update_of_one_id_keeps_the_service(ran: Variables) -> None:
    assert ran["updated_id"] == ran["service_id"]
    assert json.loads(ran["updated_dsl"]) == ran["dsl_dict"]


def test_the_service_is_listed_as_documented_and_then_deleted(ran: Variables) -> None:
    listed = next(one for one in ran["services"] if one["id"] == ran["service_id"])
    assert list(listed) == ["created", "deprecated", "id", "type", "updated"]
    assert (listed["type"], listed["deprecated"]) == ("edge", False)
    for time in (listed["created"], listed["updated"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert ran["service_id"] not in [one["id"] for one in ran["edge_utils"].list_deployed_services()]
    assert not ran["edge_utils"].delete_from_edge(service_id=ran["service_id"])


def test_the_documented_vector_machine_answers_as_scikit_learn(hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rtml_nodelibs.nodes.standard.ml.artifact_utils import ModelUpload
    from rtml_nodelibs.nodes.standard.ml.onnx import ONNXNode
    from rtml_nodelibs.nodes.standard.preprocessing.json_to_df import JsonToDataframe
    from rtml_sdk.edge.utils import EdgeUtils
    from rtml_sdk.graph.utils import GraphBuilder
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn import svm
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    monkeypatch.chdir(tmp_path)
    iris = load_iris()
    X_train, _, y_train, _ = train_test_split(iris.data, iris.target, test_size=0.5, shuffle=True, random_state=0)
    classifier = svm.SVC(gamma=0.001).fit(X_train, y_train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # skl2onnx looks at what scikit-learn is about to give up
        onnx = convert_sklearn(classifier, "ScikitLearnModel", [("features", FloatTensorType([None, 4]))])
    Path("model.onnx").write_bytes(onnx.SerializeToString())
    model_id = ModelUpload(params={"model_path": "model.onnx"}).process(None, 1).model["model_id"]
    payload = rows().fillna(0)
    source = JsonToDataframe(params={"json_payload": payload.head(3).to_json()})
    score = ONNXNode(params={"features": FEATURES, "model_id": model_id})
    edge_utils = EdgeUtils()
    location, service = edge_utils.publish_to_edge(dsl=GraphBuilder.generate_dsl(nodes=[source, score], edges=[(source, score)]))
    variables: dict[str, Any] = {"edge_utils": edge_utils, "edge_location": location, "service_id": service}
    found = scored(variables, payload)
    assert found["output_label"].tolist() == classifier.predict(payload.to_numpy()).tolist()
    assert edge_utils.delete_from_edge(service_id=service)
